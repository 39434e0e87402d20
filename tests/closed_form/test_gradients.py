"""Every gradient estimator has the mean that its bound's gradient has.

On probabilistic PCA the gradient of the ELBO is known; on three bits that of every bound is a finite sum.
Elsewhere estimators are compared at equal keys, whose samples they share. z-tests are held to LIMIT.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb

from ..tables import cases
from .discrete_codes import codes_model, exact_bound, expected_estimate, log_joint, log_q
from .estimates import LIMIT, Gradients, drawn, exact, furthest
from .linear_gaussian import exact_elbo

OFF = {"shift": 0.2, "widen": 1.3}  # a posterior that is not the exact one
RUNNING = {"log_likelihood": -3.0, "kl": 1.5, "bound": -4.5}  # any numbers: no baseline may move a mean
PIXELS = jnp.asarray([1.0, 0.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def off(truth):
    return truth.model(**OFF)


@pytest.fixture(scope="module")
def x(rows):
    return jnp.asarray(rows[0])


def same_at_each_draw(a, b):
    """To the rounding of float32, in which weights are exponentials of sums."""
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


ELBOS = {
    "sticking the landing, beta 3": lb.ELBO(3, beta=3.0, gradient="sticking_the_landing"),
    "score function": lb.ELBO(3, kl="monte_carlo", gradient=lb.ScoreFunction(None)),
    "score function, analytic KL, beta 3": lb.ELBO(
        3, kl="analytic", beta=3.0, gradient=lb.ScoreFunction(None)
    ),
    "running": lb.ELBO(3, kl="monte_carlo", gradient="score_function"),
    "running, analytic KL": lb.ELBO(3, kl="analytic", gradient="score_function"),
    "vimco, beta 3": lb.ELBO(3, kl="monte_carlo", beta=3.0, gradient="vimco"),
}


class TestELBO:
    @pytest.fixture(scope="module")
    @staticmethod
    def draws(off, x):
        return dict(zip(ELBOS, drawn(ELBOS.values(), off, x, running=RUNNING), strict=True))

    @pytest.fixture(scope="module")
    @staticmethod
    def expected(off, x):
        """The gradients of log-likelihood − β·KL, by hand and in float64: 45 numbers for each β."""

        def objective(model, x):
            kl = lb.kl_divergence(model.q_z(x), model.p_z())
            return jnp.stack([exact_elbo(model, x), exact_elbo(model, x) - 2 * kl])

        theta, phi = exact(objective, off, x)
        return {beta: Gradients(theta[i], phi[i]) for i, beta in enumerate((1.0, 3.0))}

    @pytest.mark.thorough
    @pytest.mark.parametrize("name", cases([*ELBOS], fast=["running"], slow=["sticking the landing, beta 3"]))
    def test_is_unbiased(self, draws, expected, name):
        """Against the closed form, over 10,000 keys of 3 samples: every ∣z∣ < LIMIT. (The pathwise estimator
        is held to it in test_linear_gaussian.)"""
        target = expected[ELBOS[name].beta]
        assert furthest(draws[name].theta, target.theta) < LIMIT
        assert furthest(draws[name].phi, target.phi) < LIMIT


def bounds_of_four(gradient):
    return {
        "IWAE": lb.IWAE(4, gradient=gradient),
        "MIWAE": lb.MIWAE(2, 2, gradient=gradient),
        "CIWAE": lb.CIWAE(4, beta=0.3, gradient=gradient),
        "Renyi 0.5": lb.Renyi(4, alpha=0.5, gradient=gradient),
        "Renyi -1": lb.Renyi(4, alpha=-1.0, gradient=gradient),
    }


class TestMultiSample:
    @pytest.fixture(scope="module")
    @staticmethod
    def pathwise(off, x):
        bounds = bounds_of_four("reparameterized")
        return dict(zip(bounds, drawn(bounds.values(), off, x), strict=True))

    @pytest.fixture(scope="module")
    @staticmethod
    def doubly(off, x):
        bounds = bounds_of_four("doubly_reparameterized")
        return dict(zip(bounds, drawn(bounds.values(), off, x), strict=True))

    @pytest.mark.thorough
    @pytest.mark.parametrize("name", bounds_of_four("vimco"))
    def test_doubly_reparameterized_has_the_mean_of_the_pathwise_one(self, pathwise, doubly, name):
        """At 10,000 equal keys of 4 samples. φ: ∣z∣ < LIMIT of the paired differences, and the two differ at
        a draw. θ: the same number at each draw, by weights w̃ and not w̃², to the rounding of float32."""
        plain, other = pathwise[name], doubly[name]
        same_at_each_draw(other.theta, plain.theta)
        assert (other.phi - plain.phi).std(axis=0).max() > 0.1
        assert furthest(other.phi - plain.phi) < LIMIT

    @pytest.mark.thorough
    def test_score_function_has_the_mean_of_the_pathwise_one(self, off, x, pathwise):
        """IWAE-4 at 10,000 equal keys: φ within LIMIT, θ the same at each draw."""
        estimators = [lb.IWAE(4, gradient=name) for name in ("score_function", "vimco")]
        for score in drawn(estimators, off, x, running=RUNNING):
            same_at_each_draw(score.theta, pathwise["IWAE"].theta)
            assert furthest(score.phi - pathwise["IWAE"].phi) < LIMIT

    @pytest.mark.thorough
    def test_piwae_is_iwae_for_the_model_and_miwae_for_the_posterior(self, off, x):
        """At each of 200 keys, whose 6 samples all share, to the rounding of float32; and neither half is
        the other's."""
        doubly = {"gradient": "doubly_reparameterized"}
        objectives = lb.PIWAE(3, 2, **doubly), lb.IWAE(6), lb.MIWAE(3, 2, **doubly)
        piwae, iwae, miwae = drawn(objectives, off, x, draws=200)
        same_at_each_draw(piwae.theta, iwae.theta)
        same_at_each_draw(piwae.phi, miwae.phi)
        assert np.abs(piwae.theta - miwae.theta).max() > 0.1
        assert np.abs(piwae.phi - iwae.phi).max() > 0.1

    @pytest.mark.thorough
    def test_the_largest_weight_is_not_doubly_reparameterised(self):
        """VR-max jumps from one sample to another, so that its score term has no second path: without it φ's
        gradient at K = 4 is off by tens of standard errors. It is refused."""
        with pytest.raises(ValueError, match="doubly_reparameterized"):
            lb.Renyi(4, alpha=-np.inf, gradient="doubly_reparameterized")


class TestExactPosterior:
    @pytest.mark.thorough
    def test_the_posterior_is_left_where_it_is(self, truth, x):
        """log w does not depend on z there, nor does anything flow to φ: at 100 draws the gradient is 0 to
        1e-3, its variance below 1e-5 (float32), where the pathwise one's is above 1e-3."""
        estimators = (
            lb.ELBO(kl="monte_carlo"),
            lb.ELBO(gradient="sticking_the_landing"),
            lb.IWAE(4, gradient="doubly_reparameterized"),
        )
        noisy, *quiet = drawn(estimators, truth.model(), x, draws=100)
        assert (noisy.phi.var(axis=0) > 1e-3).all()
        for still in quiet:
            assert still.phi.var(axis=0).max() < 1e-5
            assert np.abs(still.phi).max() < 1e-3


def gaussian_vae(prior, posterior=None):
    latent, pixels = lb.DiagonalGaussian(2), lb.Bernoulli(4)
    return lb.VAE(
        prior,
        posterior or lb.Conditional(lb.MLP(4, latent.size, depth=0, key=jax.random.key(2)), latent),
        lb.Conditional(lb.MLP(2, pixels.size, width=5, depth=1, key=jax.random.key(3)), pixels),
    )


def flow_posterior():
    """An inverse autoregressive flow that bends: its last layers begin small."""
    flow = lb.AutoregressiveFlow(2, width=4, context_size=1, key=jax.random.key(4))
    flow = eqx.tree_at(lambda flow: flow.arrays, flow, tuple(2 * array for array in flow.arrays))
    return lb.Conditional(lb.MLP(4, flow.size, depth=0, key=jax.random.key(2)), flow)


MODELS = {
    "vamp prior": lambda: gaussian_vae(lb.VampPrior([[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 0]])),
    "mixture prior": lambda: gaussian_vae(
        lb.MixturePrior(lb.DiagonalGaussian(2), 3, spread=1.0, key=jax.random.key(5))
    ),
    "autoregressive prior": lambda: gaussian_vae(
        lb.AutoregressivePrior(2, components=3, width=4, depth=1, key=jax.random.key(5))
    ),
    "flow posterior": lambda: gaussian_vae(lb.StandardNormal(2), flow_posterior()),
}


class TestOtherParts:
    @pytest.mark.thorough
    @pytest.mark.parametrize(
        "name", cases({name: name for name in MODELS}, fast=["vamp prior"], slow=["flow posterior"])
    )
    def test_dropped_score_terms_have_mean_0(self, name):
        """A VampPrior has the posterior's own parameters, which count; a flow says its score at its own
        sample. At 10,000 equal keys ∣z∣ < LIMIT for φ, and the same θ at each draw."""
        objectives = [lb.IWAE(3), lb.IWAE(3, gradient="doubly_reparameterized")]
        if name == "vamp prior":
            objectives += [lb.ELBO(kl="monte_carlo"), lb.ELBO(gradient="sticking_the_landing")]
        draws = drawn(objectives, MODELS[name](), PIXELS)
        for plain, quiet in zip(draws[::2], draws[1::2], strict=True):
            same_at_each_draw(quiet.theta, plain.theta)
            assert (quiet.phi - plain.phi).std(axis=0).max() > 0.05
            assert furthest(quiet.phi - plain.phi) < LIMIT


class TestSignalToNoise:
    @pytest.mark.slow
    def test_of_the_posterior_falls_with_k_unless_doubly_reparameterised(self, truth, x):
        """∣mean∣/std of φ's gradient, the mean over its 30 entries, of 2,000 draws: pathwise it falls as
        1/√K (Rainforth et al. 2018, theorem 1), doubly reparameterised it rises as √K (Tucker et al. 2019);
        by a factor of 1.3 at least from K = 1 to 10 and to 100. The error of an entry is 1/√2000 = 0.02."""
        model, gradients = truth.model(**OFF), ("reparameterized", "doubly_reparameterized")
        falling, rising = [], []
        for k in (1, 10, 100):
            draws = drawn([lb.IWAE(k, gradient=name) for name in gradients], model, x, draws=2000)
            for ratios, (_, phi) in zip((falling, rising), draws, strict=True):
                ratios.append(np.mean(np.abs(phi.mean(axis=0)) / phi.std(axis=0)))
        assert falling[0] > 1.3 * falling[1] > 1.3**2 * falling[2]
        assert 1.3**2 * rising[0] < 1.3 * rising[1] < rising[2]


def code_bounds(gradient):
    return {
        "ELBO": lb.ELBO(2, kl="monte_carlo", gradient=gradient),
        "ELBO, analytic KL": lb.ELBO(2, kl="analytic", gradient=gradient),
        "IWAE": lb.IWAE(3, gradient=gradient),
        "Renyi": lb.Renyi(2, alpha=0.5, gradient=gradient),
        "VR-max": lb.Renyi(2, alpha=-np.inf, gradient=gradient),
    }


def target(objective):
    """The sum over all tuples of codes that the objective's draws estimate."""
    if isinstance(objective, lb.ELBO):
        return exact_bound(lambda log_w: log_w.mean(), 1)
    return exact_bound(objective.of_log_weights, objective.draws)


def each(functions):
    return lambda model, x: jnp.stack([function(model, x) for function in functions])


class TestCodes:
    """Three bits: sums over all codes in place of draws, so that a bias of 1e-9 is seen."""

    @pytest.fixture(scope="module")
    @staticmethod
    def codes():
        return codes_model()

    @pytest.fixture(scope="module")
    @staticmethod
    def expected(codes):
        """The gradients of all bounds, in float64."""
        bounds = code_bounds("vimco")
        theta, phi = exact(each([target(bound) for bound in bounds.values()]), codes, PIXELS)
        return {name: Gradients(theta[i], phi[i]) for i, name in enumerate(bounds)}

    @pytest.mark.thorough
    def test_enumeration_is_the_exact_gradient(self, codes, expected):
        """θ and φ in float64, to 1e-9, with the KL in closed form and as a sum; and the value is the bound,
        to the rounding of float32."""
        objectives = [lb.ELBO(kl=kl, gradient="enumeration") for kl in ("auto", "analytic", "monte_carlo")]
        key = jax.random.key(0)
        theta, phi = exact(lambda model, x: jnp.stack([o(model, x, key) for o in objectives]), codes, PIXELS)
        np.testing.assert_allclose(theta, np.broadcast_to(expected["ELBO"].theta, theta.shape), atol=1e-9)
        np.testing.assert_allclose(phi, np.broadcast_to(expected["ELBO"].phi, phi.shape), atol=1e-9)
        for objective in objectives:
            bound = target(objective)(codes, PIXELS)
            np.testing.assert_allclose(objective(codes, PIXELS, key), bound, rtol=1e-5)

    @pytest.mark.thorough
    @pytest.mark.parametrize("gradient", ["score_function", "vimco"])
    def test_the_mean_over_all_tuples_is_the_exact_gradient(self, codes, expected, gradient):
        """Of every bound in float64, to 1e-9: no baseline moves a mean."""
        bounds = code_bounds(gradient)
        estimates = [expected_estimate(objective, RUNNING) for objective in bounds.values()]
        theta, phi = exact(each(estimates), codes, PIXELS)
        for i, name in enumerate(bounds):
            np.testing.assert_allclose(theta[i], expected[name].theta, atol=1e-9, err_msg=name)
            np.testing.assert_allclose(phi[i], expected[name].phi, atol=1e-9, err_msg=name)

    @pytest.mark.thorough
    def test_draws_have_that_mean_and_a_baseline_less_noise(self, codes, expected):
        """10,000 keys: all parameters within LIMIT. φ's total variance under either baseline is below a fifth
        of the plain score function's."""
        plain = lb.ELBO(4, kl="monte_carlo", gradient=lb.ScoreFunction(None))
        running, others = (lb.ELBO(4, kl="monte_carlo", gradient=g) for g in ("score_function", "vimco"))
        iwae = lb.IWAE(3, gradient="vimco")
        *elbos, of_iwae = drawn(
            [plain, running, others, iwae], codes, PIXELS, running=exact_means(codes, PIXELS)
        )
        for draws, name in ((elbos[0], "ELBO"), (elbos[1], "ELBO"), (elbos[2], "ELBO"), (of_iwae, "IWAE")):
            assert furthest(draws.theta, expected[name].theta) < LIMIT
            assert furthest(draws.phi, expected[name].phi) < LIMIT
        noise = [draws.phi.var(axis=0).sum() for draws in elbos]
        assert max(noise[1:]) < 0.2 * noise[0]


def exact_means(model, x):
    """What the running means of the terms come to."""
    q = jnp.exp(log_q(model, x))
    kl = lb.kl_divergence(model.q_z(x), model.p_z())
    bound = (q * (log_joint(model, x) - log_q(model, x))).sum()
    return {"log_likelihood": bound + kl, "kl": kl, "bound": bound}
