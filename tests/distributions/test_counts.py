"""Counts keep their digits in float32, where terms of the textbook's formulas cancel."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy.special import gammaln, psi

import lowerbound as lb
from lowerbound.distributions.counts import BetaBinomialDistribution

from ..tables import cases


@pytest.mark.parametrize("trials", cases([1, 16, 64, 65, 1000, 65_535], fast=[16, 1000]))
def test_beta_binomial_in_float32_is_its_betaln_form_in_float64(trials):
    """Wherever the concentration lies between e⁻⁹ and e¹²: both forms, up to 64 trials and above, to 1e-5,
    and gradients to 1e-4. In float32 betaln itself is off by 0.1 nats at e¹², and a difference of log-gammas
    by 0.17 at 65,535 trials."""
    rng = np.random.default_rng(trials)
    v = np.stack([rng.normal(size=300), rng.uniform(-9, 12, size=300)], axis=1).astype(np.float32)
    x = rng.integers(trials + 1, size=300)

    def betaln_form(v, x):
        a, b = jnp.exp(v[1]) * jax.nn.sigmoid(v[0]), jnp.exp(v[1]) * jax.nn.sigmoid(-v[0])
        return dist.BetaBinomial(a, b, total_count=trials).log_prob(x)

    def library_form(v, x):
        return lb.BetaBinomial(1, trials)(v).log_prob(x[None])

    def value_and_gradient(form, dtype):
        both = jax.jit(jax.vmap(jax.value_and_grad(form)))
        return both(jnp.asarray(v, dtype), jnp.asarray(x, dtype))

    with jax.enable_x64(True):
        exact, exact_gradient = map(np.asarray, value_and_gradient(betaln_form, np.float64))
    value, gradient = value_and_gradient(library_form, np.float32)
    np.testing.assert_allclose(value, exact, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradient, exact_gradient, rtol=1e-4, atol=1e-4)


# Concentrations a and b: below and above 1, equal and not, and at the ends.
CONCENTRATIONS = [(1.0, 1.0), (0.3, 0.6), (50.0, 20.0), (1e4, 3e4), (5e5, 5e5), (1e-6, 1e-6), (1e-6, 1e6)]


@pytest.mark.parametrize("trials", cases([6, 65, 65_536], fast=[6, 65]))
def test_the_mass_of_a_beta_binomial_is_1(trials):
    """Over all counts, to 1e-5."""
    a, b = np.array(CONCENTRATIONS, np.float32).T[:, :, None]
    log_prob = jax.jit(lambda a, b, x: BetaBinomialDistribution(a, b, trials).log_prob(x))
    P = np.exp(np.asarray(log_prob(a, b, jnp.arange(trials + 1.0)), np.float64))
    np.testing.assert_allclose(P.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("trials", cases([65, 65_536], fast=[65]))
def test_a_beta_binomial_is_that_of_float64_wherever_a_and_b_are(trials):
    """At the same a and b, at both ends and between: log P and its slopes in log a and log b, to 1e-5 of
    themselves or of 1, whichever is more."""
    a, b = np.array(CONCENTRATIONS, np.float32).repeat(6, axis=0).T
    n, x = trials, np.tile([0, 1, trials // 3, trials // 2, trials - 1, trials], len(CONCENTRATIONS))

    @jax.jit
    @jax.vmap
    def value_and_slope(a, b, x):
        moved = lambda log_ratios: BetaBinomialDistribution(  # noqa: E731
            a * jnp.exp(log_ratios[0]), b * jnp.exp(log_ratios[1]), n
        )
        return jax.value_and_grad(lambda log_ratios: moved(log_ratios).log_prob(x))(jnp.zeros(2))

    value, slope = value_and_slope(a, b, x.astype(np.float32))
    a, b = a.astype(np.float64), b.astype(np.float64)
    rising = lambda c, k: gammaln(c + k) - gammaln(c)  # noqa: E731
    exact = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + rising(a, x) + rising(b, n - x)
    both = psi(a + b + n) - psi(a + b)
    slopes = [a * (psi(a + x) - psi(a) - both), b * (psi(b + n - x) - psi(b) - both)]
    np.testing.assert_allclose(value, exact - rising(a + b, n), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slope, np.transpose(slopes), rtol=1e-5, atol=1e-5)


def test_more_trials_than_float32_holds_are_refused():
    with pytest.raises(ValueError, match=r"BetaBinomial\.trials: expected at most 65536.* found 65537"):
        lb.BetaBinomial(2, 65_537)
