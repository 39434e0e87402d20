"""Each step of docs/derivation.md, and each slip of the source texts beside its correct form.

What is wrong is computed too, so that a test that cannot tell it from what is right fails.
"""

import ast
import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import optax
import pytest
from jax.flatten_util import ravel_pytree
from numpyro.distributions.transforms import LowerCholeskyAffine
from scipy import stats

import lowerbound as lb
from lowerbound.randomness.keys import RowKeys

from .discrete_codes import IMAGES, codes_model, log_joint, log_q
from .estimates import LIMIT, Gradients, drawn, exact, furthest, z_scores
from .linear_gaussian import exact_elbo

REPOSITORY = Path(__file__).resolve().parents[2]
OFF = {"shift": 0.2, "widen": 1.3}  # a posterior that is not the exact one
stop = jax.lax.stop_gradient


@pytest.fixture(scope="module")
def off(truth):
    return truth.model(**OFF)


@pytest.fixture(scope="module")
def x(rows):
    return jnp.asarray(rows[0])


@pytest.fixture(scope="module")
def codes():
    return eqx.filter_jit(codes_model)()


def wide(tree):
    """With its arrays in float64; to be called where those are enabled."""

    def widened(leaf):
        return jnp.asarray(np.asarray(leaf), float) if eqx.is_inexact_array(leaf) else leaf

    return jax.tree.map(widened, tree)


def weights(model):
    """Wᵀ, b and σ² of a linear-Gaussian likelihood."""
    (w,), (b,) = model.likelihood.network.weights, model.likelihood.network.biases
    return w, b, model.likelihood.family.scale.scale.value**2


def log_evidence(model, x):
    """log p(x) = log N(x; b, WWᵀ + σ²I), of the model's own weights."""
    w, b, variance = weights(model)
    return dist.MultivariateNormal(b, w.T @ w + variance * jnp.eye(x.size)).log_prob(x)


def gap(model, x):
    """KL(q(z∣x) ‖ p(z∣x)), of the model's own weights: p(z∣x) = N(M⁻¹Wᵀ(x − b), σ²M⁻¹)."""
    w, b, variance = weights(model)
    inverse = jnp.linalg.inv(w @ w.T + variance * jnp.eye(len(w)))
    posterior = dist.MultivariateNormal(inverse @ w @ (x - b), variance * inverse)
    return lb.kl_divergence(model.q_z(x), posterior)


def expected_log_likelihood(model, x):
    """E_q[log p(x∣z)]: the bound without its KL."""
    return exact_elbo(model, x) + lb.kl_divergence(model.q_z(x), model.p_z())


class TestIdentity:
    def test_log_p_is_the_bound_and_the_divergence(self, off, rows):
        """log p(x) = bound + KL(q ‖ p(z∣x)), each by its own closed form, 100 rows in float64: to 1e-9."""
        with jax.enable_x64(True):
            model, x = wide(off), jnp.asarray(rows, float)
            terms = jax.vmap(lambda x: (exact_elbo(model, x), gap(model, x), log_evidence(model, x)))
            bound, divergence, evidence = map(np.asarray, jax.jit(terms)(x))
        np.testing.assert_allclose(bound + divergence, evidence, atol=1e-9)
        assert (divergence > 0.1).all()

    @pytest.mark.thorough
    def test_over_phi_the_bound_rises_as_the_divergence_falls_and_over_theta_log_p_moves_too(self, off, x):
        """∇φ bound = −∇φ KL; but ∇θ bound + ∇θ KL = ∇θ log p(x), which is not 0."""
        terms = lambda model, x: jnp.stack([f(model, x) for f in (exact_elbo, gap, log_evidence)])  # noqa: E731
        of_theta, of_phi = exact(terms, off, x)
        np.testing.assert_allclose(of_phi[0], -of_phi[1], atol=1e-9)
        np.testing.assert_allclose(of_theta[0] + of_theta[1], of_theta[2], atol=1e-9)
        assert np.abs(of_theta[2]).max() > 1
        assert np.abs(of_phi[0]).max() > 0.1

    def test_the_best_theta_for_the_bound_is_not_the_one_of_the_least_divergence(self):
        """p(x∣z) = N(wz, 1), x = 2, and q(z) = N(1, 0.8²) held: KL is least at w = 0.78, log p(x) largest at
        w = √3, and the bound, their difference, at w = 2/1.64 between them."""
        with jax.enable_x64(True):
            w, q = jnp.linspace(0.1, 3, 2901), lb.DiagonalGaussian(1)(jnp.array([1.0, 2 * np.log(0.8)]))

            def at(w):
                posterior = dist.Normal(jnp.array([2 * w / (w**2 + 1)]), (w**2 + 1) ** -0.5).to_event(1)
                log_p = dist.Normal(0.0, jnp.sqrt(w**2 + 1)).log_prob(2.0)
                log_likelihood = dist.Normal(w, 1.0).log_prob(2.0) - w**2 * 0.8**2 / 2
                bound = log_likelihood - lb.kl_divergence(q, lb.StandardNormal(1)())
                return lb.kl_divergence(q, posterior), bound, log_p

            divergence, bound, log_p = map(np.asarray, jax.jit(jax.vmap(at))(w))
            np.testing.assert_allclose(bound + divergence, log_p, atol=1e-12)
            best = [float(w[i]) for i in (divergence.argmin(), bound.argmax(), log_p.argmax())]
        assert best == pytest.approx([0.780, 2 / 1.64, 3**0.5], abs=1e-3)


def mixture():
    """Three Gaussians in the plane, with the exact posterior."""
    clusters, point = lb.Categorical(1, 3), lb.DiagonalGaussian(2)
    network = lb.MLP(3, point.size, depth=0, key=jax.random.key(0))
    prior = eqx.tree_at(
        lambda prior: prior.parameters, lb.LearnedPrior(clusters), jnp.array([0.5, 0.0, -0.5])
    )
    return lb.VAE(prior, lb.ExactPosterior(3), lb.Conditional(lb.OneHot(3, network), point))


class TestEM:
    PIXELS = jnp.asarray([1.0, 0.0, 1.0, 1.0])
    BOUND = lb.ELBO(kl="monte_carlo", gradient="enumeration")

    def test_its_objective_leaves_out_the_entropy_of_q(self, codes):
        """E_q[log p(x, z)] = bound − H[q], by sums over eight codes."""

        def terms(model, x):
            q, joint = jnp.exp(log_q(model, x)), log_joint(model, x)
            return (
                q @ joint,
                -q @ jnp.log(q),
                self.BOUND(model, x, jax.random.key(0)),
                jax.nn.logsumexp(joint),
            )

        of_em, entropy, bound, log_p = eqx.filter_jit(terms)(codes, self.PIXELS)
        np.testing.assert_allclose(of_em + entropy, bound, rtol=1e-6)
        assert entropy > 0.1
        assert of_em < bound < log_p

    def test_with_the_exact_posterior_the_bound_is_log_p_and_its_gradient_that_of_em(self):
        """E-step q = p(z∣x); then ∇θ bound = ∇θ E_q[log p(x, z)] at q held = ∇θ log p(x) (Fisher's
        identity), in float64 to 1e-9."""
        x, z = jnp.asarray([0.3, -0.4]), jnp.arange(3.0)[:, None]

        def joint(model, x):
            return jax.vmap(lambda z: model.p_x(z).log_prob(x) + model.p_z().log_prob(z))(z)

        def of_em(model, x):
            return stop(jax.nn.softmax(joint(model, x))) @ joint(model, x)

        def bound(model, x):
            return self.BOUND(model, x, jax.random.key(0))

        def evidence(model, x):
            return jax.nn.logsumexp(joint(model, x))

        @eqx.filter_jit
        def values_and_gradients(model, x):
            both = [eqx.filter_value_and_grad(f)(model, x) for f in (bound, of_em, evidence)]
            return [(value, ravel_pytree(gradient)[0]) for value, gradient in both]

        with jax.enable_x64(True):
            found = values_and_gradients(wide(mixture()), jnp.asarray(x, float))
            (tight, of_bound), (_, of_q_held), (log_p, of_log_p) = jax.tree.map(np.asarray, found)
        assert tight == pytest.approx(log_p, abs=1e-9)
        np.testing.assert_allclose(of_bound, of_log_p, atol=1e-9)
        np.testing.assert_allclose(of_q_held, of_log_p, atol=1e-9)
        assert np.abs(of_log_p).max() > 0.01

    def test_the_m_step_has_a_logarithm(self):
        """A coin z with p(z = 1) = π, and a posterior of 0.8: E_q[log p(x, z)] is largest at π = 0.8, while
        E_q[p(x, z)] is linear in π, so that its maximum is at the end, where p(x, z = 0) = 0."""
        pi, q, p_x = np.linspace(0.001, 0.999, 999), np.array([0.2, 0.8]), np.array([0.3, 0.4])
        joint = np.stack([(1 - pi) * p_x[0], pi * p_x[1]])
        assert pi[(q @ np.log(joint)).argmax()] == pytest.approx(0.8)
        assert pi[(q @ joint).argmax()] == pi[-1]


def inside(model, x, key, progress=None):
    """log w at a z that is held: ∇φ has been taken inside E_q."""
    q = model.q_z(x)
    z = stop(q.sample(key))
    return model.p_x(z).log_prob(x) + model.p_z().log_prob(z) - q.log_prob(z)


def without_kl(model, x, key, progress=None):
    """The last formula of "Variational AutoEncoder": the path counts in log p(x∣z) alone."""
    q = model.q_z(x)
    z = q.sample(key)
    return model.p_x(z).log_prob(x) - q.log_prob(stop(z))


@pytest.fixture(scope="module")
def draws(off, x):
    return drawn([inside, without_kl, lb.ELBO(beta=0.0)], off, x)


@pytest.fixture(scope="module")
def expected(off, x):
    """Of the bound, and of the bound without its KL."""
    both = lambda model, x: jnp.stack([exact_elbo(model, x), expected_log_likelihood(model, x)])  # noqa: E731
    return [Gradients(*gradients) for gradients in zip(*exact(both, off, x), strict=True)]


class TestGradient:
    @pytest.mark.parametrize(
        "family", [lb.DiagonalGaussian(2), lb.Bernoulli(2), lb.Gumbel(2)], ids=lambda f: type(f).__name__
    )
    def test_the_score_has_mean_0(self, family):
        """E_q[∇φ log q(z)] = 0: of 20,000 draws, within 4 standard errors in each parameter."""
        v = 0.5 * jax.random.normal(jax.random.key(1), (family.size,))
        z = family(v).sample(jax.random.key(2), (20_000,))
        scores = jax.jit(jax.vmap(jax.grad(lambda v, z: family(v).log_prob(z)), (None, 0)))(v, z)
        assert scores.std(axis=0).min() > 0.1
        assert furthest(np.asarray(scores, np.float64)) < 4

    def test_but_not_where_the_support_moves(self):
        """log q = −log σ inside a uniform distribution: its score is −½ in log σ² at every z, and the
        estimators that rely on a mean of 0 refuse it."""
        score = jax.grad(lambda v: lb.Uniform(1)(v).log_prob(jnp.zeros(1)))(jnp.zeros(2))
        assert score.tolist() == [0.0, -0.5]
        vae = lb.VAE(
            lb.StandardNormal(1),
            lambda x: lb.Uniform(1)(jnp.zeros(2)),
            lambda z: dist.Normal(z, 1.0).to_event(1),
        )
        for gradient in ("score_function", "sticking_the_landing"):
            with pytest.raises(TypeError, match="support moves"):
                eqx.filter_eval_shape(lb.ELBO(gradient=gradient), vae, jnp.ones(1), jax.random.key(0))

    def test_of_phi_does_not_go_inside_the_expectation(self, draws, expected):
        """E_q[∇φ log w] at z held is −E_q[∇φ log q] = 0, whatever the gradient of the bound is."""
        expected, found = expected[0], draws[0]
        assert furthest(found.phi) < LIMIT
        assert furthest(found.phi, expected.phi) > 4 * LIMIT
        assert furthest(found.theta, expected.theta) < LIMIT  # of θ it does

    def test_without_the_path_through_prior_and_posterior_there_is_no_kl(self, draws, expected):
        """The text's update of φ is that of E_q[log p(x∣z)] in the mean, which is β = 0."""
        for found in draws[1:]:
            assert furthest(found.phi, expected[1].phi) < LIMIT
            assert furthest(found.phi, expected[0].phi) > 3 * LIMIT

    def test_and_so_the_posterior_shrinks_to_a_point(self):
        """x = z + noise, σ = ½: 300 steps on log s². By the bound s² comes to the posterior's 0.2; by what
        lacks the KL it falls on, below 0.01."""

        def variance(beta):
            def bound(v):
                vae = lb.VAE(
                    lb.StandardNormal(1),
                    lambda x: lb.DiagonalGaussian(1)(v),
                    lambda z: dist.Normal(z, 0.5).to_event(1),
                )
                return lb.ELBO(100, beta=beta)(vae, jnp.ones(1), jax.random.key(0))

            step = lambda _, v: v + 0.2 * jax.grad(bound)(v)  # noqa: E731
            return float(jax.jit(lambda v: jnp.exp(jax.lax.fori_loop(0, 300, step, v)[1]))(jnp.zeros(2)))

        assert variance(beta=1.0) == pytest.approx(0.2, rel=0.2)  # of 100 draws, always the same
        assert variance(beta=0.0) < 0.01

    @pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0, -1.0])
    def test_a_path_counts_the_weight_less_the_curvature(self, alpha):
        """v − ∂²B/∂l² is w̃² for IWAE and αw̃ + (1 − α)w̃² for Rényi bounds; v for a linear bound."""
        log_w, bound = jnp.asarray([0.3, -1.0, 2.0, 0.7]), lb.Renyi(4, alpha=alpha).of_log_weights
        if alpha == 0:
            np.testing.assert_allclose(bound(log_w), lb.IWAE(4).of_log_weights(log_w), rtol=1e-6)
        share = jax.jit(lambda log_w: jax.grad(bound)(log_w) - jnp.diagonal(jax.hessian(bound)(log_w)))(log_w)
        normalized = jax.nn.softmax((1 - alpha) * log_w)
        np.testing.assert_allclose(share, alpha * normalized + (1 - alpha) * normalized**2, atol=1e-6)

    @pytest.mark.thorough
    def test_wake_sleep_descends_the_other_divergence(self, codes):
        """φ's gradient is that of E_p(x,z)[log q(z∣x)], a sum over 8 codes and 16 images; θ's the bound's."""
        x, images = TestEM.PIXELS, jnp.asarray(IMAGES)

        def dreams(model, x):
            joint, posterior = (jax.vmap(lambda x, f=f: f(model, x))(images) for f in (log_joint, log_q))
            return (jnp.exp(stop(joint)) * posterior).sum()

        def both(model, x):
            bound = jnp.exp(log_q(model, x)) @ (log_joint(model, x) - log_q(model, x))
            return jnp.stack([bound, dreams(model, x)])

        (found,) = drawn([lb.WakeSleep()], codes, x)
        of_theta, of_phi = exact(both, codes, x)
        assert furthest(found.theta, of_theta[0]) < LIMIT
        assert furthest(found.phi, of_phi[1]) < LIMIT
        assert furthest(found.phi, of_phi[0]) > 4 * LIMIT


D = 3
rng = np.random.default_rng(3)
ROOT = np.tril(0.4 * rng.normal(size=(D, D)), -1) + np.diag([0.8, 1.3, 0.6])
MEAN, POINT = rng.normal(size=D), rng.normal(size=D)


def log_normal_density(x, mean, Sigma):
    """log N(x; μ, Σ), Σ any matrix: what the hand-derived gradients are of."""
    apart = x - mean
    return -0.5 * (
        x.size * jnp.log(2 * jnp.pi) + jnp.linalg.slogdet(Sigma)[1] + apart @ jnp.linalg.solve(Sigma, apart)
    )


def by_hand(x, mean, Sigma):
    """Σ⁻¹(x − μ) and −½ (Σ⁻¹ − Σ⁻¹(x − μ)(x − μ)ᵀΣ⁻¹)."""
    inverse = np.linalg.inv(Sigma)
    along = inverse @ (x - mean)
    return along, -0.5 * (inverse - np.outer(along, along))


class TestGaussian:
    @pytest.mark.parametrize(("x64", "tolerance"), [(True, 1e-10), (False, 1e-4)], ids=["float64", "float32"])
    def test_gradients_by_hand_are_those_of_automatic_differentiation(self, x64, tolerance):
        Sigma = ROOT @ ROOT.T
        with jax.enable_x64(x64):
            arguments = [jnp.asarray(value, float) for value in (POINT, MEAN, Sigma)]
            found = jax.jit(jax.grad(log_normal_density, argnums=(1, 2)))(*arguments)
        for gradient, expected in zip(found, by_hand(POINT, MEAN, Sigma), strict=True):
            np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)

    def test_a_variance_in_place_of_the_outer_product_is_another_gradient(self):
        """Var(x) = Σ makes it 0 for every x, which is its mean and not its value; and (x − μ)(x − μ)ᵀΣ⁻² is
        not even symmetric."""
        Sigma, apart = ROOT @ ROOT.T, POINT - MEAN
        inverse, (_, right) = np.linalg.inv(Sigma), by_hand(POINT, MEAN, Sigma)
        wrong = [-0.5 * (inverse - var @ inverse @ inverse) for var in (Sigma, np.outer(apart, apart))]
        np.testing.assert_allclose(wrong[0], 0, atol=1e-12)
        assert np.abs(wrong[1] - wrong[1].T).max() > 0.1
        assert all(np.abs(gradient - right).max() > 0.1 for gradient in wrong)
        x = np.random.default_rng(0).multivariate_normal(MEAN, Sigma, 10_000)
        over_x = np.stack([by_hand(row, MEAN, Sigma)[1] for row in x])
        assert np.abs(z_scores(over_x)).max() < LIMIT

    def test_the_familys_vector_has_them_by_the_chain_rule(self):
        """Σ = LLᵀ: ∂/∂L = 2 ∂/∂Σ L below and on the diagonal; L = diag(σ)(I + B/√d), so that log σᵢ moves row
        i as it is, and Bᵢⱼ the entry below by σᵢ/√d."""
        with jax.enable_x64(True):
            family = lb.FullGaussian(D)
            log_density = lambda v: family(v).log_prob(POINT)  # noqa: E731
            found = np.asarray(jax.jit(jax.grad(log_density))(family.vector(MEAN, ROOT)))
        along, of_Sigma = by_hand(POINT, MEAN, ROOT @ ROOT.T)
        of_L = np.tril(2 * of_Sigma @ ROOT)
        below = np.tril_indices(D, -1)
        expected = [along, (of_L * ROOT).sum(1), of_L[below] * np.diag(ROOT)[below[0]] / np.sqrt(D)]
        np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-8)

    def test_a_sample_moves_with_the_root_of_the_covariance(self):
        """z = μ + Lε: for f(z) = ½ zᵀAz it is ∂f/∂L = ∇f εᵀ at every draw, whose mean is AL, since
        E[f] = ½ (μᵀAμ + tr ALLᵀ)."""
        A, family = np.diag([1.0, 2.0, 0.5]) + 0.2, lb.FullGaussian(D)
        vector, below = family.vector(MEAN, ROOT), np.tril_indices(D, -1)
        of_B = np.diag(ROOT)[below[0]] / np.sqrt(D)  # ∂L/∂B below the diagonal
        keys = jax.random.split(jax.random.key(0), 20_000)

        def f(v, key):
            z = family(v).sample(key)
            return 0.5 * z @ A @ z, z

        gradients, z = jax.jit(jax.vmap(jax.grad(f, has_aux=True), (None, 0)))(vector, keys)
        gradients, z = np.asarray(gradients, np.float64), np.asarray(z, np.float64)
        noise = np.linalg.solve(ROOT, (z - MEAN).T).T
        of_L = (z @ A)[:, :, None] * noise[:, None, :]
        np.testing.assert_allclose(gradients[:, :D], z @ A, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(gradients[:, 2 * D :], of_B * of_L[:, *below], rtol=1e-3, atol=1e-3)
        assert furthest(gradients[:, 2 * D :], of_B * (A @ ROOT)[below]) < LIMIT
        assert furthest(gradients[:, D : 2 * D], (A @ ROOT * ROOT).sum(1)) < LIMIT

    def test_and_not_with_the_covariance(self):
        """E[z²] = μ² + s for s = σ²: its slope in s is 1. By ∂z/∂s = ε ∂√s/∂s it is 1 in the mean, by ε ∂s/∂s
        it is 2σ = 1.4; and the library's entry, log s, has sε ∂√s/∂s."""
        mean, s = 0.5, 0.7**2
        keys = jax.random.split(jax.random.key(0), 20_000)
        v = jnp.asarray([mean, np.log(s)], jnp.float32)
        sample = jax.value_and_grad(lambda v, key: lb.DiagonalGaussian(1)(v).sample(key)[0])
        z, of_v = jax.jit(jax.vmap(sample, (None, 0)))(v, keys)
        z, of_log_s = np.asarray(z, np.float64), np.asarray(of_v[:, 1], np.float64)
        noise = (z - mean) / np.sqrt(s)
        np.testing.assert_allclose(of_log_s, s * noise / (2 * np.sqrt(s)), atol=1e-5)
        right, wrong = 2 * z * of_log_s / s, 2 * z * noise
        assert abs(z_scores(right, 1.0)) < LIMIT
        assert abs(z_scores(wrong, 2 * np.sqrt(s))) < LIMIT
        assert abs(z_scores(wrong, 1.0)) > 4 * LIMIT

    def test_the_outer_product_of_scales_is_no_covariance_of_independent_dimensions(self):
        """diag(σ²) and not σσᵀ, whose determinant is 0 and whose every correlation is 1."""
        sigma = np.array([0.5, 2.0])
        q = lb.DiagonalGaussian(2)(jnp.asarray(np.concatenate([np.zeros(2), 2 * np.log(sigma)])))
        z = np.asarray(q.sample(jax.random.key(0), (20_000,)), np.float64)
        products = z[:, :, None] * z[:, None, :]
        assert np.abs(z_scores(products, np.diag(sigma**2))).max() < LIMIT
        assert np.abs(z_scores(products, np.outer(sigma, sigma))).max() > 4 * LIMIT
        assert np.linalg.matrix_rank(np.outer(sigma, sigma)) == 1


@eqx.filter_jit
@eqx.filter_vmap(in_axes=(0, None, None, None))
def loss_and_bound(networks, beta, variance, weight):
    """‖x − ψ(μ + σε)‖² + β ½ Σ(σ² + μ² − 1 − log σ²), of the networks alone, + 2σ²·ELBO(beta=weight)."""
    x, key, (encoder, decoder) = jnp.asarray([0.3, -1.2, 0.8]), jax.random.key(9), networks
    columns = eqx.tree_at(lambda family: family.scale.scale.value, COLUMNS, jnp.sqrt(variance))
    model = lb.VAE(lb.StandardNormal(2), lb.Conditional(encoder, LATENT), lb.Conditional(decoder, columns))
    elbo = eqx.tree_at(lambda elbo: elbo.beta, lb.ELBO(kl="analytic"), weight)

    mean, log_variance = jnp.split(encoder(x), 2)
    z = mean + jnp.exp(log_variance / 2) * jax.random.normal(
        jax.random.fold_in(RowKeys.of(key).draws, 0), (2,)
    )
    kl = 0.5 * (jnp.exp(log_variance) + mean**2 - 1 - log_variance).sum()
    return ((x - decoder(z)) ** 2).sum() + beta * kl + 2 * variance * elbo(model, x, key)


LATENT, COLUMNS = lb.DiagonalGaussian(2), lb.DiagonalGaussian(3, scale=lb.FixedScale(1.0))


def differences(beta, variance, weight=1.0):
    """At eight pairs of networks."""
    noise, sizes = np.random.default_rng(0), ((3, LATENT.size), (2, COLUMNS.size))
    pair = [lb.MLP(*size, depth=0, key=jax.random.key(0)) for size in sizes]
    pairs = jax.tree.map(lambda array: jnp.asarray(noise.normal(size=(8, *array.shape)), jnp.float32), pair)
    return np.asarray(loss_and_bound(pairs, *map(jnp.asarray, (beta, variance, weight))))


class TestLikelihood:
    @pytest.mark.parametrize("beta", [0.2, 1.0, 4.0])
    def test_squared_error_and_kl_are_the_bound_for_one_variance(self, beta):
        """For σ² = β/2 they are −2σ²·ELBO less the constant D σ² log 2πσ², to 1e-4; for σ² = β the difference
        is no constant."""
        constant = -3 * (beta / 2) * np.log(2 * np.pi * beta / 2)
        np.testing.assert_allclose(differences(beta, beta / 2), constant, atol=1e-4)
        assert np.ptp(differences(beta, beta)) > 0.01

    def test_for_any_variance_they_are_the_bound_with_a_weight(self):
        """σ² and β of their own: the weight of the KL is β/(2σ²), so that −2σ²·ELBO(beta=β/(2σ²)) is it."""
        beta, variance = 1.0, 2.0
        found = differences(beta, variance, weight=beta / (2 * variance))
        np.testing.assert_allclose(found, -3 * variance * np.log(2 * np.pi * variance), atol=1e-4)

    def test_bernoulli_is_cross_entropy_with_a_minus_sign(self):
        """log p(x∣z) = −Σᵢ cross-entropy(xᵢ, πᵢ), Optax's, from logits of ±30 too."""
        logits = jnp.asarray([-30.0, -2.0, 0.0, 1.5, 30.0])
        bits = jnp.asarray([[0.0] * 5, [1.0] * 5, [0.0, 1.0, 1.0, 0.0, 1.0]])
        found = lb.Bernoulli(5)(logits).log_prob(bits)
        np.testing.assert_allclose(
            found, -optax.sigmoid_binary_cross_entropy(logits, bits).sum(-1), rtol=1e-6
        )


class TestChangeOfVariables:
    A = np.array([[1.0, 0.5, -0.3], [-0.2, 0.8, 0.4], [0.6, -0.1, 1.5]])

    def test_the_density_of_an_affine_map_has_its_determinant(self):
        """z = Ay + c, y ~ N(μ, Σ): p(A⁻¹(z − c)) |det ∂g⁻¹/∂z| is N(z; Aμ + c, AΣAᵀ), SciPy's; with a slope
        a dimension in place of the determinant, it is not."""
        c, Sigma = np.array([0.5, -1.0, 2.0]), ROOT @ ROOT.T

        @jax.jit
        def densities(z):
            inverse = lambda z: jnp.linalg.solve(self.A, z - c)  # noqa: E731
            jacobian, log_base = (
                jax.jacobian(inverse)(z),
                dist.MultivariateNormal(MEAN, Sigma).log_prob(inverse(z)),
            )
            slopes = jnp.abs(jnp.diagonal(jacobian))
            return log_base + jnp.linalg.slogdet(jacobian)[1], log_base + jnp.log(slopes).sum()

        with jax.enable_x64(True):
            found, by_slopes = map(float, densities(jnp.asarray(POINT)))
        expected = stats.multivariate_normal(self.A @ MEAN + c, self.A @ Sigma @ self.A.T).logpdf(POINT)
        assert found == pytest.approx(expected, abs=1e-9)
        assert abs(by_slopes - expected) > 0.1

    def test_a_transformed_family_has_it_too(self):
        """The same with a lower triangular A, by the library."""
        A, c, Sigma = np.tril(self.A), np.array([0.5, -1.0, 2.0]), ROOT @ ROOT.T
        vector = lb.FullGaussian(D).vector(MEAN, ROOT)
        family = lb.Transformed(lb.FullGaussian(D), LowerCholeskyAffine(jnp.asarray(c), jnp.asarray(A)))
        expected = stats.multivariate_normal(A @ MEAN + c, A @ Sigma @ A.T).logpdf(POINT)
        log_density = jax.jit(lambda v, z: family(v).log_prob(z))
        found = log_density(vector, jnp.asarray(POINT, jnp.float32))
        assert float(found) == pytest.approx(expected, abs=1e-4)


class Location(eqx.Module):
    """p(x∣z) = N(θ, 1), whatever z."""

    theta: jax.Array

    def __call__(self, z):
        return dist.Normal(self.theta, 1.0).to_event(1)


@pytest.mark.thorough
@pytest.mark.parametrize("n", [20, 80])
def test_map_climbs_the_mean_bound_and_log_p_theta_over_n(n):
    """n rows x = 3, p(x∣z) = N(θ, 1), q = p(z), and p(θ) = N(0, s²), s = 0.2: θ comes to Σx/(n + 1/s²), where
    n is the number of rows and not the 10 of a batch."""
    model = lb.VAE(
        lb.StandardNormal(1), lambda x: dist.Normal(x - x, 1.0).to_event(1), Location(jnp.zeros(1))
    )
    options = {"batch_size": 10, "validation": 0, "optimizer": optax.sgd(0.2)}
    result = lb.fit(model, np.full((n, 1), 3.0), epochs=1000 / n, weight_prior=0.2, **options)
    assert float(result.model.likelihood.function.theta[0]) == pytest.approx(
        3 * n / (n + 1 / 0.2**2), rel=1e-3
    )


class TestPage:
    PAGE = REPOSITORY / "docs" / "derivation.md"

    def test_every_name_of_the_library_exists(self):
        found = set(re.findall(r"\blb\.([A-Za-z_]\w*)", self.PAGE.read_text()))
        assert len(found) > 20
        assert found <= set(lb.__all__), found - set(lb.__all__)

    def test_every_test_exists(self):
        """`tests/path.py::name` or `tests/path.py::Class::name`."""
        found = set(re.findall(r"\b(tests/[\w/]+\.py)((?:::\w+)*)", self.PAGE.read_text()))
        assert len(found) > 30
        for path, names in found:
            node = ast.parse((REPOSITORY / path).read_text())
            for name in names.split("::")[1:]:
                inner = [child for child in node.body if getattr(child, "name", None) == name]
                assert inner, f"{path} has no {names.removeprefix('::')}"
                (node,) = inner

    def test_every_link_leads_to_a_file(self):
        links = re.findall(r"\]\(([^)#]+)\)", self.PAGE.read_text())
        files = [link for link in links if "://" not in link]
        assert len(files) > 5
        for link in files:
            assert (self.PAGE.parent / link).resolve().is_file(), link
