"""Gradient estimators by their names: what they give at a draw, and what they refuse."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.objectives.objective import Progress

from ..closed_form.estimates import BRIEFLY

KEY, X = jax.random.key(1), jnp.asarray([1.0, 0.0, 1.0, 1.0])
DOUBLY = "doubly_reparameterized"
CODES, GAUSSIAN, PIXELS = lb.Bernoulli(2), lb.DiagonalGaussian(2), lb.Bernoulli(4)


def vae(latent=GAUSSIAN, prior=None, posterior=None):
    return lb.VAE(
        prior or lb.StandardPrior(latent),
        posterior or lb.Conditional(lb.MLP(4, latent.size, depth=0, key=jax.random.key(2)), latent),
        lb.Conditional(lb.MLP(2, PIXELS.size, depth=0, key=jax.random.key(3)), PIXELS),
    )


class Free(eqx.Module):
    """A posterior of parameters that are the same for every x: N(c, I), or codes of logits c."""

    c: jax.Array
    codes: bool = eqx.field(static=True)

    def __call__(self, x):
        return (dist.BernoulliLogits(self.c) if self.codes else dist.Normal(self.c, 1.0)).to_event(1)


C = jnp.asarray([0.7, -0.4])


def gradient_to_c(objective, model):
    def value(c):
        return objective(eqx.tree_at(lambda model: model.posterior.function.c, model, c), X, KEY)

    return np.asarray(jax.jit(jax.grad(value), compiler_options=BRIEFLY)(model.posterior.function.c))


class TestValue:
    @pytest.mark.parametrize(
        ("make", "names"),
        [
            (
                lambda gradient: lb.ELBO(4, kl="monte_carlo", gradient=gradient),
                ("sticking_the_landing", "score_function", "vimco"),
            ),
            (
                lambda gradient: lb.IWAE(4, gradient=gradient),
                ("doubly_reparameterized", "score_function", "vimco"),
            ),
        ],
        ids=["ELBO", "IWAE"],
    )
    def test_is_the_bound_s_at_the_draw_whatever_the_estimator(self, make, names):
        """At 50 keys, to the rounding of float32: what is added to have a gradient has the value 0."""
        model, keys = vae(), jax.random.split(KEY, 50)
        objectives = [make(name) for name in ("reparameterized", *names)]
        running = {"log_likelihood": -3.0, "kl": 1.0, "bound": -4.0}

        def values(key):
            return jnp.stack(
                [objective(model, X, key, progress=Progress(running=running)) for objective in objectives]
            )

        plain, *others = jax.jit(jax.vmap(values, out_axes=1), compiler_options=BRIEFLY)(keys)
        assert plain.std() > 0.1
        for other in others:
            np.testing.assert_allclose(other, plain, rtol=1e-4)


class TestDoublyReparameterized:
    """z = c + ε, so that a gradient to c is a weighted sum of ∂/∂zⱼ [log p(x, zⱼ) − log q(zⱼ)]."""

    @pytest.fixture(scope="class")
    @staticmethod
    def model():
        return vae(prior=lb.StandardNormal(2), posterior=Free(C, codes=False))

    @pytest.fixture(scope="class")
    @staticmethod
    def draw(model):
        """log w of 8 samples, and its slopes in z."""

        def log_w(z):
            return model.p_x(z).log_prob(X) + model.p_z().log_prob(z) - model.q_z(X).log_prob(z)

        @partial(jax.jit, compiler_options=BRIEFLY)
        def drawn():
            draw = model.draw(X, KEY, 8)
            return draw.log_weight, jax.vmap(jax.grad(log_w))(draw.z)

        return [np.asarray(value, np.float64) for value in drawn()]

    @pytest.mark.parametrize(
        ("objective", "groups", "power", "weights"),
        [
            (lb.IWAE(8, gradient=DOUBLY), 1, 1.0, lambda w: w**2),
            (lb.Renyi(8, alpha=0.3, gradient=DOUBLY), 1, 0.7, lambda w: 0.3 * w + 0.7 * w**2),
            (lb.CIWAE(8, beta=0.3, gradient=DOUBLY), 1, 1.0, lambda w: 0.3 / 8 + 0.7 * w**2),
            (lb.MIWAE(4, 2, gradient=DOUBLY), 2, 1.0, lambda w: w**2 / 2),
        ],
        ids=["IWAE", "Renyi", "CIWAE", "MIWAE"],
    )
    def test_weighs_the_path_of_a_sample(self, model, draw, objective, groups, power, weights):
        """By w̃² for IWAE (Tucker et al. 2019), α w̃ + (1 − α) w̃² with w̃ ∝ w^{1 − α} for Rényi bounds, β/K +
        (1 − β) w̃² for CIWAE, and w̃²/M with w̃ normalised within a group for MIWAE; to 1e-3."""
        log_w, slopes = draw
        w = np.exp(power * log_w).reshape(groups, -1)
        w = (w / w.sum(axis=1, keepdims=True)).reshape(-1)
        assert w.max() > 0.2
        np.testing.assert_allclose(gradient_to_c(objective, model), weights(w) @ slopes, rtol=1e-3, atol=1e-4)


class TestScoreFunction:
    def by_hand(self, baselines, draw, iwae):
        """Σⱼ (B − bⱼ) ∇log q(zⱼ) + ∇B, with ∇ log q = z − π of logits and ∇B = −Σ vⱼ ∇log q(zⱼ)."""
        log_w = np.asarray(draw.log_weight, np.float64)
        scores = np.asarray(draw.z) - np.asarray(jax.nn.sigmoid(C))
        value = np.log(np.exp(log_w).mean()) if iwae else log_w.mean()
        v = np.exp(log_w) / np.exp(log_w).sum() if iwae else np.full(len(log_w), 1 / len(log_w))
        return (value - np.asarray(baselines) - v) @ scores

    @pytest.fixture(scope="module")
    @staticmethod
    def model():
        return vae(CODES, posterior=Free(C, codes=True))

    @pytest.fixture(scope="module")
    @staticmethod
    def draw(model):
        return jax.jit(lambda: model.draw(X, KEY, 5), compiler_options=BRIEFLY)()

    def baselines(self, log_w, of_sample, iwae):
        """The bound with log w of each sample in turn replaced."""
        for j in range(len(log_w)):
            replaced = log_w.copy()
            replaced[j] = of_sample(j)
            yield np.log(np.exp(replaced).mean()) if iwae else replaced.mean()

    @pytest.mark.parametrize("iwae", [False, True], ids=["ELBO", "IWAE"])
    @pytest.mark.parametrize("gradient", ["vimco", "score_function", lb.ScoreFunction(None)], ids=str)
    def test_a_baseline_is_the_bound_with_a_sample_replaced(self, model, draw, gradient, iwae):
        """By the mean log w of the others (Mnih & Rezende 2016, eq. 10) or, where there are no past steps or
        is no baseline, by 0; to 1e-4."""
        log_w = np.asarray(draw.log_weight, np.float64)
        of_sample = (lambda j: np.delete(log_w, j).mean()) if gradient == "vimco" else (lambda j: 0.0)
        options = {"gradient": gradient}
        objective = lb.IWAE(5, **options) if iwae else lb.ELBO(5, kl="monte_carlo", **options)
        expected = self.by_hand(list(self.baselines(log_w, of_sample, iwae)), draw, iwae)
        np.testing.assert_allclose(gradient_to_c(objective, model), expected, rtol=1e-3, atol=1e-4)


class TestRefusals:
    @pytest.mark.parametrize(
        "objective",
        [
            lb.ELBO(kl="monte_carlo"),
            lb.ELBO(gradient="sticking_the_landing"),
            lb.IWAE(3),
            lb.IWAE(3, gradient="doubly_reparameterized"),
            lb.PIWAE(2, 2),
        ],
    )
    def test_codes_have_no_path(self, objective):
        """The message names the ways out."""
        with pytest.raises(TypeError, match=r"vimco.*score_function.*enumeration.*Concrete"):
            objective(vae(CODES), X, KEY)

    @pytest.mark.parametrize("name", ["score_function", "vimco", "sticking_the_landing"])
    def test_a_support_that_moves_has_no_score(self, name):
        """Uniform: ∂ log q/∂φ at fixed z misses the ends."""
        with pytest.raises(TypeError, match=r'support moves.*use gradient="reparameterized"'):
            lb.ELBO(2, gradient=name)(vae(lb.Uniform(2), prior=lb.StandardNormal(2)), X, KEY)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda: lb.IWAE(gradient="sticking_the_landing"),
                r"IWAE\.gradient: .*use doubly_reparameterized",
            ),
            (lambda: lb.MIWAE(gradient="sticking_the_landing"), r"MIWAE\.gradient: .*doubly_reparameterized"),
            (lambda: lb.IWAE(gradient="enumeration"), r"IWAE\.gradient: enumeration is exact for ELBO"),
            (lambda: lb.ELBO(gradient="vimco"), r"ELBO\.gradient: .*at least 2 samples, found 1"),
            (lambda: lb.IWAE(1, gradient="vimco"), r"IWAE\.gradient: .*at least 2 samples, found 1"),
            (lambda: lb.ELBO(gradient="doubly_reparameterized"), r"ELBO\.gradient: .*sticking_the_landing"),
            (
                lambda: lb.ELBO(kl="analytic", gradient="sticking_the_landing"),
                r"ELBO\.gradient: .*use kl='monte_carlo'",
            ),
            (
                lambda: lb.ELBO(free_nats=0.5, gradient="sticking_the_landing"),
                r"ELBO\.gradient: .*biased with free_nats",
            ),
            (
                lambda: lb.ELBO(capacity=5.0, gradient="sticking_the_landing"),
                r"ELBO\.gradient: .*biased with free_nats or a capacity",
            ),
            (
                lambda: lb.IWAE(gradient="double_reparameterized"),
                "unknown 'double_reparameterized'; the nearest is 'doubly-reparameterized'",
            ),
            (lambda: lb.ELBO(gradient="sgd"), r"unknown 'sgd'; known are .*vimco.*enumeration"),
            (
                lambda: lb.ScoreFunction("mean"),
                r"ScoreFunction\.baseline: expected leave_one_out, running or None",
            ),
        ],
    )
    def test_what_has_no_meaning_or_another_name(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()

    def test_the_error_names_the_objective_that_was_asked_for(self):
        with pytest.raises(ValueError, match=r"PIWAE"):
            lb.PIWAE(gradient="sticking_the_landing")

    @pytest.mark.parametrize("gradient", [None, lb.StickingTheLanding])
    def test_what_is_neither_a_name_nor_an_estimator(self, gradient):
        with pytest.raises((TypeError, ValueError), match="gradient: "):
            lb.ELBO(gradient=gradient)

    def test_enumeration_of_a_gaussian(self):
        with pytest.raises(TypeError, match=r"needs codes of a few whole numbers, .* over real numbers"):
            lb.ELBO(gradient="enumeration")(vae(), X, KEY)

    def test_enumeration_of_more_than_4096_codes(self):
        """2¹³ are refused with their number, 2¹² are not."""

        def model(bits):
            posterior = lb.Conditional(lambda x: jnp.zeros(bits), lb.Bernoulli(bits))
            return lb.VAE(lb.StandardPrior(lb.Bernoulli(bits)), posterior, lambda z: PIXELS(jnp.zeros(4)))

        exact = lb.ELBO(gradient="enumeration")
        with pytest.raises(TypeError, match=r"over 2\^13 of them, of at most 4096"):
            exact(model(13), X, KEY)
        value = jax.jit(lambda: exact(model(12), X, KEY), compiler_options=BRIEFLY)()
        assert float(value) == pytest.approx(-4 * np.log(2), rel=1e-4)
