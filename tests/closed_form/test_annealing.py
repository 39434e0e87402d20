"""Annealed importance sampling against models whose log p(x) is known."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats
from sklearn.datasets import load_digits

import lowerbound as lb
from lowerbound.evidence.annealing import Path, annealed
from lowerbound.evidence.sandwich import evidence_sandwich

from .estimates import BRIEFLY, LIMIT, furthest
from .linear_gaussian import LinearGaussian

KEY = jax.random.key(0)
OFF = {"shift": 0.3, "widen": 0.6}  # a posterior that is not the exact one


@pytest.fixture(scope="module")
def wide():
    """20 latents, 50 dimensions."""
    rng = np.random.default_rng(0)
    return LinearGaussian(W=rng.normal(size=(50, 20)), b=rng.normal(size=50), sigma=0.5)


def counts():
    """z ~ Gamma(1, 1), x ∣ z ~ Poisson(z), so that p(x) = 2^−(x+1) and f_b = Gamma(1 + bx, 1 + b)."""
    family = lb.Gamma(1)
    return lb.VAE(
        lb.StandardPrior(family),
        lambda x: family(jnp.log(jnp.stack([4.0, 2.0]))),
        lambda z: dist.Poisson(z).to_event(1),
    )


def moved(path, z, b, step):
    """u and u′ after a move at temperature b, from each of the z; and the mean acceptance."""

    def of_one(key, z):
        point = path.from_z(z)
        after, acceptance = path.move(key, point, b, jnp.asarray(step), jnp.ones(z.shape))
        return point.u, after.u, acceptance

    keys = jax.random.split(jax.random.key(1), len(z))
    u, after, acceptance = jax.jit(jax.vmap(of_one), compiler_options=BRIEFLY)(keys, z)
    return np.asarray(u, np.float64), np.asarray(after, np.float64), float(acceptance.mean())


@pytest.fixture(scope="module")
def gaussian(truth, rows):
    """u and u′ between N(0, I) and p(x, z): f_b has precision I + b WᵀW/σ², mean from b Wᵀ(x − b₀)/σ²."""
    b, x, W = 0.4, rows[0], truth.W / truth.sigma
    covariance = np.linalg.inv(np.eye(2) + b * W.T @ W)
    mean = covariance @ (b * W.T @ (x - truth.b) / truth.sigma)
    z = np.random.default_rng(0).multivariate_normal(mean, covariance, 50_000)
    u, after, acceptance = moved(Path(truth.model().sampler(x, KEY)), z.astype(np.float32), b, 0.56)
    assert 0.5 < acceptance < 0.8
    return u - mean, after - mean, covariance


class TestMove:
    """From exact draws of f_b, 50,000 of them, with steps that are refused about every third time."""

    def test_leaves_a_gaussian_as_it_is(self, gaussian):
        _, after, covariance = gaussian
        squares = after[:, :, None] * after[:, None, :]
        assert furthest(after) < LIMIT
        assert furthest(squares.reshape(-1, 4), covariance.reshape(-1)) < LIMIT

    def test_is_reversible(self, gaussian):
        """E[f(u) g(u′)] = E[g(u) f(u′)]: what makes a walk back the forward walk in reverse."""
        u, after, _ = gaussian
        assert furthest(u[:, 0] * after[:, 1] ** 3 - after[:, 0] * u[:, 1] ** 3) < LIMIT
        assert not np.allclose(u, after)

    def test_leaves_a_gamma_as_it_is(self):
        """In coordinates without bounds, with their Jacobian: E[z] and E[log z] of Gamma(1 + bx, 1 + b)."""
        b, x = 0.5, 3.0
        f = stats.gamma(1 + b * x, scale=1 / (1 + b))
        z = f.rvs((50_000, 1), random_state=0).astype(np.float32)
        path = Path(counts().sampler(jnp.array([x]), KEY))
        _, after, acceptance = moved(path, z, b, 1.2)
        assert 0.5 < acceptance < 0.9
        z = np.asarray(jax.vmap(path.z_of)(after.astype(np.float32)), np.float64)[:, 0]
        moments = np.stack([z, np.log(z)], -1)
        assert furthest(moments, [f.mean(), f.expect(np.log)]) < LIMIT


@pytest.mark.thorough
@pytest.mark.parametrize("start", ["prior", pytest.param("posterior", marks=pytest.mark.slow)])
def test_weights_are_unbiased_however_few_the_steps(truth, rows, start):
    """E[w] = p(x), and E[1/w] = 1/p(x) from exact draws of p(z∣x): 200 pilots, 64 chains each way."""
    model, x = truth.model(**OFF), rows[0]
    path = Path(model.sampler(x, KEY), start=start)
    mean = truth.posterior_gain @ (x - truth.b)
    exact_z = np.random.default_rng(0).multivariate_normal(mean, truth.posterior_covariance, (200, 64))

    def of_pilot(key, exact_z):
        schedule = path.pilot(key)

        def chain(key, exact_z, forward):
            z = jnp.where(forward, path.start.sample(jax.random.fold_in(key, 0)), exact_z)
            return path.walk(key, path.from_z(z), schedule, 4, forward)[0]

        keys = jax.random.split(jax.random.fold_in(key, 1), (64, 2))
        both = jax.vmap(jax.vmap(chain, (0, None, 0)), (0, 0, None))
        return both(keys, exact_z, jnp.array([True, False]))

    keys = jax.random.split(jax.random.key(0), 200)
    log_weight = jax.jit(jax.vmap(of_pilot), compiler_options=BRIEFLY)(keys, exact_z.astype(np.float32))
    forward, backward = np.float64(log_weight[..., 0]), np.float64(log_weight[..., 1])
    exact = truth.marginal.logpdf(x)
    ratios = np.stack([np.exp(forward - exact), np.exp(exact - backward)], -1)
    assert (ratios.std((0, 1)) > 0.2).all()  # they are not equal to p(x) one by one
    assert furthest(ratios.mean(1), 1.0) < 4


@pytest.mark.slow
def test_latents_above_zero():
    """Gamma latents of Poisson counts: p(x) = 2^−(x+1)."""
    x = jnp.arange(4.0)[:, None]
    keys = jax.random.split(jax.random.key(0), 4)
    draw = jax.jit(jax.vmap(lambda x, key: annealed(counts(), x, key, steps=300)))(x, keys)
    w = np.exp(np.float64(draw.log_weight) + math.log(2) * (x + 1))
    error = w.std(1, ddof=1) / 4
    assert (error < 0.05).all()
    assert (np.abs(w.mean(1) - 1) < 4 * error + 1e-4).all()
    assert (draw.z > 0).all()


@pytest.mark.slow
def test_latents_on_a_simplex():
    """z uniform on the simplex, x a sequence of categories with counts c: p(x) = Γ(3) Π cₖ!/Γ(n + 3)."""
    model = lb.VAE(
        lb.StandardPrior(lb.Dirichlet(3)),
        lambda x: lb.Dirichlet(3)(jnp.zeros(3)),
        lambda z: dist.Categorical(z).expand([5]).to_event(1),
    )
    x = jnp.array([0, 0, 0, 1, 2])
    draw = jax.jit(lambda x, key: annealed(model, x, key, steps=500))(x, jax.random.key(0))
    w = np.exp(np.float64(draw.log_weight) - math.log(2 * 6 / math.factorial(7)))
    error = w.std(ddof=1) / 4
    assert error < 0.05
    assert abs(w.mean() - 1) < 4 * error
    np.testing.assert_allclose(draw.z.sum(-1), 1, rtol=1e-5)


@pytest.mark.thorough
def test_sandwich_has_the_exact_value_between_its_ends(truth):
    """So few steps that the ends are apart: both must lie on their own side, row by row in the mean."""
    sandwich = evidence_sandwich(truth.model(), 100, steps=3, chains=2, chunk_rows=100)
    exact = truth.marginal.logpdf(sandwich.x)
    assert furthest((sandwich.lower - exact)[:, None]) > LIMIT  # below, by its sign:
    assert sandwich.lower_mean < exact.mean() < sandwich.upper_mean
    assert furthest((sandwich.upper - exact)[:, None]) > LIMIT
    assert sandwich.gap == pytest.approx((sandwich.upper - sandwich.lower).mean())
    assert sandwich.gap > 4 * sandwich.gap_standard_error
    # The errors of the ends are those of the rows; the gap's is smaller, since the ends go together.
    assert sandwich.gap_standard_error < sandwich.lower_standard_error


@pytest.mark.slow
def test_default_length_closes_the_sandwich(wide):
    """20 latents: the ends within 0.1 nats of one another and of the exact value."""
    sandwich = evidence_sandwich(wide.model(), 64)
    exact = wide.marginal.logpdf(sandwich.x)
    assert sandwich.gap_standard_error < 0.05
    assert abs(sandwich.gap) < 0.1
    for end in (sandwich.lower, sandwich.upper):
        assert abs((end - exact).mean()) < 0.1
        assert furthest((end - exact)[:, None]) < LIMIT


@pytest.mark.slow
def test_default_length_closes_the_sandwich_of_a_trained_model():
    """A perceptron of binary digits, where p(z∣x) has no closed form; nor can importance sampling be above
    the upper end."""
    x = (load_digits().data > 7).astype(np.uint8)
    keys, latent, pixels = jax.random.split(jax.random.key(0), 3), lb.DiagonalGaussian(8), lb.Bernoulli(64)
    model = lb.VAE(
        lb.StandardNormal(8),
        lb.Conditional(lb.MLP(64, latent.size, width=64, key=keys[0]), latent),
        lb.Conditional(lb.MLP(8, pixels.size, width=64, key=keys[1]), pixels),
    )
    model = lb.fit(model, x, epochs=100, key=keys[2]).model
    sandwich = evidence_sandwich(model, 32)
    sampled = lb.log_evidence(model, sandwich.x, method="importance", samples=5000)
    assert sandwich.gap_standard_error < 0.05
    assert abs(sandwich.gap) < 0.1
    assert sampled.mean < sandwich.upper_mean + 0.1
    assert sandwich.lower_standard_error > 0.5  # rows differ by far more than the ends do


@pytest.mark.slow
@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_is_right_where_importance_sampling_is_off_by_nats(wide, start):
    """A posterior of 0.3 times the exact one's standard deviations, moved: 32 rows."""
    model = wide.model(shift=0.1, widen=0.3)
    x = wide.marginal.rvs(32, random_state=1).astype(np.float32)
    exact = wide.marginal.logpdf(x)
    sampled = lb.log_evidence(model, x, method="importance", samples=5000).log_prob
    keys = jax.random.split(jax.random.key(0), len(x))
    draws = jax.jit(jax.vmap(lambda x, key: annealed(model, x, key, steps=8000, start=start)))(x, keys)
    found = jax.vmap(lambda draw: draw.log_prob)(draws)
    assert (sampled - exact).mean() < -1
    assert abs((found - exact).mean()) < 0.05
    assert 0.5 < draws.acceptance.mean() < 0.85


@pytest.mark.slow
def test_a_mode_that_the_posterior_misses_is_found_from_the_prior_only():
    """z ~ N(0, 1), x ∣ z ~ N(z², 0.3²): at x = 2 modes at ±√2, and q has one. The chains from q agree
    with one another on half of p(x)."""
    latent = lb.DiagonalGaussian(1)
    model = lb.VAE(
        lb.StandardNormal(1),
        lambda x: latent(jnp.array([math.sqrt(2), -2.0])),
        lambda z: latent(jnp.concatenate([z**2, jnp.full(1, 2 * math.log(0.3))])),
    )
    grid = np.linspace(-6, 6, 100_001)
    exact = np.log((stats.norm.pdf(grid) * stats.norm.pdf(2, grid**2, 0.3)).sum() * (grid[1] - grid[0]))
    for start, missed in (("prior", 0.0), ("posterior", math.log(2))):
        run = jax.jit(lambda key, start=start: annealed(model, jnp.full(1, 2.0), key, chains=64, start=start))
        draw = run(jax.random.key(0))
        error = np.exp(draw.log_weight - draw.log_prob).std() / 8
        assert error < 0.05
        assert abs(draw.log_prob + missed - exact) < 4 * error + 1e-3
