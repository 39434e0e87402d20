"""Mixtures of products: monotone EM, closed forms, probabilities that sum to one."""

from itertools import islice

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats
from scipy.special import logsumexp

import lowerbound as lb
from lowerbound.baselines import fit_baselines, products
from lowerbound.baselines.products import (
    BetaBinomialMixture,
    BinomialMixture,
    expectation_maximization,
    fit_products,
)
from lowerbound.statistics import paired_difference

from ..tables import cases
from .clusters import COUNTED, FAMILIES, TRIALS, clusters, grid


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("pseudo_rows", [0.1, 1.0])
def test_em_never_lowers_its_objective(kind, pseudo_rows):
    x = clusters(kind, columns=7)
    rng = np.random.default_rng(1)
    start = FAMILIES[kind].uniform(5, 7, TRIALS[kind])
    steps = expectation_maximization(start, x, rng.dirichlet(np.ones(5), len(x)), pseudo_rows)
    objective = np.array([value for _, value in islice(steps, 60)])
    assert (np.diff(objective) >= -1e-11 * np.abs(objective[1:])).all()
    assert objective[-1] > objective[0] + 1


def test_em_is_monotone_to_rounding_in_single_precision(monkeypatch):
    monkeypatch.setattr(products, "DOUBLE_ENTRIES", 0)
    x = clusters("binomial", rows=2000, columns=7)
    x[:, 0] = 4  # a mean that single precision can round to 1
    rng = np.random.default_rng(1)
    start = BinomialMixture.uniform(5, 7, 4)
    assert start.statistics(x).dtype == np.float32
    steps = expectation_maximization(start, x, rng.dirichlet(np.ones(5), len(x)))
    objective = np.array([value for _, value in islice(steps, 60)])
    assert (np.diff(objective) >= -1e-6 * np.abs(objective[1:])).all()


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_objective_is_the_penalised_log_likelihood(kind):
    """With two pseudo-rows of every column's smoothed marginal, column by column."""
    x, trials = clusters(kind, rows=50), TRIALS[kind]
    start = FAMILIES[kind].uniform(2, 2, trials)
    halves = np.eye(2)[np.arange(50) % 2]
    mixture, objective = next(expectation_maximization(start, x, halves, pseudo_rows=2.0))
    values = np.arange(trials + 1.0)
    expected = mixture.log_prob(x).sum()
    for k in range(2):
        eta, constant = mixture.natural()
        expected += 2.0 * (np.log(mixture.weights[k]) + constant[k])
        for d in range(2):
            counts = (x[:, d][:, None] == values).sum(0)
            marginal = (counts + 1 / (trials + 1)) / 51
            if kind in ("bernoulli", "binomial"):
                expected += 2.0 * marginal @ values * eta[k, d]
            else:
                expected += 2.0 * marginal @ eta[k].reshape(2, -1)[d]
    assert_allclose(objective, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", cases(["bernoulli", "binomial"], fast=["binomial"]))
def test_independent_columns_have_the_closed_form(fitted, kind):
    baselines, x = fitted[kind]
    n, rows = TRIALS[kind], len(x)
    marginal = (x.sum(0) + n / 2) / (rows + 1)
    p = (x.sum(0) + marginal) / (n * (rows + 1))
    assert_allclose(baselines["independent"].log_prob(x), stats.binom(n, p).logpmf(x).sum(1), rtol=1e-10)


@pytest.mark.thorough
def test_independent_beta_binomial_is_at_its_maximum(fitted):
    """Against a general optimiser: the same smoothed histogram, the same optimum."""
    baselines, x = fitted["beta-binomial"]
    independent, values = baselines["independent"], np.arange(5)
    for d in range(2):
        counts = (x[:, d][:, None] == values).sum(0)
        weights = counts + (counts + 1 / 5) / (len(x) + 1)

        def loss(log_ab, weights=weights):
            return -weights @ stats.betabinom(4, *np.exp(log_ab)).logpmf(values)

        best = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead")
        found = loss(np.log([independent.a[0, d], independent.b[0, d]]))
        assert 0 <= found - best.fun + 1e-9 < 1e-2 * len(x)
        assert_allclose(found, best.fun, rtol=1e-4)


def test_one_component_is_independent_columns():
    x = clusters("bernoulli")
    one = fit_products(x, 1, family=BinomialMixture, trials=1, seed=5, steps=50)
    independent = fit_baselines(x, lb.Bernoulli(2))["independent"]
    assert_allclose(one.log_prob(x), independent.log_prob(x), rtol=1e-12)


@pytest.mark.parametrize("kind", COUNTED)
def test_a_mixture_finds_two_clusters(fitted, kind):
    """The mixture is above independent columns where columns depend on each other."""
    baselines, _ = fitted[kind]
    fresh = clusters(kind, seed=9)
    better, error = paired_difference(
        baselines["mixture"].log_prob(fresh), baselines["independent"].log_prob(fresh)
    )
    assert better > 3 * error


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("name", ["independent", "mixture"])
def test_probabilities_sum_to_one(fitted, kind, name):
    density = fitted[kind][0][name]
    assert_allclose(logsumexp(density.log_prob(grid(TRIALS[kind]))), 0, atol=1e-10)


def test_members_agree_with_scipy():
    rng = np.random.default_rng(0)
    w, x = np.array([0.3, 0.7]), grid(6)
    p, a, b = rng.random((2, 2)), rng.gamma(1.0, size=(2, 2)), rng.gamma(1.0, size=(2, 2))
    a[0, 0] = 1e5  # nearly Binomial

    def mixture(members):
        return logsumexp([np.log(w[k]) + members[k] for k in range(2)], axis=0)

    assert_allclose(
        BinomialMixture(6, w, "", p).log_prob(x),
        mixture([stats.binom(6, p[k]).logpmf(x).sum(1) for k in range(2)]),
        rtol=1e-10,
    )
    assert_allclose(
        BetaBinomialMixture(6, w, "", a, b).log_prob(x),
        mixture([stats.betabinom(6, a[k], b[k]).logpmf(x).sum(1) for k in range(2)]),
        rtol=1e-7,  # scipy's own differences of log-gammas
    )


def test_a_value_unseen_in_training_keeps_a_probability():
    x = np.zeros((100, 2))
    x[:50] = 4
    unseen = np.array([[2.0, 2.0]])
    for family in (lb.Binomial(2, 4), lb.BetaBinomial(2, 4), lb.Categorical(2, 5)):
        for name in ("independent", "mixture"):
            score = fit_baselines(x, family)[name].log_prob(unseen)
            assert score > -40
