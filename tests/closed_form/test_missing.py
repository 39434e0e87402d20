"""Missing values: the bound, the evidence and the imputation of what was observed, against the exact ones."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb

from .linear_gaussian import affine

D, K, SIGMA = 4, 2, 0.6
rng = np.random.default_rng(5)
W, B = rng.normal(size=(D, K)), rng.normal(size=D)
COVARIANCE = W @ W.T + SIGMA**2 * np.eye(D)
HOLES = np.array([1, 3])
SEEN = np.array([0, 2])


def model(x, *, widen=1.0):
    """p(x∣z) = N(Wz + b, σ²I) with missing values, and the exact posterior of the observed part of `x`,
    `widen` times as wide."""
    observed = ~np.isnan(x)
    precision = np.eye(K) + W[observed].T @ W[observed] / SIGMA**2
    covariance = np.linalg.inv(precision)
    mean = covariance @ W[observed].T @ (x[observed] - B[observed]) / SIGMA**2
    L = widen * np.linalg.cholesky(covariance)
    latent = lb.FullGaussian(K)
    vector = latent.vector(mean, L)
    return lb.VAE(
        lb.StandardNormal(K),
        lb.Conditional(affine(np.zeros((D, latent.size)), vector), latent),
        lb.Conditional(affine(W.T, B), lb.DiagonalGaussian(D, scale=lb.FixedScale(SIGMA), missing=True)),
    )


@pytest.fixture
def row():
    x = rng.multivariate_normal(B, COVARIANCE)
    x[HOLES] = np.nan
    return x.astype(np.float32)


def exact(x):
    """log p(x_observed), and the mean and covariance of p(x_missing∣x_observed)."""
    seen, holes = ~np.isnan(x), np.isnan(x)
    gain = COVARIANCE[np.ix_(holes, seen)] @ np.linalg.inv(COVARIANCE[np.ix_(seen, seen)])
    return (
        stats.multivariate_normal(B[seen], COVARIANCE[np.ix_(seen, seen)]).logpdf(x[seen]),
        B[holes] + gain @ (x[seen] - B[seen]),
        COVARIANCE[np.ix_(holes, holes)] - gain @ COVARIANCE[np.ix_(seen, holes)],
    )


def test_the_bound_with_the_exact_posterior_is_log_p_of_the_observed_part(row):
    """To 1e-4, at every draw."""
    bound = lb.ELBO(samples=1, kl="monte_carlo")
    values = jax.jit(jax.vmap(lambda key: bound(model(row), row, key)))(
        jax.random.split(jax.random.key(0), 50)
    )
    np.testing.assert_allclose(values, exact(row)[0], atol=1e-4)


def test_the_evidence_is_that_of_the_observed_part(row):
    """Within 4 of its own standard errors, and with a transform in the units of the observed columns."""
    evidence = lb.log_evidence(model(row, widen=1.2), row[None], method="importance", samples=4000)
    assert abs(evidence.log_prob[0] - exact(row)[0]) < 4 * evidence.standard_error[0]
    scale = np.array([2.0, 3.0, 5.0, 7.0])
    T = lb.Standardization(mean=jnp.zeros(D), scale=jnp.asarray(scale))
    scaled = lb.log_evidence(
        replace(model(row), transform=T), (row * scale)[None], method="importance", samples=100
    )
    expected = exact(row)[0] - np.log(scale[SEEN]).sum()
    assert scaled.log_prob[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.thorough
def test_imputed_draws_follow_the_conditional_distribution(row):
    """Means within 5 standard errors, variances within 5 (of normal draws, √(2/n) σ²), over 2,000 rows that
    differ in a column of noise too small to matter."""
    n = 2000
    rows = np.repeat(row[None], n, 0)
    rows[:, SEEN[0]] += np.arange(n, dtype=np.float32) * 1e-6  # equal rows would share their noise
    filled = lb.impute(model(row, widen=1.3), rows, samples=500)
    np.testing.assert_array_equal(filled[:, SEEN], rows[:, SEEN])
    _, mean, covariance = exact(row)
    drawn, variance = filled[:, HOLES], np.diag(covariance)
    assert (abs(drawn.mean(0) - mean) < 5 * np.sqrt(variance / n)).all()
    assert (abs(drawn.var(0) - variance) < 5 * variance * np.sqrt(2 / n)).all()


def test_imputed_means_are_the_conditional_means(row):
    """Within 5 standard errors of 20,000 self-normalised samples."""
    samples = 20_000
    filled = lb.impute(model(row, widen=1.2), row[None], samples=samples, mean=True)
    _, mean, covariance = exact(row)
    assert (abs(filled[0, HOLES] - mean) < 5 * np.sqrt(np.diag(covariance) / samples)).all()


def test_gradients_of_missing_values_are_zero_and_finite(row):
    def bound(x):
        return lb.ELBO(kl="monte_carlo")(model(row), x, jax.random.key(0))

    gradient = jax.jit(jax.grad(bound))(jnp.asarray(row))
    assert (gradient[HOLES] == 0).all()
    assert np.isfinite(gradient).all()


@pytest.mark.slow
def test_training_learns_from_rows_with_holes():
    """A third of the values is missing; the covariance that the model learns comes within 0.3 of the exact
    one, entry by entry (the sampling error of 2,000 rows is about 0.1)."""
    x = rng.multivariate_normal(B, COVARIANCE, 2000).astype(np.float32)
    x[rng.random(x.shape) < 1 / 3] = np.nan
    latent, columns = lb.FullGaussian(K), lb.DiagonalGaussian(D, scale=lb.LearnedScale(), missing=True)
    k1, k2 = jax.random.split(jax.random.key(0))
    start = lb.VAE(
        lb.StandardNormal(K),
        lb.Conditional(lb.MLP(D, latent.size, width=64, key=k1), latent),
        lb.Conditional(lb.MLP(K, D, depth=0, key=k2), columns),
    )
    result = lb.fit(start, x, objective=lb.IWAE(10), epochs=60, batch_size=100, learning_rate=0.02)
    p = result.model.likelihood
    learned = p.network.weights[0].T @ p.network.weights[0] + float(
        p.family.scale(jnp.zeros(0))
    ) ** 2 * np.eye(D)
    np.testing.assert_allclose(learned, COVARIANCE, atol=0.3)


def test_a_likelihood_that_takes_no_missing_values_says_so_and_is_completed_all_the_same(row):
    """Its conditionals are those of the same model that takes holes."""
    full = lb.Conditional(affine(W.T, B), lb.DiagonalGaussian(D, scale=lb.FixedScale(SIGMA)))
    plain = lb.VAE(lb.StandardNormal(K), model(row).posterior, full)
    with pytest.raises(ValueError, match="expected finite numbers, found nan in row 0, column 1"):
        lb.log_evidence(plain, row[None])
    np.testing.assert_array_equal(lb.impute(plain, row[None]), lb.impute(model(row), row[None]))


def test_infinity_is_never_missing(row):
    x = row[None].copy()
    x[0, 0] = np.inf
    with pytest.raises(ValueError, match="found inf in row 0, column 0"):
        lb.log_evidence(model(row), x)
