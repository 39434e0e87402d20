"""The bound on −log q(z), against the mixture itself."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from lowerbound.randomness.keys import as_key
from lowerbound.searching.mass import Mass

from .models import MIRROR, SPREAD, D, X

KEY = as_key(0)
Z = np.random.default_rng(1).normal(size=(50, D)).astype(np.float32)


def exact(z, x=X):
    """−log (1/N) Σₙ N(z; xₙ, σ²I)."""
    log_q = norm.logpdf(z[:, None], x[None].astype(float), SPREAD).sum(-1)
    return np.log(len(x)) - logsumexp(log_q, axis=1)


def test_of_all_rows_it_is_the_mixture_itself():
    mass = Mass.of(MIRROR, X, X[:10], len(X), quantile=1.0, key=KEY)
    np.testing.assert_allclose(mass.nats(Z), exact(Z), rtol=1e-5)


@pytest.mark.parametrize("some", [1, 40, 200])
def test_of_some_rows_it_is_never_below_and_comes_closer(some):
    nats = Mass.of(MIRROR, X[:some], X[-10:], len(X), quantile=1.0, key=KEY).nats(Z)
    assert (nats >= exact(Z) - 1e-4).all()
    # The terms that are left out are the whole difference.
    np.testing.assert_allclose(nats, exact(Z, X[:some]) + np.log(len(X) / some), rtol=1e-5)


def test_the_limit_is_a_quantile_of_codes_of_other_rows():
    half, most = (Mass.of(MIRROR, X[:200], X[200:], len(X), quantile=q, key=KEY) for q in (0.5, 1.0))
    z = Mass.of(MIRROR, X[200:], X[:10], len(X), quantile=1.0, key=KEY).sample(2000, np.random.default_rng(0))
    inside = half.inside(z).mean()
    assert abs(inside - 0.5) < 4 * np.sqrt(0.25 / 200 + 0.25 / 2000)
    assert most.limit > half.limit
    assert not half.inside(np.full((1, D), 30.0)).any()


def test_samples_are_of_the_mixture():
    mass = Mass.of(MIRROR, X[:50], X[50:], len(X), quantile=1.0, key=KEY)
    z = mass.sample(4000, np.random.default_rng(0))
    variance = X[:50].var(0) + SPREAD**2
    assert (np.abs(z.mean(0) - X[:50].mean(0)) < 4 * np.sqrt(variance / 4000)).all()
    assert (np.abs(z.var(0) / variance - 1) < 4 * np.sqrt(2 / 4000)).all()


def test_no_codes_have_no_nats():
    mass = Mass.of(MIRROR, X[:50], X[50:], len(X), quantile=1.0, key=KEY)
    assert mass.nats(Z[:0]).shape == (0,)
