"""Chains of latents: the joint density is the sum of the links', and linear-Gaussian chains are exact."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb

from ..closed_form.estimates import BRIEFLY, drawn
from ..closed_form.linear_gaussian import affine
from ..tables import cases

KEY = jax.random.key(1)


class Layers:
    """p(z_top) = N(0, I), each layer below N(Wz + b, σ²I) of the one above, the last being x: every marginal
    and every posterior q(layer∣layer below) is Gaussian."""

    def __init__(self, *sizes, seed=0):
        rng = np.random.default_rng(seed)
        self.sizes = sizes  # from the top to x
        self.links = [
            (rng.normal(size=(below, above)), rng.normal(size=below), sigma)
            for above, below, sigma in zip(sizes, sizes[1:], (0.6, 0.8, 0.7), strict=False)
        ]
        self.moments = [(np.zeros(sizes[0]), np.eye(sizes[0]))]
        for W, b, sigma in self.links:
            mean, covariance = self.moments[-1]
            self.moments.append((W @ mean + b, W @ covariance @ W.T + sigma**2 * np.eye(len(b))))

    @property
    def marginal(self):
        return stats.multivariate_normal(*self.moments[-1])

    def link(self, i, *, leading=False):
        """p(layer i + 1∣layer i), of the first of the layers that it is given where `leading`."""
        W, b, sigma = self.links[i]
        network = affine(W.T, b)
        network = lb.Leading(W.shape[1], network) if leading else network
        return lb.Conditional(network, lb.DiagonalGaussian(len(b), scale=lb.FixedScale(sigma)))

    def posterior(self, i, *, widen=1.0):
        """p(layer i∣layer i + 1), its standard deviations multiplied by `widen`."""
        (W, b, sigma), (mean, covariance) = self.links[i], self.moments[i]
        k, latent = len(mean), lb.FullGaussian(len(mean))
        inner = np.linalg.inv(np.linalg.inv(covariance) + W.T @ W / sigma**2)
        gain, L = inner @ W.T / sigma**2, widen * np.linalg.cholesky(inner)
        weight = np.zeros((len(b), latent.size))
        weight[:, :k] = gain.T
        location = inner @ np.linalg.solve(covariance, mean) - gain @ b
        bias = latent.vector(location, L)
        return lb.Conditional(affine(weight, bias), latent)

    def model(self, *, widen=1.0):
        """Chains of chains: the vector is (z₁, z₂, …), z₁ next to x."""
        prior, last = lb.StandardNormal(self.sizes[0]), len(self.links) - 1
        for i in range(last):
            prior = lb.ChainPrior(prior, self.link(i, leading=i > 0))
        posterior = self.posterior(0, widen=widen)
        for i in range(1, last + 1):
            posterior = lb.ChainPosterior(self.posterior(i, widen=widen), posterior)
        return lb.VAE(prior, posterior, self.link(last, leading=last > 0))


TWO, THREE = Layers(2, 3, 4), Layers(1, 2, 2, 3)


@pytest.fixture(params=cases({"two layers": TWO, "three layers": THREE}, fast=["two layers"]))
def layers(request):
    return request.param


def rows_of(layers, n):
    return layers.marginal.rvs(n, random_state=1).astype(np.float32)


class TestDensities:
    def test_of_two_layers_are_sums(self):
        """log p(z₁, z₂) = log p(z₂) + log p(z₁∣z₂), by SciPy, and log q = log q(z₁∣x) + log q(z₂∣z₁), of the
        links by themselves; at a sample, whose density comes with it. To 1e-4."""
        (W, b, sigma), model = TWO.links[0], TWO.model()

        @partial(jax.jit, compiler_options=BRIEFLY)
        def densities(x):
            z, log_q = model.q_z(x).sample_with_log_prob(KEY)
            of_links = model.posterior.bottom(x).log_prob(z[:3]) + model.posterior.link(z[:3]).log_prob(z[3:])
            return z, model.p_z().log_prob(z), (log_q, model.q_z(x).log_prob(z)), of_links

        z, found, of_chain, of_links = densities(jnp.asarray(rows_of(TWO, 1)))
        lower, upper = np.split(np.asarray(z, np.float64), [3])
        log_p = stats.norm.logpdf(upper).sum() + stats.norm.logpdf(lower, W @ upper + b, sigma).sum()
        np.testing.assert_allclose(found, log_p, rtol=1e-4)
        np.testing.assert_allclose(of_chain, jnp.stack([of_links, of_links]), rtol=1e-4)

    def test_of_three_layers_are_those_of_the_joint_gaussian(self):
        """log p(z₁, z₂, z₃) at 5 values against the 5-dimensional Gaussian of the same moments, to 1e-3."""
        (W, b, s), (V, c, t) = THREE.links[:2]
        A = np.block([[V @ W], [W], [np.eye(1)]])  # of z₃
        noise = np.block([[V], [np.eye(2)], [np.zeros((1, 2))]])  # of z₂'s own
        mean = np.concatenate([V @ b + c, b, np.zeros(1)])
        covariance = A @ A.T + s**2 * noise @ noise.T
        covariance[:2, :2] += t**2 * np.eye(2)
        z = np.random.default_rng(0).normal(size=(5, 5))
        expected = stats.multivariate_normal(mean, covariance).logpdf(z)
        found = jax.jit(lambda z: THREE.model().p_z().log_prob(z))(jnp.asarray(z))  # a batch of values
        np.testing.assert_allclose(found, expected, rtol=1e-3)

    def test_samples_have_the_moments_of_the_joint(self):
        """20,000 samples of the prior: means and covariances of z₁ within 5 standard errors."""
        z = np.asarray(jax.jit(lambda: TWO.model().p_z().sample(KEY, (20_000,)))(), np.float64)
        assert z.shape == (20_000, 5)
        mean, covariance = TWO.moments[1]
        centred = z[:, :3] - mean
        products = centred[:, :, None] * centred[:, None]
        for found, expected in ((centred, 0), (products, covariance)):
            error = found.std(axis=0) / np.sqrt(len(z))
            assert (np.abs(found.mean(axis=0) - expected) < 5 * error).all()


class TestBounds:
    def test_exact_posteriors_make_every_draw_log_p(self, layers):
        """log w is constant: 10 rows × 20 keys of a single sample, to 1e-3 in float32."""
        model, x = layers.model(), rows_of(layers, 10)
        elbo = lb.ELBO()
        keys = jax.random.split(KEY, 20)
        one = jax.vmap(jax.vmap(lambda x, key: elbo(model, x, key), (None, 0)), (0, None))
        values = jax.jit(one, compiler_options=BRIEFLY)(jnp.asarray(x), keys)
        np.testing.assert_allclose(values, np.tile(layers.marginal.logpdf(x)[:, None], 20), atol=1e-3)

    @pytest.mark.thorough
    def test_evidence_is_that_of_the_marginal(self):
        """Under posteriors 1.2 times too wide, 20 rows, each within 4 standard errors."""
        x = rows_of(THREE, 20)
        evidence = lb.log_evidence(THREE.model(widen=1.2), x, method="importance", samples=1000)
        error = np.abs(evidence.log_prob - THREE.marginal.logpdf(x))
        assert (error < 4 * evidence.standard_error).all()
        assert evidence.standard_error.min() > 1e-3

    @pytest.mark.thorough
    def test_a_gradient_reaches_every_link(self):
        """Doubly reparameterised, under wide posteriors: no entry is 0 at all of 10 keys."""
        x = jnp.asarray(rows_of(TWO, 1))
        objective = lb.IWAE(3, gradient="doubly_reparameterized")
        ((theta, phi),) = drawn([objective], TWO.model(widen=1.3), x, draws=10)
        assert (np.abs(theta).max(axis=0) > 0).all()
        assert (np.abs(phi).max(axis=0) > 0).all()


def given_link(size, family):
    """A conditional of its argument and a condition of one number."""
    return lb.Conditional(affine(np.ones((size + 1, family.size)), np.zeros(family.size)), family, given=True)


class TestGiven:
    GAUSSIAN = lb.DiagonalGaussian(2, scale=lb.FixedScale(1.0))

    def test_reaches_the_links_that_take_it(self):
        """p(z₁∣z₂, y) has the mean Σz₂ + y; a chain whose link takes a condition says so."""
        prior = lb.ChainPrior(lb.StandardNormal(2), given_link(2, self.GAUSSIAN))
        assert prior.takes_given
        at = prior(given=jnp.asarray([3.0])).log_prob(jnp.asarray([3.5, 3.5, 0.25, 0.25]))
        np.testing.assert_allclose(at, 2 * stats.norm.logpdf(0) + 2 * stats.norm.logpdf(0.25), rtol=1e-5)
        posterior = lb.ChainPosterior(lambda x: self.GAUSSIAN(x[:2]), given_link(2, self.GAUSSIAN))
        assert posterior.takes_given
        mean = posterior(jnp.asarray([1.0, 2.0, 0.0]), given=jnp.asarray([4.0])).mean
        np.testing.assert_allclose(mean, [1, 2, 7, 7], rtol=1e-6)

    def test_is_refused_where_no_link_takes_it(self):
        with pytest.raises(ValueError, match="no part uses"):
            lb.ELBO()(TWO.model(), jnp.zeros(4), KEY, jnp.ones(1))

    def test_a_link_without_its_condition_is_refused(self):
        prior = lb.ChainPrior(lb.StandardNormal(2), given_link(2, self.GAUSSIAN))
        model = lb.VAE(prior, lambda x: lb.DiagonalGaussian(4)(x), lambda z: self.GAUSSIAN(z[:2]))
        with pytest.raises(ValueError, match="the prior needs a condition"):
            lb.ELBO()(model, jnp.zeros(8), KEY)


def test_a_chain_of_another_size_is_refused():
    with pytest.raises(ValueError, match="must agree"):
        lb.VAE(lb.StandardNormal(4), TWO.model().posterior, TWO.model().likelihood)


def test_codes_below_a_gaussian_have_no_path():
    """A chain has a path through its samples where all its links have."""
    codes = lb.Bernoulli(2)
    prior = lb.ChainPrior(lb.StandardNormal(2), lb.Conditional(affine(np.eye(2), np.zeros(2)), codes))
    assert not prior().has_rsample
    assert TWO.model().p_z().has_rsample
    z = prior().sample(KEY)
    assert set(np.asarray(z[:2])) <= {0.0, 1.0}
    expected = codes(z[2:]).log_prob(z[:2]) + stats.norm.logpdf(np.asarray(z[2:])).sum()
    np.testing.assert_allclose(prior().log_prob(z), expected, rtol=1e-5)
