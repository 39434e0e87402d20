"""What the objectives are, on the same draws: identities hold to rounding, not on average."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.objectives.objective import Progress

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
            np.testing.assert_allclose(warm_up(model, X, KEY, progress=Progress(step)), expected, rtol=1e-6)

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


LOG_W = jnp.log(jnp.asarray([1.0, 5.0, 2.0, 2.0, 9.0, 1.0]))  # in two groups of three, or three of two


class TestBoundsOfWeights:
    def test_miwae_is_the_mean_over_groups_of_the_log_mean_in_a_group(self):
        """(1/M) Σₘ log (1/K) Σₖ wₘₖ, which is another number with K and M swapped; to 1e-5."""
        found = [float(lb.MIWAE(k, m).of_log_weights(LOG_W)) for k, m in ((3, 2), (2, 3))]
        expected = [np.log([8 / 3, 12 / 3]).mean(), np.log([6 / 2, 4 / 2, 10 / 2]).mean()]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert abs(expected[0] - expected[1]) > 0.01

    def test_miwae_normalises_by_the_samples_of_a_group(self):
        """Weights that are all 7 make log 7, whatever K and M."""
        for k, m in ((1, 6), (2, 3), (6, 1)):
            np.testing.assert_allclose(
                lb.MIWAE(k, m).of_log_weights(jnp.full(6, np.log(7))), np.log(7), rtol=1e-5
            )

    @pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
    def test_ciwae_is_between(self, beta):
        """β · mean log w + (1 − β) log mean w; to 1e-5."""
        expected = beta * np.log([1, 5, 2, 2, 9, 1]).mean() + (1 - beta) * np.log(20 / 6)
        np.testing.assert_allclose(lb.CIWAE(6, beta=beta).of_log_weights(LOG_W), expected, rtol=1e-5)

    @pytest.mark.parametrize("alpha", [-3.0, 0.0, 0.5, 1.0, 2.0])
    def test_renyi_is_the_log_of_a_power_mean(self, alpha):
        """(1/(1 − α)) log mean w^{1 − α}; the geometric mean at α = 1; the largest weight at −∞; to 1e-5."""
        w = np.array([1.0, 5, 2, 2, 9, 1])
        expected = np.log(w).mean() if alpha == 1 else np.log((w ** (1 - alpha)).mean()) / (1 - alpha)
        np.testing.assert_allclose(lb.Renyi(6, alpha=alpha).of_log_weights(LOG_W), expected, rtol=1e-5)
        np.testing.assert_allclose(lb.Renyi(6, alpha=-np.inf).of_log_weights(LOG_W), np.log(9), rtol=1e-6)

    @pytest.mark.parametrize(
        "bound", [lb.IWAE(3), lb.MIWAE(3, 1), lb.CIWAE(3, beta=0.5), lb.Renyi(3, alpha=0.5)], ids=str
    )
    def test_the_best_samples_weigh_most(self, bound):
        """∂B/∂ log w rises with w, and sums to 1."""
        v = jax.grad(bound.of_log_weights)(jnp.asarray([-5.0, -3.0, -1.0]))
        assert v[0] < v[1] < v[2]
        np.testing.assert_allclose(v.sum(), 1, rtol=1e-5)

    def test_weights_far_below_float32_are_as_good(self):
        """log w of about −1,000, as images have; to 1e-6."""
        far = jnp.asarray([-1000.0, -1001.0, -1002.0, -1003.0])
        for bound in (
            lb.IWAE(4),
            lb.MIWAE(2, 2),
            lb.CIWAE(4),
            lb.Renyi(4, alpha=-2.0),
            lb.Renyi(4, alpha=3.0),
        ):
            np.testing.assert_allclose(
                bound.of_log_weights(far), bound.of_log_weights(far + 1000) - 1000, rtol=1e-6
            )


class TestSchedules:
    @pytest.mark.parametrize("capacity", [0.0, 0.5, 50.0])
    def test_a_capacity_is_what_the_kl_is_drawn_to(self, model, capacity):
        """β·∣KL − C∣ takes the place of β·KL, at equal draws to the rounding of float32; `bound` stays."""
        _, terms = lb.ELBO(5).with_terms(model, X, KEY)
        value, with_capacity = lb.ELBO(5, beta=3.0, capacity=capacity).with_terms(model, X, KEY)
        expected = terms["log_likelihood"] - 3 * abs(terms["kl"] - capacity)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        assert with_capacity == terms

    def test_a_capacity_may_be_a_schedule(self, model):
        grown = lb.ELBO(5, capacity=lambda step: 0.1 * step)
        for step in (0, 20):
            expected = lb.ELBO(5, capacity=0.1 * step)(model, X, KEY)
            np.testing.assert_allclose(grown(model, X, KEY, progress=Progress(step)), expected, rtol=1e-5)

    @pytest.mark.thorough
    def test_a_schedule_that_has_not_reached_1_at_the_end_is_told(self):
        """By a warning of `fit`: what is reported is the bound at β = 1. A penalty hands the word on; a
        schedule that has reached it, and a number, say nothing."""
        late = lb.ELBO(beta=lambda step: jnp.minimum(step / 1000, 1.0))
        penalized = lb.TotalCorrelation(late, weight=1.0)
        for objective in (late, penalized):
            assert "stood at 0.999" in objective.unfinished(1000)
            assert objective.unfinished(1001) is None
        ends_below = lb.ELBO(beta=lambda step: jnp.minimum(step / 1000, 0.25))
        assert "stood at 0.249" in ends_below.unfinished(250)
        assert ends_below.unfinished(251) is None
        assert "not reached 0.25" in lb.ELBO(beta=lb.WarmUp(100, end=0.25)).unfinished(50)
        assert lb.ELBO(beta=4.0).unfinished(5) is None
        rows = np.tile(np.asarray(X), (20, 1))
        with pytest.warns(lb.TrainingWarning, match=r"beta stood at 0\.019 .*had not reached 1"):
            result = lb.fit(vae(), rows, objective=late, epochs=20, batch_size=20, validation=0)
        assert np.isfinite(result.history[-1]["objective"])


class TestRefusals:
    def test_prior_and_posterior_over_different_sets(self):
        """When the model is built, where the parts say their sets."""
        gamma, codes = lb.Gamma(2), lb.Categorical(2, 3)
        for family, found in ((gamma, "numbers above 0"), (codes, "whole numbers from 0 to 2")):
            posterior = lb.Conditional(lb.MLP(4, family.size, key=KEY), family)
            with pytest.raises(
                ValueError, match=f"posterior is over {found} and the prior over real numbers"
            ):
                vae(posterior)
        four = lb.Conditional(lb.MLP(4, codes.size, key=KEY), codes)
        with pytest.raises(ValueError, match="from 0 to 2 and the prior over whole numbers from 0 to 3"):
            vae(four, lb.LearnedPrior(lb.Categorical(2, 4)))
        with pytest.raises(ValueError, match="over 2 latent dimensions and the prior over 3"):
            vae(prior=lb.StandardNormal(3))

    def test_prior_and_posterior_over_different_sets_that_do_not_say_so(self):
        """When they are used."""
        model = vae(lambda x: dist.Gamma(jnp.ones(2), 1.0).to_event(1))
        with pytest.raises(ValueError, match="posterior is over numbers above 0 and the prior over real"):
            lb.ELBO()(model, X, KEY)

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
            (lambda: lb.ELBO(beta=float("nan")), r"ELBO\.beta: expected at least 0, found nan"),
            (lambda: lb.ELBO(free_nats=float("nan")), r"ELBO\.free_nats: .*found nan"),
            (lambda: lb.ELBO(capacity=-1.0), r"ELBO\.capacity: expected at least 0 nats, found -1"),
            (lambda: lb.MIWAE(0, 3), r"MIWAE\.samples: .* found 0"),
            (lambda: lb.MIWAE(3, 0), r"MIWAE\.groups: .* found 0"),
            (lambda: lb.PIWAE(3, 0), r"PIWAE\.groups: .* found 0"),
            (lambda: lb.CIWAE(beta=-0.1), r"CIWAE\.beta: expected a number from 0 to 1, found -0\.1"),
            (lambda: lb.CIWAE(beta=1.1), r"CIWAE\.beta: .* found 1\.1"),
            (lambda: lb.Renyi(alpha=np.inf), r"Renyi\.alpha: .*found inf"),
            (lambda: lb.Renyi(alpha=np.nan), r"Renyi\.alpha: .*found nan"),
        ],
    )
    def test_arguments_without_meaning(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()


def test_weights_of_columns_count_in_the_value_and_not_in_the_bound(model):
    """Σⱼ wⱼ log p(xⱼ∣z) − KL, on the same draws: weights of 1 change nothing, twice a column's weight adds
    its term once more, and the bound and log p(x∣z) stay what they are."""
    plain, terms = lb.ELBO().with_terms(model, X, KEY)
    ones, _ = lb.ELBO(column_weights=[1, 1, 1, 1]).with_terms(model, X, KEY)
    np.testing.assert_allclose(ones, plain, rtol=1e-6)
    twice, weighed = lb.ELBO(column_weights=[1, 2, 1, 1]).with_terms(model, X, KEY)
    z = model.draw(X, KEY).z[0]
    np.testing.assert_allclose(twice - plain, model.p_x(z).base_dist.log_prob(X)[1], rtol=1e-5)
    for name in ("bound", "log_likelihood", "kl"):
        np.testing.assert_allclose(weighed[name], terms[name], rtol=1e-6)


@pytest.mark.parametrize("weights", [[1, -1, 1, 1], [0, 0, 0, 0], 2.0, [[1.0]]])
def test_weights_of_columns_are_checked(weights):
    with pytest.raises(ValueError, match="column_weights: expected one number of at least 0 a column"):
        lb.ELBO(column_weights=weights)


def test_there_is_a_weight_for_each_column(model):
    with pytest.raises(ValueError, match="one number for each of 4 columns, found 3"):
        lb.ELBO(column_weights=[1, 1, 1])(model, X, KEY)
