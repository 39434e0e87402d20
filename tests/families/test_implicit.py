"""Gamma, Beta and Dirichlet: their samples' gradients, float32's ends, and their divergences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import special, stats

import lowerbound as lb
from lowerbound.distributions.implicit import SMALLEST

from ..tables import cases

GAMMAS = [(0.1, 1.0), (2.5, 3.0), (100.0, 100.0), (9e3, 9e3)]
BETAS = [(0.1, 0.1), (3.0, 5.0), (100.0, 100.0), (100.0, 0.1), (5e3, 5e3)]
FAMILIES = [lb.Gamma(2), lb.Beta(2), lb.Dirichlet(3)]
each_family = pytest.mark.parametrize(
    "family", cases({type(family).__name__: family for family in FAMILIES}, fast=["Gamma"])
)


@partial(jax.jit, static_argnums=(0, 3))
def drawn(family, v, key, n):
    """n samples and their log-densities, compiled once a family."""
    z = family(v).sample(key, (n,))
    return z, family(v).log_prob(z)


def gamma(v):
    return stats.gamma(np.exp(v[0]), scale=np.exp(-v[1]))


def beta(v):
    return stats.beta(np.exp(v[0]), np.exp(v[1]))


def first_of_dirichlet(v):
    """The law of the first coordinate."""
    return stats.beta(np.exp(v[0]), np.exp(v[1]) + np.exp(v[2]))


def quadrature_gradient(law, v, h=1e-3):
    """Of E[tanh 3z] = ∫ tanh(3 F⁻¹(u)) du in each parameter: midpoint rule, central differences."""
    u = (np.arange(20_000) + 0.5) / 20_000

    def mean(v):
        return np.tanh(3 * law(v).ppf(u)).mean()

    return np.array([(mean(v + h * e) - mean(v - h * e)) / (2 * h) for e in np.eye(len(v))])


def sampled_gradient(family, v, n=20_000):
    """Mean and standard error of the gradient of tanh 3z₁ through n samples, in float32."""
    value = lambda v, key: jnp.tanh(3 * family(v).sample(key)[0])  # noqa: E731
    keys = jax.random.split(jax.random.key(1), n)
    gradients = jax.jit(jax.vmap(jax.grad(value), (None, 0)))(jnp.asarray(v, jnp.float32), keys)
    gradients = np.asarray(gradients, np.float64)
    return gradients.mean(0), gradients.std(0) / np.sqrt(n)


EXPECTATIONS = {
    f"{type(family).__name__}{numbers}": (family, law, numbers)
    for family, law, table in (
        (lb.Gamma(1), gamma, GAMMAS),
        (lb.Beta(1), beta, BETAS),
        (lb.Dirichlet(3), first_of_dirichlet, [(0.1, 0.2, 0.3), (100.0, 9.0, 50.0)]),
    )
    for numbers in table
}


@pytest.mark.parametrize(
    ("family", "law", "concentrations"),
    cases(EXPECTATIONS, fast=["Gamma(2.5, 3.0)", "Dirichlet(0.1, 0.2, 0.3)"]),
)
def test_gradient_of_an_expectation_is_that_of_quadrature(family, law, concentrations):
    """Within 4.5 standard errors of 20,000 samples, which are 0.1 to 3 percent of the gradient."""
    v = np.log(concentrations)
    mean, standard_error = sampled_gradient(family, v)
    assert (np.abs(mean - quadrature_gradient(law, v)) < 4.5 * standard_error).all()


@pytest.mark.slow
@pytest.mark.parametrize("concentrations", [*BETAS, (1e4, 1e4), (1e4, 1.0), (3e3, 0.5)], ids=str)
def test_densities_in_float32_are_those_of_scipy(concentrations):
    """To 1e-4 nats at own samples; NumPyro's are off by up to 3e-2 at 1e4. Of samples that stand for an
    interval (float32's ends) the density is the interval's mean, and not compared here."""
    v = np.log(np.asarray(concentrations, np.float32))
    numbers = np.exp(v.astype(np.float64))
    compare = partial(np.testing.assert_allclose, atol=1e-4)

    x, log_prob = map(np.asarray, drawn(lb.Gamma(1), v, jax.random.key(0), 500))
    inside = (x > SMALLEST)[:, 0]
    exact = gamma(np.log(numbers)).logpdf(x.astype(np.float64))[:, 0]
    compare(log_prob[inside], exact[inside])

    x, log_prob = map(np.asarray, drawn(lb.Beta(1), v, jax.random.key(0), 500))
    inside = ((x > SMALLEST) & (x < 1 - 2.0**-24))[:, 0]
    exact = beta(np.log(numbers)).logpdf(x.astype(np.float64))[:, 0]
    compare(log_prob[inside], exact[inside])

    x, log_prob = map(np.asarray, drawn(lb.Dirichlet(4), np.concatenate([v, v]), jax.random.key(0), 500))
    inside = (x > SMALLEST).all(-1)
    alpha, x = np.concatenate([numbers, numbers]), x.astype(np.float64)
    norm = special.gammaln(alpha).sum() - special.gammaln(alpha.sum())
    exact = (special.xlogy(alpha - 1, x / x.sum(-1, keepdims=True))).sum(-1) - norm
    compare(log_prob[inside], exact[inside])


@pytest.mark.slow
@each_family
@pytest.mark.parametrize("x64", [False, True])
def test_at_extreme_parameters_samples_densities_and_gradients_are_finite(family, x64):
    with jax.enable_x64(x64):
        key = jax.random.key(3)
        corners = np.stack(np.meshgrid(*[(-50.0, 0.0, 50.0)] * family.size), -1).reshape(-1, family.size)

        def ratio(v, key):
            z = family(v).sample(key)
            return family(v).log_prob(z) - family(-v).log_prob(z), z

        both = jax.jit(jax.vmap(jax.vmap(jax.value_and_grad(ratio, has_aux=True), (None, 0)), (0, None)))
        (values, z), gradients = both(jnp.asarray(corners), jax.random.split(key, 20))
        assert (z > 0).all()
        assert isinstance(family, lb.Gamma) or (z < 1).all()
        assert family.support(z).all()
        assert np.isfinite(values).all()
        assert np.isfinite(gradients).all()


AT_THE_ENDS = {
    "Gamma at 0.05": (lb.Gamma(1), (0.05, 1.0), (0.1, 1.0)),
    "Gamma at 0.02": (lb.Gamma(1), (0.02, 1.0), (0.03, 3.0)),
    "Beta at 0": (lb.Beta(1), (0.05, 1.0), (0.1, 1.0)),
    "Beta at 1": (lb.Beta(1), (1.0, 0.2), (1.0, 0.25)),
    "Dirichlet": (lb.Dirichlet(2), (0.02, 1.0), (0.03, 3.0)),
}


@pytest.mark.parametrize(("family", "q", "p"), cases(AT_THE_ENDS, fast=[]))
def test_importance_weights_have_mean_1_where_float32_ends(family, q, p):
    """E_q[p(z)/q(z)] = 1 within 4.5 standard errors of 100,000 samples, of which up to a fifth lie at an end;
    with the densities at the ends themselves it is off by up to 5 percent, dozens of standard errors."""
    q, p = (np.log(np.asarray(n, np.float32)) for n in (q, p))
    z, log_q = drawn(family, q, jax.random.key(4), 100_000)
    weights = np.exp(np.asarray(family(jnp.asarray(p)).log_prob(z) - log_q, np.float64))
    assert abs(weights.mean() - 1) < 4.5 * weights.std() / np.sqrt(weights.size)


@pytest.mark.thorough
def test_values_outside_have_no_density():
    assert lb.Gamma(1)(jnp.zeros(2)).log_prob(jnp.array([-1.0])) == -jnp.inf
    for x in (-0.1, 1.1):
        assert lb.Beta(1)(jnp.zeros(2)).log_prob(jnp.array([x])) == -jnp.inf
    assert lb.Dirichlet(2)(jnp.zeros(2)).log_prob(jnp.array([-0.1, 1.1])) == -jnp.inf
    assert jnp.isnan(lb.Beta(1)(jnp.zeros(2)).log_prob(jnp.array([jnp.nan])))
    assert float(lb.Beta(2, missing=True)(jnp.zeros(4)).log_prob(jnp.array([jnp.nan, 0.3]))) == pytest.approx(
        0, abs=1e-6
    )


def gamma_textbook(a, r, b, s):
    return (
        (a - b) * special.digamma(a)
        - special.gammaln(a)
        + special.gammaln(b)
        + b * np.log(r / s)
        + a * (s - r) / r
    )


def dirichlet_textbook(a, b):
    norms = (
        special.gammaln(a.sum()) - special.gammaln(b.sum()) - (special.gammaln(a) - special.gammaln(b)).sum()
    )
    return norms + ((a - b) * (special.digamma(a) - special.digamma(a.sum()))).sum()


@pytest.mark.parametrize(
    "numbers",
    [
        (1e4, 1e4, 1.01e4, 1e4),
        (9e3, 1.0, 1e4, 1.1),
        (0.01, 1.0, 3.0, 2.0),
        (100.0, 1.0, 1.0, 1.0),
        (9, 1, 11, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize(("x64", "rtol"), [(False, 1e-5), (True, 1e-9)])
def test_gamma_divergence_is_the_textbooks_in_float64(numbers, x64, rtol):
    """KL(Gamma(1e4, 1e4) ‖ Gamma(1.01e4, 1e4)) = 0.49837; NumPyro's formula gives 0.48651 in float32."""
    with jax.enable_x64(x64):
        a, r, b, s = numbers = np.asarray(numbers, float if x64 else np.float32)
        kl = lb.kl_divergence(dist.Gamma(a, r), dist.Gamma(b, s))
        np.testing.assert_allclose(kl, gamma_textbook(*numbers.astype(np.float64)), rtol=rtol)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1e4, 1e4], [1.01e4, 0.99e4]),
        ([1e4, 1.0], [9e3, 1.0]),
        ([0.01, 0.01, 3.0], [1.0, 1.0, 1.0]),
        ([1.0, 1.0], [1e3, 2.0]),
    ],
    ids=str,
)
@pytest.mark.parametrize(("x64", "rtol"), [(False, 2e-5), (True, 1e-8)])
def test_dirichlet_and_beta_divergences_are_the_textbooks_in_float64(a, b, x64, rtol):
    """KL(Dirichlet(1e4, 1e4) ‖ Dirichlet(1.01e4, 0.99e4)) = 1.00007; NumPyro's gives 0.99219 in float32."""
    with jax.enable_x64(x64):
        a, b = (np.asarray(n, float if x64 else np.float32) for n in (a, b))
        exact = dirichlet_textbook(a.astype(np.float64), b.astype(np.float64))
        np.testing.assert_allclose(lb.kl_divergence(dist.Dirichlet(a), dist.Dirichlet(b)), exact, rtol=rtol)
        if a.size == 2:
            np.testing.assert_allclose(lb.kl_divergence(dist.Beta(*a), dist.Beta(*b)), exact, rtol=rtol)


@each_family
def test_divergence_is_the_mean_of_the_log_ratio(family):
    """Within 4.5 standard errors of 20,000 samples; and 0 of a member from itself."""
    q, p = (family(0.7 * jax.random.normal(jax.random.key(s), (family.size,))) for s in (5, 6))
    z = q.sample(jax.random.key(7), (20_000,))
    log_ratio = np.asarray(q.log_prob(z) - p.log_prob(z), np.float64)
    assert abs(float(lb.kl_divergence(q, p)) - log_ratio.mean()) < 4.5 * log_ratio.std() / np.sqrt(20_000)
    assert float(lb.kl_divergence(q, q)) == pytest.approx(0, abs=1e-6)


def test_a_simplex_of_one_coordinate_is_refused():
    with pytest.raises(ValueError, match="Dirichlet: expected an event of at least 2 coordinates, found 1"):
        lb.Dirichlet(1)
