"""Wake-sleep climbs the bound in θ and another objective in φ: both are finite sums on three bits."""

import itertools
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb

from ..closed_form.discrete_codes import CODES, IMAGES, codes_model, exact_bound, log_joint, log_q
from ..closed_form.estimates import BRIEFLY, LIMIT, drawn, exact, furthest, values

X, KEY = jnp.asarray([1.0, 0.0, 1.0, 1.0]), jax.random.key(1)


@pytest.fixture(scope="module")
def codes():
    return codes_model()


def mean_log_q(model, x):
    """E_{p(x̃, z̃)}[log q(z̃∣x̃)], over all images and codes; p is held."""
    images = jnp.asarray(IMAGES)
    p = jax.lax.stop_gradient(jnp.exp(jax.vmap(lambda x: log_joint(model, x))(images)))
    return (p * jax.vmap(lambda x: log_q(model, x))(images)).sum()


def posterior_mean_log_q(model, x):
    """E_{p(z∣x)}[log q(z∣x)]; p is held."""
    p = jax.lax.stop_gradient(jax.nn.softmax(log_joint(model, x)))
    return (p * log_q(model, x)).sum()


def normalized_mean_log_q(samples):
    """E_q[Σⱼ w̃ⱼ log q(zⱼ∣x)] over all K-tuples of codes; their probability and w̃ are held."""
    tuples = jnp.asarray(list(itertools.product(range(len(CODES)), repeat=samples)))

    def value(model, x):
        q = log_q(model, x)[tuples]
        log_w = log_joint(model, x)[tuples] - q
        held = jax.lax.stop_gradient(jnp.exp(q.sum(-1))[:, None] * jax.nn.softmax(log_w))
        return (held * q).sum()

    return value


def elbo(model, x):
    return exact_bound(lambda log_w: log_w.mean(), 1)(model, x)


class TestWakeSleep:
    def test_each_half_climbs_its_own_objective(self, codes):
        """10,000 keys of 2 samples, every ∣z∣ < LIMIT: θ the bound's gradient, φ that of E_p[log q(z∣x)];
        which is another than the bound's by far."""
        (draws,) = drawn([lb.WakeSleep(2)], codes, X)
        bound, dreams = exact(elbo, codes, X), exact(mean_log_q, codes, X)
        assert furthest(draws.theta, bound.theta) < LIMIT
        assert furthest(draws.phi, dreams.phi) < LIMIT
        assert furthest(draws.phi, bound.phi) > 10 * LIMIT

    def test_the_value_is_the_bound(self, codes):
        """Its mean over 4,000 keys is the exact bound, within 4 standard errors, and `bound` is the value."""
        value, terms = values(lb.WakeSleep(2), codes, X)
        np.testing.assert_allclose(value, terms["bound"], rtol=1e-6)
        assert abs(value.mean() - elbo(codes, X)) < 4 * value.std() / np.sqrt(len(value))


class TestReweightedWakeSleep:
    @pytest.fixture(scope="class")
    @staticmethod
    def draws(codes):
        shares = 0.0, 0.25, 1.0
        return dict(
            zip(shares, drawn([lb.ReweightedWakeSleep(2, sleep=s) for s in shares], codes, X), strict=True)
        )

    @pytest.mark.parametrize("sleep", [0.0, 0.25, 1.0])
    def test_each_half_climbs_its_own_objective(self, codes, draws, sleep):
        """10,000 keys of 2 samples, every ∣z∣ < LIMIT: θ the gradient of IWAE-2; φ of the self-normalised
        E[Σ w̃ log q], of E_p[log q] over dreams, and of their mixture."""
        iwae = exact(exact_bound(lb.IWAE(2).of_log_weights, 2), codes, X)
        wake, dreams = exact(normalized_mean_log_q(2), codes, X), exact(mean_log_q, codes, X)
        assert furthest(draws[sleep].theta, iwae.theta) < LIMIT
        assert furthest(draws[sleep].phi, (1 - sleep) * wake.phi + sleep * dreams.phi) < LIMIT

    def test_the_wake_phase_tends_to_the_posterior_mean(self, codes, draws):
        """E_{p(z∣x)}[∇ log q]: at K = 2 a bias is seen, at 10,000 keys; at K = 1000 the mean of 500 keys is
        within LIMIT errors and a bias of 1/K."""
        expected = exact(posterior_mean_log_q, codes, X).phi
        assert furthest(draws[0.0].phi, expected) > LIMIT
        (many,) = drawn([lb.ReweightedWakeSleep(1000)], codes, X, draws=500)
        error = LIMIT * many.phi.std(axis=0) / np.sqrt(500) + 1e-3 * np.abs(expected).max()
        assert (np.abs(many.phi.mean(axis=0) - expected) < error).all()

    def test_the_value_is_that_of_iwae(self, codes):
        """log mean w, and not what φ climbs: the mean over 4,000 keys within 4 standard errors."""
        value, terms = values(lb.ReweightedWakeSleep(3), codes, X)
        np.testing.assert_allclose(value, terms["bound"], rtol=1e-6)
        expected = exact_bound(lb.IWAE(3).of_log_weights, 3)(codes, X)
        assert abs(value.mean() - expected) < 4 * value.std() / np.sqrt(len(value))


class TestDreams:
    def test_are_dreamt_under_the_condition_of_the_row(self):
        """p(z∣y) = N(y, 1e-3²) and q(z∣x, y) = N(y + c, 1): φ's gradient with respect to c at 0 is z̃ − y, 0
        to 1e-2 where dreams are of the row's own condition."""

        class Shifted(eqx.Module):
            c: jax.Array

            def __call__(self, x, given):
                return dist.Normal(given + self.c, 1.0).to_event(1)

        model = lb.VAE(
            lambda given: dist.Normal(given, 1e-3).to_event(1),
            Shifted(jnp.zeros(1)),
            lambda z: lb.Bernoulli(1)(z),
        )
        x, y, at_c = jnp.ones(1), jnp.asarray([5.0]), lambda model: model.posterior.function.c

        @partial(jax.jit, compiler_options=BRIEFLY)
        def gradients(c):
            def of(objective):
                return jax.grad(lambda c: objective(eqx.tree_at(at_c, model, c), x, KEY, y))(c)

            return of(lb.WakeSleep(4)), of(lb.ReweightedWakeSleep(4, sleep=1.0))

        assert all(abs(c[0]) < 0.01 for c in gradients(jnp.zeros(1)))

    def test_nothing_is_differentiated_through_a_sample(self):
        """A Gaussian posterior, whose samples have a path: θ and φ each take their own gradient only, so that
        a likelihood that does not depend on φ's samples leaves none: with p(x∣z) constant in z and q = p, the
        bound has no gradient to φ, and the dreams' is the score, of mean 0 within LIMIT at 2,000 keys."""
        latent, pixels = lb.DiagonalGaussian(2), lb.Bernoulli(4)
        flat = lb.MLP(4, latent.size, depth=0, key=KEY)
        flat = jax.tree.map(jnp.zeros_like, flat)
        model = lb.VAE(lb.LearnedPrior(latent), lb.Conditional(flat, latent), lambda z: pixels(jnp.zeros(4)))
        (draws,) = drawn([lb.WakeSleep()], model, X, draws=2000)
        assert draws.phi.std(axis=0).max() > 0.1
        assert furthest(draws.phi) < LIMIT
        assert furthest(draws.theta) < LIMIT


@pytest.mark.parametrize("sleep", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(sleep):
    with pytest.raises(ValueError, match=r"ReweightedWakeSleep\.sleep: expected a share from 0 to 1"):
        lb.ReweightedWakeSleep(sleep=sleep)


@pytest.mark.parametrize("objective", [lb.WakeSleep, lb.ReweightedWakeSleep])
def test_a_number_of_samples_that_is_none_is_refused(objective):
    with pytest.raises(ValueError, match=rf"{objective.__name__}\.samples: .* found 0"):
        objective(0)
