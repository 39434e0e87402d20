"""Every lower bound lies below log p(x), in the order that theory gives, at its exact value where it has one.

Means over keys are held to 4 standard errors; what holds at every draw is held at every draw; on three bits
expectations are finite sums.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb

from .discrete_codes import IMAGES, codes_model, exact_bound, log_p

OFF = {"shift": 0.2, "widen": 1.3}  # a posterior that is not the exact one
KEYS = jax.random.split(jax.random.key(3), 2000)

# From the lowest to the highest at equal draws: power means of the weights, of rising order.
ASCENDING = {
    "Renyi 3": lb.Renyi(8, alpha=3.0),
    "Renyi 1": lb.Renyi(8, alpha=1.0),
    "CIWAE": lb.CIWAE(8, beta=0.5),
    "Renyi 0": lb.Renyi(8, alpha=0.0),
    "Renyi -2": lb.Renyi(8, alpha=-2.0),
    "VR-max": lb.Renyi(8, alpha=-np.inf),
}


def weights(model, x, samples, keys=KEYS):
    """log w of each key's samples, (keys, samples)."""
    return jax.jit(jax.vmap(lambda key: model.draw(x, key, samples).log_weight))(keys)


def over_draws(bound, log_w):
    return np.asarray(jax.jit(jax.vmap(bound.of_log_weights))(log_w), np.float64)


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


class TestOrder:
    @pytest.fixture(scope="module")
    @staticmethod
    def log_w(truth, rows):
        return weights(truth.model(**OFF), jnp.asarray(rows[0]), 8)

    def test_at_every_draw(self, log_w):
        """Rényi bounds fall with α; ELBO ≤ CIWAE ≤ IWAE ≤ VR-max: 2,000 draws of 8 samples, to 1e-4."""
        values = np.stack([over_draws(bound, log_w) for bound in ASCENDING.values()])
        assert (np.diff(values, axis=0) > -1e-4).all()
        assert (np.diff(values.mean(axis=1)) > 0.01).all()

    def test_ends_of_the_families_are_elbo_and_iwae(self, log_w):
        """Rényi α = 1 and CIWAE β = 1 are the ELBO, α = 0 and β = 0 IWAE; to 1e-4 at each draw."""
        elbo, iwae = np.asarray(log_w.mean(axis=1)), over_draws(lb.IWAE(8), log_w)
        for bound, expected in (
            (lb.Renyi(8, alpha=1.0), elbo),
            (lb.CIWAE(8, beta=1.0), elbo),
            (lb.Renyi(8, alpha=0.0), iwae),
            (lb.CIWAE(8, beta=0.0), iwae),
            (lb.MIWAE(1, 8), elbo),
            (lb.MIWAE(8, 1), iwae),
        ):
            np.testing.assert_allclose(over_draws(bound, log_w), expected, atol=1e-4)

    def test_lower_bounds_in_the_mean(self, truth, rows, log_w):
        """Below log p(x) + 4 standard errors, for α ≥ 0 and every β; IWAE grows with K by more than 4
        standard errors of the difference on the same 2,000 draws."""
        log_p_x = truth.marginal.logpdf(rows[0])
        for bound in (*list(ASCENDING.values())[:4], lb.MIWAE(4, 2), lb.Renyi(8, alpha=0.5)):
            mean, error = mean_and_error(over_draws(bound, log_w))
            assert mean < log_p_x + 4 * error
        growing = [over_draws(lb.IWAE(k), log_w[:, :k]) for k in (1, 2, 4, 8)]
        for fewer, more in pairwise(growing):
            mean, error = mean_and_error(more - fewer)
            assert mean > 4 * error

    def test_miwae_has_the_mean_of_iwae_of_a_group_and_less_noise(self, log_w):
        """MIWAE(K = 2, M = 4) against IWAE-2 of the first two samples, within 4 standard errors, and apart
        from IWAE-4, which K and M swapped would give; its variance is a quarter, to 20 %."""
        miwae, two, four = (
            over_draws(bound, log_w[:, : bound.draws]) for bound in (lb.MIWAE(2, 4), lb.IWAE(2), lb.IWAE(4))
        )
        mean, error = mean_and_error(miwae - two)
        assert abs(mean) < 4 * error
        mean, error = mean_and_error(four - miwae)
        assert mean > 4 * error
        assert miwae.var() == pytest.approx(two.var() / 4, rel=0.2)


class TestExactValues:
    def limit(self, truth, alpha, widen):
        """(1/a) log E_q[(p(z∣x)/q(z∣x))ᵃ], a = 1 − α, of q = N(m, s²Σ) and p(z∣x) = N(m, Σ): the expectation
        is s^{a − 1} (a + (1 − a)/s²)^{−1/2} a dimension."""
        a, k = 1 - alpha, truth.W.shape[1]
        return k / a * ((a - 1) * np.log(widen) - 0.5 * np.log(a + (1 - a) / widen**2))

    @pytest.mark.parametrize(("alpha", "widen", "side"), [(2.0, 0.9, -1), (0.5, 1.3, -1), (-1.0, 1.3, 1)])
    def test_renyi_bounds_converge_to_their_closed_form(self, truth, rows, alpha, widen, side):
        """K = 2000 under a posterior `widen` times too wide, at which w^{1 − α} has a variance: within 4
        standard errors over 200 keys and a bias of order 1/K, 1e-3; a lower bound for α > 0, an upper one for
        α < 0, by 0.01 at least."""
        log_w = weights(truth.model(widen=widen), jnp.asarray(rows[0]), 2000, KEYS[:200])
        mean, error = mean_and_error(over_draws(lb.Renyi(2000, alpha=alpha), log_w))
        limit = self.limit(truth, alpha, widen)
        assert limit * side > 0.01
        assert abs(mean - truth.marginal.logpdf(rows[0]) - limit) < 4 * error + 1e-3

    def test_iwae_misses_the_variance_of_the_weights_over_2k(self, truth, rows):
        """log p(x) − IWAE-K = Var(w)/(2Kp(x)²) + O(1/K²) (Nowozin 2018): at K = 50 within 4 standard errors
        and 10 %. The noise of w̄/p(x) − 1, whose mean is 0, is taken out."""
        log_w, log_p_x = (
            weights(truth.model(widen=1.6), jnp.asarray(rows[0]), 50),
            truth.marginal.logpdf(rows[0]),
        )
        above = over_draws(lb.IWAE(50), log_w) - log_p_x
        mean, error = mean_and_error(np.expm1(above) - above)
        expected = (truth.rho(1.6) - 1) / 100
        assert mean > 4 * error
        assert abs(mean - expected) < 4 * error + 0.1 * expected

    def test_vr_max_exceeds_log_p_at_a_large_k(self, truth, rows):
        """The largest weight under a posterior 1.3 times too wide tends to p(x) s^k: no lower bound."""
        log_w = weights(truth.model(widen=1.3), jnp.asarray(rows[0]), 2000, KEYS[:50])
        mean, _ = mean_and_error(over_draws(lb.Renyi(2000, alpha=-np.inf), log_w))
        assert mean - truth.marginal.logpdf(rows[0]) == pytest.approx(2 * np.log(1.3), abs=0.01)


class TestCodes:
    """Three bits, all images of four pixels: expectations are sums over all K-tuples of codes."""

    @pytest.fixture(scope="module")
    @staticmethod
    def values():
        """By name, the exact mean of each bound at every image; and log p(x)."""
        bounds = {
            "ELBO": (lambda log_w: log_w.mean(), 1),
            **{f"IWAE-{k}": (lb.IWAE(k).of_log_weights, k) for k in (1, 2, 3)},
            "MIWAE": (lb.MIWAE(2, 1).of_log_weights, 2),
            "CIWAE": (lb.CIWAE(3, beta=0.4).of_log_weights, 3),
            "Renyi 0.5": (lb.Renyi(3, alpha=0.5).of_log_weights, 3),
        }
        model = codes_model()
        functions = {name: exact_bound(*bound) for name, bound in bounds.items()} | {"log p": log_p}

        def of_image(x):
            return {name: function(model, x) for name, function in functions.items()}

        values = jax.jit(jax.vmap(of_image))(jnp.asarray(IMAGES))
        return {name: np.asarray(value, np.float64) for name, value in values.items()}

    def test_the_evidence_is_a_distribution(self, values):
        """What the others stand on: Σₓ p(x) = 1, to the rounding of float32."""
        np.testing.assert_allclose(np.exp(values["log p"]).sum(), 1, rtol=1e-5)

    @pytest.mark.parametrize(
        "names",
        [
            ("ELBO", "IWAE-2", "IWAE-3", "log p"),
            ("ELBO", "CIWAE", "IWAE-3"),
            ("ELBO", "Renyi 0.5", "IWAE-3"),
        ],
        ids=" < ".join,
    )
    def test_ascend(self, values, names):
        """At each of the 16 images, without noise."""
        assert (np.diff(np.stack([values[name] for name in names]), axis=0) > 1e-3).all()

    def test_one_sample_and_one_group_are_the_bounds_they_are(self, values):
        np.testing.assert_allclose(values["IWAE-1"], values["ELBO"], rtol=1e-5)
        np.testing.assert_allclose(values["MIWAE"], values["IWAE-2"], rtol=1e-5)

    @pytest.mark.parametrize(
        "objective", [lb.ELBO(2, gradient="vimco"), lb.IWAE(3, gradient="vimco")], ids=["ELBO", "IWAE"]
    )
    def test_draws_have_those_means(self, values, objective):
        """4,000 keys at one image, within 4 standard errors."""
        model, x = codes_model(), jnp.asarray(IMAGES[5])
        keys = jax.random.split(jax.random.key(6), 4000)
        drawn = jax.jit(jax.vmap(lambda key: objective(model, x, key)))(keys)
        mean, error = mean_and_error(np.asarray(drawn, np.float64))
        name = "ELBO" if isinstance(objective, lb.ELBO) else "IWAE-3"
        assert abs(mean - values[name][5]) < 4 * error
