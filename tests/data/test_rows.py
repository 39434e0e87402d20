"""What counts as data, and the supports of likelihoods."""

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.rows import as_rows, check_support, padded_size


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("uint8", "uint8"),
        ("bool", "bool"),
        ("int64", "int32"),
        ("float64", "float32"),
        ("float32", "float32"),
    ],
)
def test_rows_keep_a_type_of_their_own_that_a_device_has(given, kept):
    assert as_rows(np.ones((2, 2), given)).dtype == kept


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[1.0, np.inf], [np.nan, 1.0]], ValueError, r"found inf in row 0, column 1 \(2 values in all"),
        ([["a"]], TypeError, "x: expected an array of real numbers, found text"),
        ([[1 + 2j]], TypeError, "found complex numbers"),
        (np.array([[None]]), TypeError, "found Python objects"),
        ([1, 2], ValueError, r"shape \(n, d\), found shape \(2,\)"),
        (np.ones((2, 0)), ValueError, "at least one row and one column"),
        ([[2**40]], ValueError, "fit into 32 bits"),
    ],
)
def test_anything_else_is_refused_with_its_place(x, error, message):
    with pytest.raises(error, match=message):
        as_rows(x)


@pytest.mark.parametrize(
    ("family", "inside", "outside", "words"),
    [
        (lb.Bernoulli(2), [[0, 1]], [[0, 0.5]], r"\{0, 1\}, found 0.5 in row 0, column 1; binarise"),
        (lb.Binomial(2, 16), [[0, 16]], [[17, 0]], "whole numbers from 0 to 16, found 17 in row 0, column 0"),
        (lb.BetaBinomial(2, 16), [[0, 16]], [[1, 2.5]], "whole numbers from 0 to 16, found 2.5"),
        (lb.Categorical(2, 4), [[0, 3]], [[0, -1]], "whole numbers from 0 to 3, found -1"),
        (
            lb.Poisson(2),
            [[0, 1e6]],
            [[0, 2.5]],
            "whole numbers from 0, found 2.5 .*; round to counts, or .* real",
        ),
        (
            lb.NegativeBinomial(2),
            [[0, 3]],
            [[0, -1]],
            "found -1 .*; counts are not negative: .* real numbers",
        ),
        (
            lb.LogNormal(2),
            [[1e-9, 3]],
            [[1, -2]],
            "numbers above 0, found -2 .*; take a family for real numbers",
        ),
        (
            lb.LogNormal(2),
            [[1e-9, 3]],
            [[1, 0]],
            "above 0, found 0 in row 0, column 1; 0 is no value of such",
        ),
        (lb.Gamma(2), [[1e-9, 3]], [[0, 1]], "above 0, found 0 .*NegativeBinomial for counts"),
        (lb.Beta(2), [[0.1, 0.9]], [[0.1, 1]], "from 0 to 1, found 1 .*; take ContinuousBernoulli"),
        (lb.Beta(2), [[0.1, 0.9]], [[0.1, 2]], "from 0 to 1, found 2 .*; divide by the greatest value"),
        (
            lb.ContinuousBernoulli(2),
            [[0, 1]],
            [[0.1, -2]],
            "from 0 to 1, found -2 .*BetaBinomial for whole numbers",
        ),
        (lb.DiscretizedLogistic(2), [[0, 255]], [[256, 0]], "whole numbers from 0 to 255, found 256"),
        (
            lb.DiagonalGaussian(2),
            [[0, -9]],
            [[np.nan, 0]],
            "real numbers, found nan .*; make .* missing=True",
        ),
        (
            lb.MixedColumns([lb.Poisson(1), lb.Bernoulli(1)], [[1], [0]]),
            [[1, 9]],
            [[1, 9], [1, 2.5], [0.5, 0]],
            "whole numbers from 0 in column 1, found 2.5 in row 1, column 1; round",
        ),
    ],
)
def test_data_outside_a_likelihoods_support_are_refused_with_the_ways_out(family, inside, outside, words):
    check_support(np.array(inside), family.support)
    with pytest.raises(ValueError, match=words):
        check_support(np.array(outside), family.support)


@pytest.mark.parametrize("kind", [lb.Bernoulli, lb.Poisson, lb.LogNormal, lb.Beta])
def test_nan_is_in_the_support_where_it_stands_for_a_missing_value(kind):
    inside = np.array([[np.nan, 1.0 if kind is not lb.Beta else 0.5]])
    check_support(inside, kind(2, missing=True).support)
    with pytest.raises(ValueError, match="found -1 in row 0, column 1"):
        check_support(np.array([[np.nan, -1.0]]), kind(2, missing=True).support)
    with pytest.raises(ValueError, match="found nan in row 0, column 0"):
        check_support(inside, kind(2).support)


def test_a_gaussian_takes_any_real_number():
    check_support(np.array([[-1e6, 0.1]]), lb.DiagonalGaussian(2).support)


def test_padding_is_at_most_an_eighth_and_sizes_are_few():
    sizes = [padded_size(n) for n in range(1, 5000)]
    assert all(n <= size <= n * 9 / 8 for n, size in enumerate(sizes, 1))
    assert len(set(sizes)) < 100
