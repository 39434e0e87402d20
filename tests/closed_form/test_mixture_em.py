"""A Gaussian mixture of the library's parts, its posterior exact: the bound's ascent is EM, and scikit-learn
has the same numbers."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

import lowerbound as lb

from ..tables import cases
from .linear_gaussian import affine

K, D = 3, 2
BOUND = lb.ELBO(gradient="enumeration")


@pytest.fixture(scope="module")
def rows():
    """300 rows of three clusters that overlap, (300, 2)."""
    rng = np.random.default_rng(0)
    centres, spread = np.array([[0.0, 0.0], [2.5, 1.0], [0.0, 3.0]]), rng.normal(size=(K, D, D))
    cluster = rng.choice(K, size=300, p=[0.5, 0.3, 0.2])
    return centres[cluster] + np.einsum("nij,nj->ni", spread[cluster], rng.normal(size=(300, D)))


def mixture(weights, means, covariances):
    """The VAE of one code of three levels: covariances of shape (K, d, d), or (K, d) where diagonal."""
    if covariances.ndim == 3:
        point, L = lb.FullGaussian(D), np.linalg.cholesky(covariances)
        of_cluster = np.stack([point.vector(*member) for member in zip(means, L, strict=True)])
    else:
        point, of_cluster = lb.DiagonalGaussian(D), np.concatenate([means, np.log(covariances)], axis=1)
    prior = lb.LearnedPrior(lb.Categorical(1, K))
    prior = eqx.tree_at(lambda prior: prior.parameters, prior, jnp.asarray(np.log(weights), jnp.float32))
    network = lb.OneHot(K, affine(of_cluster, np.zeros(point.size)))
    return lb.VAE(prior, lb.ExactPosterior(K), lb.Conditional(network, point))


@eqx.filter_jit
def bounds(model, x):
    return jax.vmap(lambda x: BOUND(model, x, jax.random.key(0)))(x)


@eqx.filter_jit
def log_p(model, x):
    """log Σ_z p(z) p(x∣z), by the parts without the posterior."""
    z = jnp.arange(float(K))[:, None]

    def joint(z):
        return jax.vmap(lambda x: model.p_x(z).log_prob(x) + model.p_z().log_prob(z))(x)

    return jax.nn.logsumexp(jax.vmap(joint)(z), axis=0)


@eqx.filter_jit
def responsibilities(model, x):
    """q(z∣x) of every row, (n, K): the E-step."""
    z = jnp.arange(float(K))[:, None]
    return jnp.exp(jax.vmap(lambda x: jax.vmap(model.q_z(x).log_prob)(z))(x))


def maximized(x, r, full):
    """The M-step in closed form: weights, means and covariances under responsibilities r."""
    total = r.sum(axis=0)
    means = r.T @ x / total[:, None]
    centred = x[:, None] - means
    if full:
        covariances = np.einsum("nk,nki,nkj->kij", r, centred, centred) / total[:, None, None]
    else:
        covariances = np.einsum("nk,nki->ki", r, centred**2) / total[:, None]
    return total / total.sum(), means, covariances


def by_sklearn(x, full, **options):
    fitted = GaussianMixture(K, covariance_type="full" if full else "diag", reg_covar=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is told to stop after a few steps
        return fitted.fit(x)


def start(full):
    covariances = np.tile(np.eye(D), (K, 1, 1)) if full else np.ones((K, D))
    return np.full(K, 1 / K), np.array([[-1.0, 0.0], [2.0, 0.0], [1.0, 2.0]]), covariances


@pytest.fixture(params=cases({"full": True, "diagonal": False}, fast=["full"]))
def full(request):
    return request.param


def test_log_p_is_that_of_scikit_learn_and_so_is_the_bound(rows, full):
    """At fitted weights, means and covariances, each of 300 rows to 1e-4; responsibilities too."""
    fitted = by_sklearn(rows, full, random_state=0)
    model, x = mixture(fitted.weights_, fitted.means_, fitted.covariances_), jnp.asarray(rows, jnp.float32)
    expected = fitted.score_samples(rows)
    np.testing.assert_allclose(log_p(model, x), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(bounds(model, x), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(responsibilities(model, x), fitted.predict_proba(rows), rtol=0, atol=1e-4)


def test_em_raises_the_bound_and_is_that_of_scikit_learn(rows, full):
    """Eight steps from one start. After an E-step the bound is mean log p(x) to 1e-5; with the old
    responsibilities held the M-step raises the bound, and the next E-step again; parameters end where
    scikit-learn's do, to 1e-3."""
    x, parameters = jnp.asarray(rows, jnp.float32), start(full)
    model, at = mixture(*parameters), []
    for _ in range(8):
        tight = float(bounds(model, x).mean())
        np.testing.assert_allclose(tight, log_p(model, x).mean(), rtol=1e-5)
        parameters = maximized(rows, np.asarray(responsibilities(model, x), np.float64), full)
        old, model = model, mixture(*parameters)
        held = lb.VAE(model.prior, OfAnother(old), model.likelihood)
        at += [tight, float(bounds(held, x).mean())]
    assert (np.diff(at) > 1e-5).all()
    weights, means, covariances = start(full)
    fitted = by_sklearn(
        rows, full, weights_init=weights, means_init=means, precisions_init=covariances, max_iter=8, tol=0
    )
    for found, expected in zip(
        parameters, (fitted.weights_, fitted.means_, fitted.covariances_), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-3)


class OfAnother(eqx.Module):
    """The exact posterior of a model, whatever model it stands in."""

    model: lb.VAE

    def __call__(self, x):
        return self.model.q_z(x)


@eqx.filter_jit
def gradient(function, model, x):
    return eqx.filter_grad(lambda model: function(model, x).mean())(model)


def test_the_gradient_of_the_bound_is_that_of_log_p(rows, full):
    """Fisher's identity, away from an optimum: to 1e-5. At scikit-learn's optimum both are 0 to 1e-3."""
    x = jnp.asarray(rows, jnp.float32)
    found, expected = (
        jax.tree.leaves(lb.trainable(gradient(function, mixture(*start(full)), x)))
        for function in (bounds, log_p)
    )
    assert max(jnp.abs(leaf).max() for leaf in expected) > 0.1
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    fitted = by_sklearn(rows, full, random_state=0, tol=1e-10, max_iter=1000)
    optimum = mixture(fitted.weights_, fitted.means_, fitted.covariances_)
    for leaf in jax.tree.leaves(lb.trainable(gradient(bounds, optimum, x))):
        np.testing.assert_allclose(leaf, 0, atol=1e-3)


@pytest.mark.thorough
def test_fit_finds_what_em_finds(rows, full):
    """Adam on the bound, from EM's start, 400 steps of the whole table: log p(x) as high as scikit-learn's
    from there, to 5e-3 nats a row."""
    weights, means, covariances = start(full)
    fitted = by_sklearn(
        rows,
        full,
        weights_init=weights,
        means_init=means,
        precisions_init=covariances,
        tol=1e-10,
        max_iter=1000,
    )
    options = {"epochs": 400, "batch_size": 300, "learning_rate": 0.05, "validation": 0}
    result = lb.fit(mixture(*start(full)), rows, objective=BOUND, **options)
    found = float(log_p(result.model, jnp.asarray(rows, jnp.float32)).mean())
    assert found == pytest.approx(fitted.score(rows), abs=5e-3)
