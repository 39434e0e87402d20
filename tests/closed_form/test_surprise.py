"""The surprise of a column given the others, against the conditional density of a linear-Gaussian model."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb

from .linear_gaussian import LinearGaussian, affine

D, K, SIGMA = 4, 2, 0.6
rng = np.random.default_rng(5)
LINEAR = LinearGaussian(rng.normal(size=(D, K)), rng.normal(size=D), SIGMA)
COVARIANCE = LINEAR.marginal.cov
# Usual rows, and one whose column 2 is ten deviations off.
ROWS = rng.multivariate_normal(LINEAR.b, COVARIANCE, 4).astype(np.float32)
ROWS[3, 2] += 10 * np.sqrt(COVARIANCE[2, 2])


def exact(x):
    """−log p(xⱼ∣x_rest): with the precision Λ of p(x), N(xⱼ; xⱼ − (Λ(x − b))ⱼ/Λⱼⱼ, 1/Λⱼⱼ)."""
    precision = np.linalg.inv(COVARIANCE)
    off = (x - LINEAR.b) @ precision / np.diag(precision)
    return 0.5 * (np.log(2 * np.pi / np.diag(precision)) + off**2 * np.diag(precision))


@pytest.fixture(scope="module")
def found():
    return lb.surprise(LINEAR.model(), ROWS)


@pytest.mark.thorough
def test_it_is_the_conditional_density(found):
    """Within 5 standard errors, which are at most √2 times the 0.05 nats asked for; of the value that is far
    off too, of which the encoder of x_rest, never trained on holes, knows nothing."""
    assert (abs(found.surprise - exact(ROWS)) < 5 * found.standard_error + 1e-3).all()
    assert (found.standard_error < 0.08).all()
    assert found.reliable.all()
    assert found.surprise[3].argmax() == 2
    assert found.surprise[3, 2] > 20


@pytest.mark.thorough
def test_it_is_in_the_columns_own_units(found):
    """A scale of c adds log c to a column's surprise: to float32's rounding and the fits' noise."""
    scale = np.array([2.0, 3.0, 5.0, 7.0])
    T = lb.Standardization(mean=jnp.zeros(D), scale=jnp.asarray(scale))
    scaled = lb.surprise(replace(LINEAR.model(), transform=T), ROWS * scale)
    error = np.hypot(found.standard_error, scaled.standard_error)
    assert (abs(scaled.surprise - found.surprise - np.log(scale)) < 5 * error + 1e-3).all()


@pytest.mark.thorough
def test_what_is_missing_has_none_and_is_not_given():
    """The row without column 1 is one of the three others."""
    model = LINEAR.model()
    holes = eqx.tree_at(
        lambda model: model.likelihood,
        model,
        lb.Conditional(
            affine(LINEAR.W.T, LINEAR.b), lb.DiagonalGaussian(D, scale=lb.FixedScale(SIGMA), missing=True)
        ),
    )
    x, seen = ROWS[:1].copy(), [0, 2, 3]
    x[0, 1] = np.nan
    found = lb.surprise(holes, x)
    assert np.isnan(found.surprise[0, 1])
    assert np.isnan(found.standard_error[0, 1])
    precision = np.linalg.inv(COVARIANCE[np.ix_(seen, seen)])
    off = (x[0, seen] - LINEAR.b[seen]) @ precision / np.diag(precision)
    expected = 0.5 * (np.log(2 * np.pi / np.diag(precision)) + off**2 * np.diag(precision))
    assert (abs(found.surprise[0, seen] - expected) < 5 * found.standard_error[0, seen] + 1e-3).all()


def test_columns_that_are_not_independent_given_z_are_refused():
    def likelihood(z):
        return dist.MultivariateNormal(jnp.zeros(D) + z[0], jnp.eye(D))

    model = lb.VAE(lb.StandardNormal(K), LINEAR.model().posterior, likelihood)
    with pytest.raises(TypeError, match="its likelihood does not take missing values"):
        lb.surprise(model, ROWS)
