"""Directions: the power spherical distribution and the uniform one on the sphere."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import constraints
from scipy import special, stats

import lowerbound as lb
from lowerbound.distributions.support import measure

from ..tables import cases

DIMENSIONS = [2, 3, 20]


@partial(jax.jit, static_argnums=(0, 3))
def drawn(family, v, key, n):
    """n samples, their log-densities, and the mean direction, compiled once a family."""
    z = family(v).sample(key, (n,))
    return z, family(v).log_prob(z), family(v).direction


def vector(d, log_concentration, seed=0):
    v = np.random.default_rng(seed).normal(size=d + 1)
    v[-1] = log_concentration
    return v


def circle(n):
    angle = 2 * np.pi * (np.arange(n) + 0.5) / n
    return np.stack([np.cos(angle), np.sin(angle)], -1)


@pytest.mark.parametrize("d", cases([2, 3, 20, 512], fast=[3]))
@pytest.mark.parametrize("log_concentration", cases([-50.0, 0.0, 4.0, 50.0], fast=[-50.0, 50.0]))
def test_samples_have_norm_1(d, log_concentration):
    """To 1e-5, and to NumPyro's tolerance for the sphere, 1.2e-6 √d."""
    for z in (
        drawn(lb.PowerSpherical(d), vector(d, log_concentration), jax.random.key(0), 1000)[0],
        lb.UniformOnSphere(d).sample(jax.random.key(0), (1000,)),
    ):
        np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-5)
        assert constraints.sphere(z).all()


@pytest.mark.parametrize("log_concentration", cases([-3.0, 0.0, 2.0, 5.0], fast=[2.0]))
def test_density_integrates_to_1_over_the_circle_and_the_sphere(log_concentration):
    """Midpoint rule: in the angle on S¹; in height × angle on S², whose area is that of its cylinder."""
    p = lb.PowerSpherical(2)(jnp.asarray(vector(2, log_concentration)))
    density = np.exp(np.asarray(p.log_prob(circle(20_000)), np.float64))
    assert density.mean() * 2 * np.pi == pytest.approx(1, abs=1e-4)

    p = lb.PowerSpherical(3)(jnp.asarray(vector(3, log_concentration)))
    height = (np.arange(1000) + 0.5) / 500 - 1
    around = circle(500)
    radius = np.sqrt(1 - height**2)
    z = np.concatenate(
        [
            radius[:, None, None] * around,
            np.broadcast_to(height[:, None, None], (1000, 500, 1)),
        ],
        -1,
    )
    density = np.exp(np.asarray(p.log_prob(z), np.float64))
    assert density.mean() * 4 * np.pi == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("log_concentration", [0.0, 4.0, 9.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_height_of_samples_follows_its_beta_law(d, log_concentration, seed):
    """½(1 + μᵀz) ~ Beta((d − 1)/2 + κ, (d − 1)/2): the KS test of 5,000 samples does not refuse it at
    1e-3; means and variances of the coordinates are within 4.5 standard errors."""
    v = vector(d, log_concentration, seed)
    z, log_prob, mu = (
        np.asarray(n, np.float64) for n in drawn(lb.PowerSpherical(d), v, jax.random.key(seed), 5000)
    )
    kappa, b = np.exp(log_concentration), (d - 1) / 2
    half = 1 - ((z - mu) ** 2).sum(-1) / 4
    assert stats.kstest(half, stats.beta(b + kappa, b).cdf).pvalue > 1e-3
    q = lb.PowerSpherical(d)(jnp.asarray(v, jnp.float32))
    standard_error = z.std(0) / np.sqrt(5000)
    assert (np.abs(z.mean(0) - np.asarray(q.mean)) < 4.5 * standard_error).all()
    squares = (z - np.asarray(q.mean)) ** 2
    assert (np.abs(squares.mean(0) - np.asarray(q.variance)) < 4.5 * squares.std(0) / np.sqrt(5000)).all()
    # The density in float64, from the same μ and z.
    log_highest = special.gammaln(2 * b + kappa) - special.gammaln(b + kappa) - b * np.log(4 * np.pi)
    np.testing.assert_allclose(log_prob, log_highest + kappa * np.log(half), atol=1e-4)


@pytest.mark.parametrize(
    "v",
    cases([[1.0, 0.5, 0.3], [-0.7, 0.2, 2.0], [0.0, -1.0, -1.0], [3.0, 0.0, 5.0]], fast=[[1.0, 0.5, 0.3]]),
)
def test_gradient_of_an_expectation_is_that_of_quadrature_on_the_circle(v):
    """Of E[tanh(z₁ + 2z₂)] in all of the vector, within 4.5 standard errors of 20,000 samples."""
    family, weights = lb.PowerSpherical(2), np.array([1.0, 2.0])
    value = lambda v, key: jnp.tanh(family(v).sample(key) @ jnp.asarray(weights, v.dtype))  # noqa: E731
    keys = jax.random.split(jax.random.key(3), 20_000)
    gradients = jax.jit(jax.vmap(jax.grad(value), (None, 0)))(jnp.asarray(v, jnp.float32), keys)
    gradients = np.asarray(gradients, np.float64)

    z = circle(20_000)

    def mean(v):
        mu, kappa = v[:2] / np.linalg.norm(v[:2]), np.exp(v[2])
        log_density = kappa * np.log1p(z @ mu)
        density = np.exp(log_density - log_density.max())
        return (np.tanh(z @ weights) * density).sum() / density.sum()

    exact = [(mean(v + h) - mean(v - h)) / 2e-4 for h in 1e-4 * np.eye(3)]
    standard_error = gradients.std(0) / np.sqrt(20_000)
    assert (np.abs(gradients.mean(0) - exact) < 4.5 * standard_error + 1e-7).all()


@pytest.mark.parametrize("d", cases([2, 3, 20], fast=[3]))
@pytest.mark.parametrize("log_concentration", cases([-2.0, 0.0, 3.0, 9.0], fast=[-2.0, 9.0]))
def test_divergence_from_uniform_and_entropy_are_means_of_log_ratios(d, log_concentration):
    """Within 4.5 standard errors of 20,000 samples; and the textbook's in float64, to 1e-5 nats + 1e-6."""
    v = vector(d, log_concentration)
    z, log_q, _ = drawn(lb.PowerSpherical(d), v, jax.random.key(4), 20_000)
    q, p = lb.PowerSpherical(d)(jnp.asarray(v, jnp.float32)), lb.UniformOnSphere(d)
    log_q = np.asarray(log_q, np.float64)
    standard_error = log_q.std() / np.sqrt(20_000)
    kl = float(lb.kl_divergence(q, p))
    assert abs(kl - (log_q - np.asarray(p.log_prob(z))).mean()) < 4.5 * standard_error
    assert abs(float(q.entropy()) + log_q.mean()) < 4.5 * standard_error

    kappa, b = np.exp(log_concentration), (d - 1) / 2
    a = b + kappa
    log_highest = special.gammaln(a + b) - special.gammaln(a) - b * np.log(4 * np.pi)
    area = np.log(2) + d / 2 * np.log(np.pi) - special.gammaln(d / 2)
    exact = log_highest + kappa * (special.digamma(a) - special.digamma(a + b)) + area
    assert kl == pytest.approx(exact, rel=1e-6, abs=1e-5)


def test_a_zero_vector_is_e1_and_can_be_learned_from():
    v = jnp.zeros(4)
    q = lb.PowerSpherical(3)(v)
    np.testing.assert_allclose(q.mean, [1 / 3, 0, 0], rtol=1e-6)
    gradient = jax.jit(jax.grad(lambda v: lb.PowerSpherical(3)(v).log_prob(jnp.array([0.0, 1.0, 0.0]))))(v)
    np.testing.assert_allclose(gradient[:3], [0, 1, 0], atol=1e-6)
    through = jax.jit(jax.grad(lambda v: lb.PowerSpherical(3)(v).sample(jax.random.key(0)).sum()))(v)
    assert np.isfinite(through).all()
    assert np.abs(through[1:3]).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("x64", [False, True])
def test_at_extreme_parameters_everything_is_finite(x64):
    with jax.enable_x64(x64):
        family = lb.PowerSpherical(3)
        axis = (-50.0, -1e-30, 0.0, 50.0)
        V = jnp.asarray(np.stack(np.meshgrid(*[axis] * 4), -1).reshape(-1, 4))

        def ratio(v, key):
            z = family(v).sample(key)
            return family(v).log_prob(z) + family(-v).log_prob(z), z

        both = jax.jit(jax.vmap(jax.vmap(jax.value_and_grad(ratio, has_aux=True), (None, 0)), (0, None)))
        (values, z), gradients = both(V, jax.random.split(jax.random.key(5), 20))
        assert family.support(z).all()
        assert np.isfinite(values).all()
        assert np.isfinite(gradients).all()
        opposite = jax.value_and_grad(lambda v: family(v).log_prob(jnp.array([-1.0, 0.0, 0.0])))
        assert all(np.isfinite(n).all() for n in opposite(jnp.array([1.0, 0.0, 0.0, 3.0])))


@pytest.mark.parametrize("d", cases([2, 3, 10], fast=[3]))
def test_the_uniform_direction_has_the_sphere_for_its_area(d):
    p = lb.UniformOnSphere(d)
    area = {2: 2 * np.pi, 3: 4 * np.pi, 10: np.pi**5 / 12}[d]
    log_prob = p.log_prob(p.sample(jax.random.key(6), (7,)))
    np.testing.assert_allclose(log_prob, np.full(7, -np.log(area)), rtol=1e-6)
    z = np.asarray(p.sample(jax.random.key(7), (20_000,)))
    np.testing.assert_allclose(z.mean(0), p.mean, atol=4.5 / np.sqrt(20_000 * d))
    np.testing.assert_allclose((z**2).mean(0), p.variance, atol=4.5 / np.sqrt(20_000))
    # A distribution without arrays goes through compiled functions as others do.
    leaves, structure = jax.tree.flatten(p)
    assert jax.tree.unflatten(structure, leaves).event_shape == (d,)


def test_support_and_measure():
    family = lb.PowerSpherical(3)
    assert family.size == 4
    q = family(jnp.zeros(4))
    assert family.support == q.support == lb.UniformOnSphere(3).support
    assert measure(q.support) == "Hausdorff"
    assert q.has_rsample
    assert lb.UniformOnSphere(3).has_rsample


@pytest.mark.slow
def test_it_is_fitted_as_a_posterior():
    """A VAE with directions for codes has a bound whose KL is in closed form."""
    latent = lb.PowerSpherical(3)
    model = lb.VAE(
        prior=lb.UniformOnSphere(3),
        posterior=lb.Conditional(lb.MLP(5, latent.size, key=jax.random.key(0)), latent),
        likelihood=lb.Conditional(lb.MLP(3, 5, key=jax.random.key(1)), lb.Bernoulli(5)),
    )
    draw = model.draw(jnp.ones(5), jax.random.key(2), samples=4)
    assert draw.z.shape == (4, 3)
    assert float(draw.kl) > 0


@pytest.mark.parametrize("part", ["PowerSpherical", "UniformOnSphere"])
def test_one_dimension_is_refused(part):
    with pytest.raises(
        ValueError, match=f"{part}: expected a whole number of at least 2 dimensions, found 1"
    ):
        getattr(lb, part)(1)
