"""What counts as data, and the supports of likelihoods."""

import jax
import numpy as np
import pytest
from numpyro.distributions import constraints

import lowerbound as lb
from lowerbound.data import rows
from lowerbound.data.inside import check_support
from lowerbound.data.numbers import as_rows
from lowerbound.data.rows import checked, padded_size
from lowerbound.models.transforms import Threshold


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
        (
            [[1.0, np.inf], [np.nan, 1.0]],
            ValueError,
            "found inf in row 0, column 1; 2 values in all",
        ),
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
            "whole numbers from 0, found 2.5 in row 1, column 1; round",
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


def _model(family, transform=None, given=0):
    d, latent = family.event_size, lb.DiagonalGaussian(1)
    k1, k2 = jax.random.split(jax.random.key(0))
    return lb.VAE(
        lb.StandardNormal(1),
        lb.Conditional(lb.MLP(d + given, latent.size, width=4, key=k1), latent, given=bool(given)),
        lb.Conditional(lb.MLP(1 + given, family.size, width=4, key=k2), family, given=bool(given)),
        transform,
    )


class _Halved(Threshold):
    """A transform of one's own, which says nothing of where it leads to."""

    codomain = constraints.real

    def __call__(self, x, key):
        return x / 2


@pytest.mark.parametrize(
    ("family", "transform", "inside", "outside"),
    [
        (lb.LogNormal(2), lb.Standardization(mean=np.ones(2), scale=np.ones(2)), 2.0, 0.5),
        (lb.Bernoulli(2), lb.DynamicBinarization(1), 0.5, 1.5),
        (lb.Bernoulli(2), lb.StaticBinarization(1), 0.5, -0.5),
        (lb.DiagonalGaussian(2), lb.Dequantization(4), 3, 4),
        (lb.Beta(2), lb.Dequantization(4), 3, 4),
        (lb.Poisson(2), _Halved(0.0), 2.0, 1.0),
        (lb.Bernoulli(2), None, 1, 2),
    ],
)
def test_every_row_is_held_against_the_support_behind_a_transform(family, transform, inside, outside):
    """Also beyond the first thousand, and for NaN in a column whose family takes none."""
    x = np.full((1300, 2), inside)
    model = _model(family, transform)
    assert len(checked(model, x)) == 1300
    x[1200, 1] = outside
    with pytest.raises(lb.DataError) as caught:
        checked(model, x)
    assert caught.value.place == (1200, 1)


def test_a_hole_in_a_column_that_takes_none_is_found_in_any_row():
    family = lb.MixedColumns([lb.DiagonalGaussian(1, missing=True), lb.DiagonalGaussian(1)])
    model = _model(family, lb.Standardization(mean=np.zeros(2), scale=np.ones(2)))
    x = np.ones((2000, 2))
    x[:1900, 0] = np.nan
    checked(model, x)
    x[1950, 1] = np.nan
    with pytest.raises(lb.DataError) as caught:
        checked(model, x)
    assert caught.value.place == (1950, 1)


@pytest.mark.thorough
def test_rows_are_checked_once_for_what_is_asked(monkeypatch):
    """The same rows for a model that asks the same, trained or not; anew for another support."""
    looks = []
    look = rows.check_support
    monkeypatch.setattr(rows, "check_support", lambda *a, **k: looks.append(1) or look(*a, **k))
    model, x = _model(lb.Bernoulli(3)), np.ones((5, 3))
    once = checked(model, x)
    assert len(looks) == 1
    result = lb.fit(model, once, epochs=1)
    lb.log_evidence(result.model, once, method="importance", samples=2)
    lb.encode(result.model, once[:2])
    assert checked(result.model, once) is once
    assert len(looks) == 1
    checked(_model(lb.Poisson(3)), once)
    assert len(looks) == 2
    with pytest.raises(lb.DataError, match="expected rows of 2 values, as the likelihood is of, found 3"):
        checked(_model(lb.Bernoulli(2)), once)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            np.ones((5, 3)),
            "the condition of x: expected one that the model's parts .*, found one of 3 values",
        ),
        (np.ones(5), "the condition of x: expected one that the model's parts .*, found one of 1 value"),
        (np.ones((4, 2)), "given: expected a condition for each of 5 rows of x, found 4"),
        (np.ones((6, 2)), "given: expected a condition for each of 5 rows of x, found 6"),
        (
            np.full((5, 2), np.nan),
            "the condition of x: expected finite numbers, found nan in row 0, column 0",
        ),
        ([["a", "b"]] * 5, "the condition of x: expected an array of real numbers, found text"),
    ],
)
def test_a_condition_is_checked_where_it_comes_in(given, message):
    model = _model(lb.Bernoulli(3), given=2)
    x, good = np.ones((5, 3)), np.ones((5, 2))
    assert checked(model, x, good).given.shape == (5, 2)
    for use in (lb.encode, lb.reconstruct, lb.log_evidence, lb.fit):
        with pytest.raises(lb.DataError, match=message):
            use(model, x, given=given)


def test_a_condition_of_codes_or_of_a_sample_is_one_for_each():
    model = _model(lb.Bernoulli(3), given=2)
    for n in (4, 6):
        with pytest.raises(lb.DataError, match=f"for each of 5 rows of z, found {n}"):
            lb.decode(model, np.ones((5, 1)), given=np.ones((n, 2)))
        with pytest.raises(lb.DataError, match=f"for each of 5 rows of the sample, found {n}"):
            lb.sample(model, 5, key=0, given=np.ones((n, 2)))
