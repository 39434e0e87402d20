"""Penalties on q(z): what they estimate, without bias; and how they enter an objective of a batch."""

from itertools import combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.objectives import penalties
from lowerbound.objectives.objective import DataPoint, Progress
from lowerbound.randomness.keys import RowKeys

from ..closed_form.estimates import BRIEFLY
from ..tables import cases

total_correlation = jax.jit(penalties.total_correlation)
KEY = jax.random.key(1)
X = jnp.asarray([[1.0, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1], [0, 1, 0, 0]])
TERMS = ("bound", "log_likelihood", "kl")


def vae(latent=None, prior=None):
    latent, pixels = latent or lb.DiagonalGaussian(2), lb.Bernoulli(4)
    return lb.VAE(
        prior or lb.StandardPrior(latent),
        lb.Conditional(lb.MLP(4, latent.size, depth=0, key=jax.random.key(2)), latent),
        lb.Conditional(lb.MLP(2, pixels.size, depth=0, key=jax.random.key(3)), pixels),
    )


def of_batch(objective, model, x=X, *, key=KEY, population=100, compiled=True):
    """Value and terms of a batch, as a training step asks for them."""
    running = dict.fromkeys(TERMS, jnp.zeros(()))

    def program(x, keys, population):
        points = DataPoint(x, jax.vmap(RowKeys.of)(keys))
        return objective.of_batch(model, points, Progress(jnp.asarray(0), running), population)

    program = jax.jit(program, compiler_options=BRIEFLY) if compiled else program
    return program(x, jax.random.split(key, len(x)), jnp.asarray(population))


PENALTIES = cases([lb.TotalCorrelation, lb.MaximumMeanDiscrepancy], fast=[lb.TotalCorrelation])


class TestObjective:
    def test_a_batch_is_the_mean_of_its_rows(self):
        """Of value and terms, the KL too: a mean over rows, no sum; to the rounding of float32."""
        objective, model = lb.ELBO(3), vae()
        value, terms = of_batch(objective, model)
        one = jax.jit(lambda x, key: objective.with_terms(model, x, key), compiler_options=BRIEFLY)
        rows = [one(x, key) for x, key in zip(X, jax.random.split(KEY, 4), strict=True)]
        np.testing.assert_allclose(value, np.mean([row[0] for row in rows]), rtol=1e-5)
        for name in TERMS:
            np.testing.assert_allclose(terms[name], np.mean([row[1][name] for row in rows]), rtol=1e-5)

    @pytest.mark.parametrize("penalized", PENALTIES)
    def test_value_is_the_inner_one_less_the_weighted_penalty(self, penalized):
        """The value falls below the inner one in proportion to the weight, by a penalty that is not 0; the
        terms are the inner ones. To the rounding of float32."""
        model, inner = vae(), lb.IWAE(3)
        plain, terms = of_batch(inner, model)
        at = {w: of_batch(penalized(inner, weight=w), model) for w in (1.0, 4.0)}
        assert abs(at[1.0][0] - plain) > 1e-3
        np.testing.assert_allclose(plain - at[4.0][0], 4 * (plain - at[1.0][0]), rtol=1e-3)
        for name in TERMS:
            np.testing.assert_allclose(at[4.0][1][name], terms[name], rtol=1e-6)

    @pytest.mark.parametrize("penalized", PENALTIES)
    def test_a_single_row_is_the_inner_objective(self, penalized):
        """There is no penalty without a batch: on validation rows the objective is the inner one."""
        model = vae()
        assert penalized(weight=3.0)(model, X[0], KEY) == lb.ELBO()(model, X[0], KEY)

    @pytest.mark.parametrize("penalized", PENALTIES)
    def test_a_warm_up_inside_it_that_has_not_ended_is_told_of(self, penalized):
        within = penalized(lb.TokenDropout(lb.ELBO(beta=lb.WarmUp(100)), share=0.5), weight=1.0)
        assert "stood at 0.49" in within.unfinished(50)
        assert within.unfinished(101) is None

    @pytest.mark.parametrize("penalized", PENALTIES)
    def test_its_samples_are_apart_from_the_objective_s(self, penalized):
        """None of the z that a penalty sees is one of the first 8 of its row's draw."""
        model = vae()

        class Watched(penalized):
            def penalty(self, model, latents, key):
                return latents.z

        value, _ = of_batch(Watched(lb.ELBO(beta=0.0), weight=1.0), model)
        plain, _ = of_batch(lb.ELBO(beta=0.0), model)
        keys = jax.random.split(KEY, len(X))
        drawn = jax.jit(jax.vmap(lambda x, key: model.draw(x, key, 8).z))(X, keys)
        apart = np.abs(np.asarray(drawn) - np.asarray(plain - value)[:, None]).max(axis=-1)
        assert apart.min() > 1e-4

    @pytest.mark.parametrize("penalized", PENALTIES)
    def test_a_posterior_without_a_path_is_refused(self, penalized):
        """The penalty's samples are differentiated, and those of codes have no gradient: it would be none."""
        objective = penalized(lb.ELBO(2, gradient="vimco"), weight=1.0)
        with pytest.raises(TypeError, match="reparameteri"):
            of_batch(objective, vae(lb.Bernoulli(2)))

    @pytest.mark.parametrize("penalized", PENALTIES)
    def test_a_batch_of_one_row_is_finite_or_refused(self, penalized):
        """A pair is the least that says something about q(z)."""
        try:
            value, _ = of_batch(penalized(weight=1.0), vae(), X[:1])
        except ValueError:
            return
        assert jnp.isfinite(value)

    def test_dimensions_that_are_not_independent_are_refused(self):
        with pytest.raises(TypeError, match=r"dimensions are independent.*found FullNormal"):
            of_batch(lb.TotalCorrelation(weight=1.0), vae(lb.FullGaussian(2)))

    @pytest.mark.parametrize("penalized", PENALTIES)
    @pytest.mark.parametrize("weight", [-1.0, float("nan")])
    def test_a_weight_that_is_none_is_refused(self, penalized, weight):
        with pytest.raises(ValueError, match=rf"{penalized.__name__}\.weight: expected at least 0"):
            penalized(weight=weight)


class TestTotalCorrelation:
    N, n = 6, 3

    def implied_density(self, log_q, batch, row):
        """q̂(z) of the z that came from `row`, read off the public function.

        It is told two dimensions: log q(z∣xₘ) for that z and 0 for the z of other rows; and a second, 0 for
        the first row of the batch and as good as −∞ for the others. What depends on the second alone cancels,
        and n times the result is log q(z∣x₁) − log q̂(z).
        """
        i = batch.index(row)
        table = np.zeros((self.n, self.n, 2))
        table[:, i, 0] = log_q[list(batch)]
        table[1:, :, 1] = -1e4
        result = total_correlation(jnp.asarray(table, jnp.float32), self.N)
        return np.exp(log_q[batch[0]] - self.n * float(result))

    @pytest.mark.parametrize("row", range(3))
    def test_stratified_weights_are_unbiased_for_the_density_of_all_rows(self, row):
        """Over all batches of 3 of 6 rows that hold the row which z came from, the mean of q̂(z) is q(z) =
        (1/N) Σ q(z∣xₘ), to 1e-4 (float32)."""
        log_q = np.random.default_rng(row).normal(scale=1.5, size=self.N)
        others = [m for m in range(self.N) if m != row]
        batches = [(row, *rest) for rest in combinations(others, self.n - 1)]
        batches += [(*rest, row) for rest in combinations(others, self.n - 1)]
        estimates = [self.implied_density(log_q, batch, row) for batch in batches]
        assert np.std(estimates) > 0.05
        np.testing.assert_allclose(np.mean(estimates), np.exp(log_q).mean(), rtol=1e-4)

    def test_is_its_formula(self):
        """Term by term in NumPy, to the rounding of float32: weights on the diagonal, 1/N."""
        n, d, N = 4, 3, 50
        log_q = np.random.default_rng(0).normal(size=(n, n, d))
        total = 0.0
        for i in range(n):
            weight = [1 / N if m == i else (N - 1) / (N * (n - 1)) for m in range(n)]
            joint = sum(weight[m] * np.exp(log_q[m, i].sum()) for m in range(n))
            single = [sum(weight[m] * np.exp(log_q[m, i, j]) for m in range(n)) for j in range(d)]
            total += (np.log(joint) - np.log(single).sum()) / n
        np.testing.assert_allclose(total_correlation(jnp.asarray(log_q), N), total, rtol=1e-4)

    def test_is_that_of_a_gaussian(self):
        """q(z) = N(0, C + σ²I) of correlation r has −½ log(1 − r²). Of 1,000 rows at once an estimate is 0.02
        high and has a standard deviation of 0.02 nats: the mean of 4 is within 15 %."""
        rng = np.random.default_rng(0)
        x = rng.multivariate_normal(np.zeros(2), [[1.0, 0.8], [0.8, 1.0]], size=1000).astype(np.float32)
        model = lb.VAE(
            lb.StandardNormal(2),
            lambda x: dist.Normal(x, 0.5).to_event(1),
            lambda z: dist.Normal(z, 1.0).to_event(1),
        )

        def estimate(key):
            plain, _ = of_batch(lb.ELBO(), model, x, key=key, population=1000)
            value, _ = of_batch(lb.TotalCorrelation(weight=1.0), model, x, key=key, population=1000)
            return plain - value

        mean = jnp.mean(jax.vmap(estimate)(jax.random.split(KEY, 4)))
        assert float(mean) == pytest.approx(-0.5 * np.log(1 - (0.8 / 1.25) ** 2), rel=0.15)


class TestMaximumMeanDiscrepancy:
    N = 12

    def penalty(self, z, key, prior=None):
        model = vae(prior=prior or lb.StandardNormal(2))
        latents = penalties.Latents(z, None, None, jnp.asarray(100))
        return lb.MaximumMeanDiscrepancy(weight=1.0).penalty(model, latents, key)

    def test_is_the_u_statistic(self):
        """Against loops over all pairs but of a point with itself, to 1e-4. A prior at a point says what its
        samples are."""
        z, at = np.random.default_rng(0).normal(size=(self.N, 2)), np.array([0.5, -1.0])
        k = lambda a, b: 4 / (4 + ((a - b) ** 2).sum())  # noqa: E731
        pairs = [(i, j) for i in range(self.N) for j in range(self.N) if i != j]
        within = np.mean([k(z[i], z[j]) for i, j in pairs])
        across = np.mean([k(a, at) for a in z])
        prior = lambda: dist.Delta(jnp.asarray(at), event_dim=1)  # noqa: E731
        found = self.penalty(jnp.asarray(z), KEY, prior)
        np.testing.assert_allclose(found, within + 1 - 2 * across, rtol=1e-4)

    def test_has_mean_0_where_the_distributions_are_one(self):
        """z ~ p(z): over 4,000 batches of 12 the mean is within 4 standard errors of 0, which that of a
        V-statistic, with pairs of a point and itself, is not; z shifted by 1 has a mean above 0.05."""

        @jax.jit
        def penalties(shift):
            def one(key):
                z_key, key = jax.random.split(key)
                return self.penalty(shift + jax.random.normal(z_key, (self.N, 2)), key)

            return jax.vmap(one)(jax.random.split(KEY, 4000))

        values = np.asarray(penalties(0.0), np.float64)
        assert (values < 0).any()
        assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
        assert 4 * values.std() / np.sqrt(len(values)) < 0.01
        assert penalties(1.0).mean() > 0.05

    def test_pulls_the_posterior_to_the_prior(self):
        """With ELBO(beta=0), the Wasserstein auto-encoder's: at z ~ N(3, I) the objective falls with the
        shift."""

        class Shifted(eqx.Module):
            c: jax.Array

            def __call__(self, x):
                return dist.Normal(self.c, jnp.ones(2)).to_event(1)

        model = lb.VAE(
            lb.StandardNormal(2), Shifted(3.0 * jnp.ones(2)), lambda z: lb.Bernoulli(4)(jnp.zeros(4))
        )
        objective = lb.MaximumMeanDiscrepancy(lb.ELBO(beta=0.0), weight=10.0)

        def value(c):
            shifted = eqx.tree_at(lambda model: model.posterior.function.c, model, c)
            return of_batch(objective, shifted, jnp.tile(X, (8, 1)), compiled=False)[0]

        assert (jax.jit(jax.grad(value), compiler_options=BRIEFLY)(model.posterior.function.c) < -0.1).all()
