"""Changes of variables: one pass for a sample and its density, moments where they exist, constants held."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import transforms
from scipy import stats
from scipy.special import expit

import lowerbound as lb
from lowerbound.distributions.kinds import MovingSupport, made_of, sample_with_log_prob

from ..tables import cases

FAMILIES = {
    "log-normal": lb.LogNormal(3),
    "logit-normal": lb.LogitNormal(3),
    "affine of laplace": lb.Transformed(lb.Laplace(3), transforms.AffineTransform(1.0, -2.0)),
    "sigmoid of full": lb.Transformed(lb.FullGaussian(3), transforms.SigmoidTransform()),
    "log of log-normal": lb.Transformed(lb.LogNormal(3), transforms.ExpTransform().inv),
    "log of exponential": lb.Transformed(lb.Exponential(3), transforms.ExpTransform().inv),
    "stick breaking": lb.Transformed(lb.DiagonalGaussian(2), transforms.StickBreakingTransform()),
    "permuted": lb.Transformed(lb.FullGaussian(3), transforms.PermuteTransform(np.array([2, 0, 1]))),
    "composed": lb.Transformed(
        lb.DiagonalGaussian(3),
        transforms.ComposeTransform([transforms.AffineTransform(1.0, 2.0), transforms.SigmoidTransform()]),
    ),
}


def member(family, seed=1):
    return family(0.5 * jax.random.normal(jax.random.key(seed), (family.size,)))


every_family = pytest.mark.parametrize("family", cases(FAMILIES, fast=["logit-normal", "stick breaking"]))


@every_family
def test_a_sample_with_its_density_is_that_sample_and_its_density(family):
    q, key = member(family), jax.random.key(2)
    z, log_q = sample_with_log_prob(q, key)
    assert z.shape == q.event_shape == (family.event_size,) == (3,)
    assert family.support == q.support
    assert family.support(z)
    np.testing.assert_array_equal(z, q.sample(key))
    np.testing.assert_allclose(log_q, q.log_prob(z), rtol=1e-5, atol=1e-5)
    assert q.has_rsample


@every_family
def test_the_density_is_the_base_density_over_the_jacobian(family):
    """log q(y) − log∣det ∂g/∂y∣, the Jacobian by automatic differentiation."""
    if not isinstance(family, lb.Transformed):
        g = transforms.ExpTransform() if isinstance(family, lb.LogNormal) else transforms.SigmoidTransform()
        family = lb.Transformed(lb.DiagonalGaussian(3), g)
    v = 0.5 * jax.random.normal(jax.random.key(1), (family.size,))
    base = family.family(v)
    y = base.sample(jax.random.key(3))
    # A simplex has one dimension fewer than numbers.
    jacobian = jax.jacobian(family.bijection)(y)[: y.size]
    expected = base.log_prob(y) - jnp.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(family(v).log_prob(family.bijection(y)), expected, rtol=1e-4, atol=1e-4)


def test_in_one_pass_the_density_is_right_where_an_inverse_would_not_be():
    """At y = 15 a sigmoid is 1 − 3e-7: from it float32 knows y to one decimal."""
    q = lb.LogitNormal(1)(jnp.array([15.0, -6.0]))
    z, log_q = jax.vmap(lambda key: sample_with_log_prob(q, key))(jax.random.split(jax.random.key(0), 1000))
    y = 15 + np.exp(-3) * stats.norm.rvs(size=1000, random_state=0)
    expected = stats.norm(15, np.exp(-3)).logpdf(y) - np.log(expit(y)) - np.log(expit(-y))
    assert float(log_q.mean()) == pytest.approx(expected.mean(), abs=0.1)
    assert ((z > 0) & (z < 1)).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", [lb.LogNormal(2), lb.LogitNormal(2)], ids=["log", "logit"])
@pytest.mark.parametrize("parameters", [(-50.0, -50.0), (-50.0, 50.0), (50.0, -50.0), (50.0, 50.0)])
def test_samples_are_finite_and_inside_at_extreme_parameters(family, parameters):
    v = jnp.repeat(jnp.asarray(parameters), 2)
    sample = lambda v, key: family(v).sample(key)  # noqa: E731
    keys = jax.random.split(jax.random.key(0), 200)
    z = jax.vmap(sample, (None, 0))(v, keys)
    slopes = jax.vmap(jax.jacrev(sample), (None, 0))(v, keys)
    density = jax.vmap(jax.value_and_grad(lambda v, z: family(v).log_prob(z)), (None, 0))(v, z)
    assert family.support(z).all()
    assert ((z > 0) & (z < (1 if isinstance(family, lb.LogitNormal) else np.inf))).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((slopes, density)))


@pytest.mark.parametrize("log_variance", cases([-20.0, -2.0, 0.0, 2.0, 5.0, 10.0], fast=[-20.0, 2.0]))
def test_the_moments_of_a_logit_normal_distribution(log_variance):
    sigma = np.exp(log_variance / 2)
    eps = np.linspace(-9, 9, 200_001)
    z, weights = expit(0.5 + sigma * eps), stats.norm.pdf(eps) * (eps[1] - eps[0])
    mean = weights @ z
    p = lb.LogitNormal(1)(jnp.array([0.5, log_variance]))
    tolerance = 1e-6 if sigma < 15 else 0.02
    assert float(p.mean[0]) == pytest.approx(mean, abs=tolerance)
    assert float(p.variance[0]) == pytest.approx(weights @ (z - mean) ** 2, abs=tolerance)


def test_the_variance_of_a_log_normal_distribution_keeps_a_small_scale():
    p = lb.LogNormal(1)(jnp.array([1.0, -20.0]))
    assert float(p.variance[0]) == pytest.approx(np.exp(2) * np.exp(-20), rel=1e-4)


WITH_MOMENTS = {
    "sigmoid of laplace": lb.Transformed(lb.Laplace(2), transforms.SigmoidTransform()),
    "affine": lb.Transformed(lb.DiagonalGaussian(2), transforms.AffineTransform(1.0, -2.0)),
    "softplus": lb.Transformed(lb.DiagonalGaussian(2), transforms.SoftplusTransform()),
    "exp of full": lb.Transformed(lb.FullGaussian(2), transforms.ExpTransform()),
    "sigmoid of low rank": lb.Transformed(lb.LowRankGaussian(2, 1), transforms.SigmoidTransform()),
}


@pytest.mark.parametrize("family", cases(WITH_MOMENTS, fast=["softplus"]))
def test_moments_are_those_of_samples(family):
    q = member(family)
    z = np.asarray(q.sample(jax.random.key(4), (40_000,)), float)
    squares = (z - z.mean(0)) ** 2
    for drawn, moment in ((z, q.mean), (squares, q.variance)):
        assert (abs(drawn.mean(0) - moment) < 5 * drawn.std(0) / np.sqrt(len(z))).all()


@pytest.mark.parametrize(
    "family",
    [
        lb.Transformed(lb.Laplace(2), transforms.ExpTransform()),
        lb.Transformed(lb.Cauchy(2), transforms.AffineTransform(0.0, 2.0)),
        lb.Transformed(lb.Gamma(2), transforms.ExpTransform().inv),
        lb.Transformed(lb.DiagonalGaussian(2), transforms.StickBreakingTransform()),
    ],
    ids=["exp of laplace", "affine of cauchy", "log of gamma", "stick breaking"],
)
def test_moments_that_may_not_exist_are_not_made_up(family):
    with pytest.raises(NotImplementedError, match="average samples instead"):
        _ = member(family).mean


def test_a_bijection_is_a_constant_equal_by_content():
    make = lambda scale: lb.Transformed(lb.Laplace(2), transforms.AffineTransform(jnp.zeros(2), scale))  # noqa: E731
    assert not jax.tree.leaves(lb.trainable(make(jnp.ones(2))))
    first, again, other = map(jax.tree.structure, map(make, (jnp.ones(2), jnp.ones(2), 2 * jnp.ones(2))))
    assert first == again != other
    assert hash(first) == hash(again)


def test_a_missing_value_passes_through_a_map_of_single_dimensions():
    family = lb.Transformed(lb.DiagonalGaussian(2, missing=True), transforms.ExpTransform())
    v, x = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([jnp.nan, 2.0])
    assert family.support(x)
    value, gradient = jax.value_and_grad(lambda v: family(v).log_prob(x))(v)
    assert float(value) == pytest.approx(stats.lognorm(np.exp(0.2), scale=np.exp(0.2)).logpdf(2), rel=1e-5)
    assert np.isfinite(gradient).all()
    assert (gradient[::2] == 0).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lb.Transformed(lb.Laplace(2), jnp.exp), TypeError, "expected a NumPyro Transform"),
        (lambda: lb.Transformed(lb.Laplace(2), transforms.AbsTransform()), ValueError, "one-to-one"),
        (
            lambda: lb.Transformed(lb.Exponential(2), transforms.ExpTransform()),
            ValueError,
            "ExpTransform takes real numbers, and Exponential gives numbers above 0",
        ),
        (
            lambda: lb.Transformed(lb.FullGaussian(3), transforms.CorrCholeskyTransform()),
            ValueError,
            "vectors or of numbers",
        ),
        (
            lambda: lb.Transformed(
                lb.DiagonalGaussian(2, missing=True), transforms.PermuteTransform(np.array([1, 0]))
            ),
            ValueError,
            "none can be missing",
        ),
    ],
)
def test_a_map_that_is_no_change_of_variables_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_support_of_a_uniform_distribution_moves_and_says_so():
    """Samples stay inside even where the width is below what float32 tells at the centre."""
    q = lb.Uniform(2)(jnp.array([50.0, 50.0, -24.0, -50.0]))
    assert made_of(q, MovingSupport)
    z = q.sample(jax.random.key(0), (1000,))
    np.testing.assert_allclose(q.log_prob(z), 12 + 25, rtol=1e-6)
    assert float(lb.Uniform(1)(jnp.zeros(2)).log_prob(jnp.array([0.51]))) == -np.inf
