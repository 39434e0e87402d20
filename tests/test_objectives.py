"""What the objectives are, on the same draws: identities hold to rounding, not on average."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb

KEY, X = jax.random.key(1), jnp.asarray([1.0, 0.0, 1.0, 1.0])
KEYS = jax.random.split(KEY, 50)


def vae(posterior=None, prior=None):
    latent, pixels = lb.DiagonalGaussian(2), lb.Bernoulli(4)
    return lb.VAE(
        prior or lb.StandardNormal(2),
        posterior or lb.Conditional(lb.MLP(4, latent.size, key=jax.random.key(2)), latent),
        lb.Conditional(lb.MLP(2, pixels.size, key=jax.random.key(3)), pixels),
    )


@pytest.fixture(scope="module")
def model():
    return vae()


def over_keys(objective, model):
    return jax.jit(jax.vmap(lambda key: objective(model, X, key)))(KEYS)


def logistic(x):
    """A posterior whose KL to a normal prior has no closed form."""
    return dist.Logistic(x[:2], 1.0).to_event(1)


def coin(x):
    """A posterior that cannot be reparameterised."""
    return dist.BernoulliLogits(x[:2]).to_event(1)


class TestELBO:
    def test_monte_carlo_is_the_mean_of_log_w(self, model):
        draw = model.draw(X, KEY, 5)
        np.testing.assert_allclose(
            lb.ELBO(5, kl="monte_carlo")(model, X, KEY), draw.log_weight.mean(), rtol=1e-6
        )

    def test_a_negative_estimate_of_the_kl_is_not_floored_at_0(self, model):
        """A KL estimated from one sample is negative at times, and free_nats=0 floors nothing: the value
        is log w at every key."""
        draw = jax.jit(jax.vmap(lambda key: model.draw(X, key)))(KEYS)
        assert (draw.log_posterior < draw.log_prior).any()
        values = over_keys(lb.ELBO(kl="monte_carlo"), model)
        np.testing.assert_allclose(values, draw.log_weight[:, 0], rtol=1e-5)

    def test_analytic_is_the_mean_log_likelihood_less_kl(self, model):
        draw, kl = model.draw(X, KEY, 5), lb.kl_divergence(model.q_z(X), model.p_z())
        value = lb.ELBO(5, kl="analytic")(model, X, KEY)
        np.testing.assert_allclose(value, draw.log_likelihood.mean() - kl, rtol=1e-6)

    def test_auto_is_analytic_where_there_is_a_closed_form_and_monte_carlo_elsewhere(self, model):
        for part, kl in ((model, "analytic"), (vae(logistic), "monte_carlo")):
            assert lb.ELBO(5)(part, X, KEY) == lb.ELBO(5, kl=kl)(part, X, KEY)
        assert lb.ELBO(5)(model, X, KEY) != lb.ELBO(5, kl="monte_carlo")(model, X, KEY)

    @pytest.mark.parametrize("kl", ["analytic", "monte_carlo"])
    @pytest.mark.parametrize("beta", [0.0, 0.5, 4.0])
    def test_beta_weights_the_kl(self, model, kl, beta):
        """log p(x∣z) − β·KL at equal draws, and `bound` stays the bound of β = 1."""
        value, terms = lb.ELBO(5, kl=kl, beta=beta).with_terms(model, X, KEY)
        np.testing.assert_allclose(value, terms["log_likelihood"] - beta * terms["kl"], rtol=1e-6)
        np.testing.assert_allclose(terms["bound"], lb.ELBO(5, kl=kl)(model, X, KEY), rtol=1e-6)

    def test_a_schedule_is_read_at_the_step_and_counts_as_1_without_one(self, model):
        warm_up = lb.ELBO(5, beta=lambda step: jnp.minimum(step / 10, 2.0))
        for step, beta in ((0, 0.0), (5, 0.5), (jnp.asarray(30), 2.0), (None, 1.0)):
            expected = lb.ELBO(5, beta=beta)(model, X, KEY)
            np.testing.assert_allclose(warm_up(model, X, KEY, step=step), expected, rtol=1e-6)

    @pytest.mark.parametrize("floor", [1e-3, 100.0])
    def test_free_nats_floor_the_kl(self, model, floor):
        """max(KL, λ): λ below the KL changes nothing, above it takes its place, and its gradient is 0."""
        plain, terms = lb.ELBO(5).with_terms(model, X, KEY)
        value, floored_terms = lb.ELBO(5, free_nats=floor).with_terms(model, X, KEY)
        np.testing.assert_allclose(value, terms["log_likelihood"] - max(terms["kl"], floor), rtol=1e-6)
        assert (value == plain) == (floor < terms["kl"])
        assert floored_terms == terms

    def test_the_bound_is_log_likelihood_less_kl_by_name(self, model):
        _, terms = lb.ELBO(5, beta=2.0, free_nats=1.0).with_terms(model, X, KEY)
        assert set(terms) == {"bound", "log_likelihood", "kl"}
        np.testing.assert_allclose(terms["bound"], terms["log_likelihood"] - terms["kl"], rtol=1e-6)


class TestIWAE:
    def test_one_sample_is_the_monte_carlo_elbo(self, model):
        one, elbo = (over_keys(bound, model) for bound in (lb.IWAE(1), lb.ELBO(kl="monte_carlo")))
        np.testing.assert_allclose(one, elbo, rtol=1e-5)

    def test_value_is_log_mean_w_and_not_the_surrogate(self, model):
        """log (1/K) Σ wⱼ; Σ w̃ⱼ log wⱼ has the same gradient at fixed w̃ and is another number:
        larger by KL(w̃ ‖ uniform)."""
        log_w = np.asarray(model.draw(X, KEY, 5).log_weight, np.float64)
        weight = np.exp(log_w) / np.exp(log_w).sum()
        value, terms = lb.IWAE(5).with_terms(model, X, KEY)
        np.testing.assert_allclose(value, np.log(np.exp(log_w).mean()), rtol=1e-6)
        surrogate = (weight * log_w).sum()
        assert surrogate - value == pytest.approx((weight * np.log(5 * weight)).sum(), abs=1e-5)
        assert surrogate - value > 0.01
        assert terms["bound"] == value

    def test_jensen_holds_on_every_draw(self, model):
        """mean log w < log mean w."""
        elbo, iwae = (over_keys(bound, model) for bound in (lb.ELBO(5, kl="monte_carlo"), lb.IWAE(5)))
        assert (elbo < iwae).all()


class TestRefusals:
    def test_an_analytic_kl_that_does_not_exist(self):
        with pytest.raises(ValueError, match=r"has no closed form.*use kl=\"monte_carlo\""):
            lb.ELBO(kl="analytic")(vae(logistic), X, KEY)

    @pytest.mark.parametrize("objective", [lb.ELBO(), lb.ELBO(kl="monte_carlo"), lb.IWAE(5)])
    def test_a_posterior_that_cannot_be_reparameterised(self, objective):
        model = vae(coin, dist.BernoulliLogits(jnp.zeros(2)).to_event(1))
        with pytest.raises(TypeError, match="cannot be reparameterised"):
            objective(model, X, KEY)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: lb.ELBO(0), r"ELBO\.samples: expected a whole number of at least 1, found 0"),
            (lambda: lb.ELBO(2.5), r"ELBO\.samples: .* found 2\.5"),
            (
                lambda: lb.ELBO(kl="closed"),
                r"ELBO\.kl: expected auto, analytic or monte_carlo; found 'closed'",
            ),
            (lambda: lb.ELBO(beta=-1.0), r"ELBO\.beta: expected at least 0, found -1"),
            (lambda: lb.ELBO(free_nats=-0.5), r"ELBO\.free_nats: expected at least 0 nats, found -0\.5"),
            (lambda: lb.IWAE(0), r"IWAE\.samples: .* found 0"),
        ],
    )
    def test_arguments_without_meaning(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()
