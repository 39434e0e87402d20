"""Every estimator against probabilistic PCA, where log p(x), its bounds and their gradients are known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from arviz_stats.base import array_stats

import lowerbound as lb
from lowerbound.randomness.keys import RowKeys, as_key

from ..tables import cases
from .linear_gaussian import LinearGaussian, exact_elbo

OFF = {"shift": 0.2, "widen": 1.3}  # a posterior that is not the exact one


def over_keys(function, x, keys=2000):
    """`function(x, key)` of every row under the same keys: (rows, keys) in float64."""
    keys = jax.random.split(jax.random.key(3), keys)
    values = jax.jit(jax.vmap(jax.vmap(function, (None, 0)), (0, None)))(jnp.asarray(x), keys)
    return np.asarray(values, np.float64)


def mean_and_error(values, axis=-1):
    return values.mean(axis), values.std(axis, ddof=1) / np.sqrt(values.shape[axis])


class TestBounds:
    def test_monte_carlo_elbo_of_the_exact_posterior_is_log_p_at_every_draw(self, truth, rows):
        """log w is constant in z: 30 rows × 200 keys, each a single sample, in float32."""
        model, x = truth.model(), rows[:30]
        elbo = over_keys(lambda x, key: lb.ELBO(kl="monte_carlo")(model, x, key), x, keys=200)
        exact = truth.marginal.logpdf(x)[:, None]
        np.testing.assert_allclose(elbo, np.broadcast_to(exact, elbo.shape), rtol=0, atol=1e-4)

    def test_iwae_of_the_exact_posterior_is_log_p_at_every_draw(self, truth, rows):
        model, x = truth.model(), rows[:30]
        iwae = over_keys(lambda x, key: lb.IWAE(7)(model, x, key), x, keys=20)
        exact = truth.marginal.logpdf(x)[:, None]
        np.testing.assert_allclose(iwae, np.broadcast_to(exact, iwae.shape), rtol=0, atol=1e-4)

    def test_analytic_elbo_of_the_exact_posterior_is_log_p_in_the_mean(self, truth, rows):
        model, x = truth.model(), rows[:30]
        elbo = over_keys(lambda x, key: lb.ELBO(kl="analytic")(model, x, key), x)
        mean, error = mean_and_error(elbo)
        assert (elbo.std(axis=1) > 0.1).all()  # this estimator does have noise here
        assert (np.abs(mean - truth.marginal.logpdf(x)) < 4 * error).all()

    def test_the_closed_form_bound_is_log_p_less_the_gap(self, truth, rows):
        """What the other tests stand on: log p(x) = bound + KL(q(z∣x) ‖ p(z∣x)), both by hand."""
        bound = jax.vmap(lambda x: exact_elbo(truth.model(**OFF), x))(jnp.asarray(rows))
        np.testing.assert_allclose(bound, truth.marginal.logpdf(rows) - truth.gap(**OFF), atol=1e-4)

    @pytest.mark.parametrize("kl", ["monte_carlo", "analytic"])
    def test_log_p_less_the_elbo_is_the_divergence_from_the_true_posterior(self, truth, rows, kl):
        model, x = truth.model(**OFF), rows[:30]
        mean, error = mean_and_error(over_keys(lambda x, key: lb.ELBO(kl=kl)(model, x, key), x))
        assert truth.gap(**OFF) > 10 * error.max()
        assert (np.abs(truth.marginal.logpdf(x) - mean - truth.gap(**OFF)) < 4 * error).all()

    @pytest.mark.thorough
    def test_more_samples_give_a_tighter_bound(self, truth, rows):
        """ELBO < IWAE-5 < IWAE-50 < log p, each by more than 4 standard errors of the difference paired
        over (row, key); the last gap is Var(w)/(2Kp²) to first order in 1/K."""
        model, x = truth.model(**OFF), rows[:10]
        objectives = lb.ELBO(kl="monte_carlo"), lb.IWAE(5), lb.IWAE(50)
        bounds = [over_keys(lambda x, key, bound=bound: bound(model, x, key), x) for bound in objectives]
        exact = np.broadcast_to(truth.marginal.logpdf(x)[:, None], bounds[0].shape)
        for lower, upper in zip(bounds, [*bounds[1:], exact], strict=True):
            mean, error = mean_and_error((upper - lower).ravel())
            assert mean > 4 * error


class TestGradients:
    @pytest.mark.parametrize("samples", cases([1, 3], fast=[3]))
    @pytest.mark.parametrize("kl", ["monte_carlo", "analytic"])
    def test_every_gradient_is_that_of_the_closed_form(self, truth, rows, kl, samples):
        """With respect to W and b of the likelihood and to mean and scale of the posterior, 45 numbers,
        each within 4 standard errors over 4,000 keys (where it has noise; else to float32)."""
        model, x = truth.model(**OFF), jnp.asarray(rows[0])
        keys = jax.random.split(jax.random.key(5), 4000)
        one = eqx.filter_grad(lambda model, key: lb.ELBO(samples, kl=kl)(model, x, key))
        drawn = eqx.filter_jit(eqx.filter_vmap(one, in_axes=(None, 0)))(model, keys)
        exact = eqx.filter_jit(eqx.filter_grad(exact_elbo))(model, x)
        leaves = [jax.tree.leaves(lb.trainable(gradient)) for gradient in (drawn, exact)]
        assert sum(leaf.size for leaf in leaves[1]) == 45
        for estimates, expected in zip(*leaves, strict=True):
            mean, error = mean_and_error(np.asarray(estimates, np.float64), axis=0)
            assert (np.abs(mean - expected) < 4 * error + 1e-4 * (1 + np.abs(expected))).all()


@pytest.fixture(scope="module")
def wide():
    """20 latents, 30 columns."""
    rng = np.random.default_rng(3)
    return LinearGaussian(rng.normal(size=(30, 20)) / 4, rng.normal(size=30), 0.8)


class TestEvidence:
    WIDEN, K = 1.2, 1000

    def test_covers_log_p_for_98_rows_of_100(self, truth, rows):
        evidence = lb.log_evidence(truth.model(widen=self.WIDEN), rows, method="importance", samples=self.K)
        z_score = (evidence.log_prob - truth.marginal.logpdf(rows)) / evidence.standard_error
        assert (np.abs(z_score) < 3).sum() >= 98
        assert 0.7 < z_score.std() < 1.3  # 1 ± 4/√(2·100): neither too sure nor too modest

    def test_diagnostics_are_their_closed_forms(self, truth, rows):
        """ESS → K/ρ, standard error → √((ρ − 1)/K), elbo → log p − gap; over rows within 4 errors."""
        evidence = lb.log_evidence(truth.model(widen=self.WIDEN), rows, method="importance", samples=self.K)
        rho = truth.rho(self.WIDEN)
        for estimate, expected in (
            (evidence.effective_sample_size, self.K / rho),
            (evidence.standard_error, np.sqrt((rho - 1) / self.K)),
            (evidence.elbo - truth.marginal.logpdf(rows), -truth.gap(widen=self.WIDEN)),
        ):
            mean, error = mean_and_error(estimate)
            assert abs(mean - expected) < 4 * error + 0.002 * abs(expected)  # both have a bias of order 1/K

    @pytest.mark.thorough
    def test_standard_error_is_the_spread_over_seeds(self, truth, rows):
        """The variance over 40 seeds, pooled over 100 rows, has a relative error of √(2/(39·100)) = 2.3 %;
        so the two standard errors agree within 4 times half of that."""
        model = truth.model(widen=self.WIDEN)
        runs = [
            lb.log_evidence(model, rows, method="importance", samples=200, key=seed) for seed in range(40)
        ]
        spread = np.sqrt(np.var([run.log_prob for run in runs], axis=0, ddof=1).mean())
        claimed = np.sqrt(np.mean([run.standard_error**2 for run in runs]))
        assert spread == pytest.approx(claimed, rel=4 * 0.023 / 2)

    @pytest.mark.thorough
    def test_monte_carlo_error_is_the_spread_of_the_mean(self, truth, rows):
        """Rows in a table three times over share their noise, so that the error does not fall. Over 100
        seeds a standard deviation has a relative error of 1/√(2·99) = 7.1 %."""
        model, table = truth.model(widen=self.WIDEN), np.concatenate([rows[:7]] * 3 + [rows[7:11]])
        runs = [
            lb.log_evidence(model, table, method="importance", samples=100, key=seed) for seed in range(100)
        ]
        claimed = np.sqrt(np.mean([run.monte_carlo_error**2 for run in runs]))
        assert np.std([run.mean for run in runs], ddof=1) == pytest.approx(claimed, rel=4 * 0.071)
        independent = np.sqrt((runs[0].standard_error ** 2).sum()) / len(table)
        assert runs[0].monte_carlo_error > 1.4 * independent

    @pytest.mark.parametrize("widen", cases([0.4, 0.7, 1.2], fast=[0.4]))
    def test_k_hat_is_that_of_arviz(self, truth, rows, widen):
        """From all K weights of the same draws, which ArviZ wants negated. K = 900 has 3√K whole, since ArviZ
        rounds the length of the tail down and the library up."""
        model, x = truth.model(widen=widen), rows[:20]
        evidence = lb.log_evidence(model, x, method="importance", samples=900, key=4)

        def log_weight(x):
            return model.draw(x, RowKeys.by_content(as_key(4), x), 900).log_weight

        log_w = np.asarray(jax.jit(jax.vmap(log_weight))(jnp.asarray(x)), np.float64)
        _, k_hat = array_stats.psislw(-log_w, r_eff=1.0)
        np.testing.assert_allclose(evidence.k_hat, k_hat, rtol=0, atol=1e-3)

    @pytest.mark.slow
    def test_k_hat_tells_a_posterior_that_is_too_narrow(self, wide):
        """Weights have tail index 1 − s² for a posterior s times as wide (none for s > 1). With 20 latents
        and K = 2,000, 0.3 is told in over 95 % of rows, and 1.2 in under 5 %."""
        x = wide.marginal.rvs(40, random_state=1).astype(np.float32)
        k_hat = {
            s: lb.log_evidence(wide.model(widen=s), x, method="importance", samples=2000).k_hat
            for s in (0.3, 1.2)
        }
        assert np.mean(k_hat[0.3] > 0.7) > 0.95
        assert np.mean(k_hat[1.2] > 0.7) < 0.05

    @pytest.mark.slow
    def test_its_error_covers_log_p(self, wide):
        """20 latents, K = 5,000, posterior 1.2 times as wide: log p(x) within ±1.96 standard errors for 93 to
        97 % of 2,000 rows, and the mean within 0.01 nats."""
        x = wide.marginal.rvs(2000, random_state=1).astype(np.float32)
        evidence = lb.log_evidence(wide.model(widen=1.2), x, method="importance", samples=5000)
        difference = evidence.log_prob - wide.marginal.logpdf(x)
        covered = np.mean(np.abs(difference) < 1.96 * evidence.standard_error)
        print(
            f"covered {covered:.2%}, bias {difference.mean():+.4f} ± {difference.std() / 2000**0.5:.4f} nats"
        )
        assert 0.93 < covered < 0.97
        assert abs(difference.mean()) < 0.01

    def test_exact_posterior_has_no_error(self, truth, rows):
        evidence = lb.log_evidence(truth.model(), rows, method="importance", samples=200)
        np.testing.assert_allclose(evidence.log_prob, truth.marginal.logpdf(rows), rtol=0, atol=1e-4)
        np.testing.assert_allclose(evidence.effective_sample_size, 200, rtol=1e-5)
        assert evidence.standard_error.max() < 1e-4
        np.testing.assert_array_equal(evidence.k_hat, 0)

    def test_rate_and_distortion_make_the_bound(self, truth, rows):
        """The rate is KL(q ‖ p) in the mean: at 100 rows, within 4 standard errors of their difference."""
        model = truth.model(**OFF)
        evidence = lb.log_evidence(model, rows, method="importance", samples=self.K)
        np.testing.assert_allclose(-evidence.rate - evidence.distortion, evidence.elbo, rtol=1e-6)
        kl = jax.vmap(lambda x: lb.kl_divergence(model.q_z(x), model.p_z()))(jnp.asarray(rows))
        mean, error = mean_and_error(evidence.rate - np.asarray(kl))
        assert abs(mean) < 4 * error


class TestInference:
    def test_codes_are_posterior_means_and_reconstructions_their_images(self, truth, rows):
        z = (rows - truth.b) @ truth.posterior_gain.T
        np.testing.assert_allclose(lb.encode(truth.model(), rows), z, atol=1e-5)
        np.testing.assert_allclose(lb.decode(truth.model(), z), z @ truth.W.T + truth.b, atol=1e-5)
        np.testing.assert_allclose(lb.reconstruct(truth.model(), rows), z @ truth.W.T + truth.b, atol=1e-5)

    @pytest.mark.parametrize("mean", [False, True], ids=["observations", "means"])
    def test_generated_rows_have_the_moments_of_the_model(self, truth, mean):
        """Observations have covariance WWᵀ + σ²I, means WWᵀ; entries within 5 standard errors."""
        x = lb.sample(truth.model(), 10_000, key=6, mean=mean)
        covariance = truth.W @ truth.W.T + (0 if mean else truth.sigma**2) * np.eye(5)
        assert_moments(x, truth.b, covariance)

    def test_generated_rows_come_from_the_prior_that_was_trained(self, truth):
        """A prior N(μ, diag τ²): x has mean Wμ + b and covariance W diag(τ²) Wᵀ + σ²I."""
        mu, tau = np.array([1.0, -2.0]), np.array([0.5, 1.5])
        prior = lb.LearnedPrior(lb.DiagonalGaussian(2))
        learned = jnp.asarray(np.concatenate([mu, np.log(tau**2)]), jnp.float32)
        model = eqx.tree_at(
            lambda model: model.prior,
            truth.model(),
            eqx.tree_at(lambda prior: prior.parameters, prior, learned),
        )
        covariance = truth.W @ np.diag(tau**2) @ truth.W.T + truth.sigma**2 * np.eye(5)
        assert_moments(lb.sample(model, 10_000, key=8), truth.W @ mu + truth.b, covariance)


def assert_moments(x, mean, covariance):
    centred = np.asarray(x, np.float64) - mean
    products = centred[:, :, None] * centred[:, None, :]
    for drawn, expected in ((centred, 0), (products, covariance)):
        estimate, error = mean_and_error(drawn, axis=0)
        assert (np.abs(estimate - expected) < 5 * error).all()
