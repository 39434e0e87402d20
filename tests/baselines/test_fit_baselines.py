"""What is fitted to which data, what is said of it, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import lowerbound as lb
from lowerbound.baselines import are_comparable, fit, fit_baselines

from ..tables import cases
from .clusters import EVERY, clusters, family_of


@pytest.mark.parametrize("kind", EVERY)
def test_names_and_notes(fitted, kind):
    baselines, x = fitted[kind]
    gaussians = {"factor-analysis", "gaussian-mixture-full", "gaussian-mixture-diagonal"}
    assert set(baselines) == gaussians | (set() if kind == "gaussian" else {"independent", "mixture"})
    for name, density in baselines.items():
        bound = kind != "gaussian" and name in gaussians
        assert ("a lower bound, through uniform dequantisation" in density.note) == bound
        assert "\n" not in density.note
        scores = density.log_prob(x)
        assert scores.shape == (len(x),)
        assert np.isfinite(scores).all()


@pytest.mark.thorough
def test_the_seed_decides_everything():
    x = clusters("binomial", columns=3)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, second, third = (fit_baselines(x, lb.Binomial(3, 4), seed=s) for s in (1, 1, 2))
    assert_array_equal(np.random.get_state()[1], before)
    for name in first:
        assert_array_equal(first[name].log_prob(x), second[name].log_prob(x))
    bound = "factor-analysis"
    assert (first[bound].log_prob(x) != third[bound].log_prob(x)).any()


def test_a_cap_on_rows_is_said(monkeypatch):
    monkeypatch.setattr(fit, "GAUSSIAN_ENTRIES", 300)
    monkeypatch.setattr(fit, "FULL_COLUMNS", 2)
    baselines = fit_baselines(clusters("bernoulli", columns=3), lb.Bernoulli(3))
    assert "trained on 100 of 300 rows" in baselines["factor-analysis"].note
    assert "trained on" not in baselines["mixture"].note
    assert "gaussian-mixture-full" not in baselines
    assert "full covariance left out above 2 columns" in baselines["gaussian-mixture-diagonal"].note


@pytest.mark.parametrize(
    ("x", "family", "message"),
    [
        (np.ones(20), None, r"found shape \(20,\)"),
        (np.full((20, 2), np.nan), None, "found nan"),
        (np.full((20, 2), 0.5), lb.Bernoulli(2), "found 0.5"),
        (np.full((20, 2), -1), lb.Binomial(2, 4), "whole numbers from 0 to 4.*found -1"),
        (np.full((20, 2), 2), lb.Bernoulli(2), "found 2"),
        (np.full((20, 2), 5), lb.Binomial(2, 4), "whole numbers from 0 to 4.*found 5"),
        (np.ones((9, 2)), lb.Bernoulli(2), "x has 9 rows: baselines need at least 10"),
    ],
)
def test_a_wrong_call_says_what_was_expected(x, family, message):
    with pytest.raises(ValueError, match=message):
        fit_baselines(x, family)
    with pytest.raises(TypeError, match=r"expected a family.* found 'poisson'"):
        fit_baselines(np.ones((20, 2)), "poisson")


@pytest.mark.thorough
def test_a_family_says_what_its_columns_are_held_against():
    """One of its own by its name; another over 0 … n counts; without an end, or continuous, itself."""
    noted = {
        lb.Categorical(2, 5): "independent columns, Categorical(5), one pseudo-row",
        lb.DiscretizedLogistic(2, 5): "independent columns, BetaBinomial(4), one pseudo-row",
        lb.Poisson(2): "one Poisson, one pseudo-row",
    }
    x = clusters("binomial", rows=30)
    for family, note in noted.items():
        assert fit_baselines(x, family)["independent"].note == note
    assert "independent" not in fit_baselines(x, lb.DiagonalGaussian(2))


def test_baselines_are_of_the_same_measure_or_none():
    standardized = lb.Standardization(mean=np.zeros(2), scale=np.ones(2))
    assert are_comparable(lb.Laplace(2), standardized)
    assert not are_comparable(lb.Laplace(2), lb.Dequantization(256))
    assert are_comparable(lb.Bernoulli(2), lb.DynamicBinarization())
    assert not are_comparable(lb.Dirichlet(2), lb.Identity())


@pytest.mark.parametrize("rows", cases([10, 30], fast=[10]))
@pytest.mark.parametrize("columns", cases([1, 2], fast=[2]))
@pytest.mark.parametrize("constant", [False, True])
def test_small_and_constant_tables_are_fitted(rows, columns, constant):
    x = clusters("binomial", rows=rows, columns=columns)
    x[:, 0] = 3 if constant else x[:, 0]
    for kind in ("beta-binomial", "gaussian"):
        for density in fit_baselines(x, family_of(kind, columns)).values():
            assert np.isfinite(density.log_prob(x)).all()


@pytest.mark.slow
def test_digits():
    """The order that the sketches found on 1,437 / 360 rows, 0..16."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(load_digits().data, test_size=0.2, random_state=0)
    baselines = fit_baselines(train, lb.BetaBinomial(64, 16))
    score = {name: density.log_prob(test).mean() for name, density in baselines.items()}
    assert score["factor-analysis"] > -135
    assert score["gaussian-mixture-full"] > -123
    assert score["gaussian-mixture-diagonal"] > -119
    assert score["independent"] > -111
    assert score["mixture"] > -90.5
