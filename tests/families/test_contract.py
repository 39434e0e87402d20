"""One contract, held by every family: it is the distribution that SciPy knows by that name."""

from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats
from scipy.special import expit, softmax

import lowerbound as lb
from lowerbound.families.family import measure

D = 2  # dimensions of an event
SIGMA = np.array([0.6, 1.7])


def independent(*marginals):
    """SciPy's density and moments of a vector with independent dimensions."""

    def log_density(x):
        columns = np.moveaxis(np.asarray(x), -1, 0)
        return sum(
            getattr(m, "logpdf", None)(c) if hasattr(m, "pdf") else m.logpmf(c)
            for m, c in zip(marginals, columns, strict=True)
        )

    return SimpleNamespace(
        log_density=log_density,
        mean=np.array([m.mean() for m in marginals]),
        cov=np.diag([m.var() for m in marginals]),
    )


def diagonal(scale_of):
    return lambda v: independent(*map(stats.norm, v[:D], np.broadcast_to(scale_of(v[D:]), D)))


def full(v):
    L = np.diag(np.exp(v[D : 2 * D]))
    L[1, 0] = v[2 * D]
    normal = stats.multivariate_normal(v[:D], L @ L.T)
    return SimpleNamespace(log_density=normal.logpdf, mean=normal.mean, cov=normal.cov)


def beta_binomial(trials):
    def reference(v):
        m, s = expit(v[:D]), np.exp(v[D:])
        return independent(*(stats.betabinom(trials, *ab) for ab in zip(s * m, s * (1 - m), strict=True)))

    return reference


def categorical(v):
    levels = np.arange(v.size // D)
    rows = softmax(v.reshape(D, -1), axis=-1)
    return independent(*(stats.rv_discrete(values=(levels, row)) for row in rows))


class Case(NamedTuple):
    make: Callable  # () ↦ the family: in a function, so that it is made in the precision under test
    size: int
    reference: Callable  # parameters ↦ SciPy's distribution
    top: int | None = None  # the largest count of a dimension, or None where events are real


CASES = {
    "DiagonalGaussian-Heteroscedastic": Case(
        lambda: lb.DiagonalGaussian(D), 2 * D, diagonal(lambda rest: np.exp(rest / 2))
    ),
    "DiagonalGaussian-LearnedScale-shared": Case(
        lambda: lb.DiagonalGaussian(D, scale=lb.LearnedScale(initial=0.7)), D, diagonal(lambda _: 0.7)
    ),
    "DiagonalGaussian-LearnedScale-each": Case(
        lambda: lb.DiagonalGaussian(D, scale=lb.LearnedScale(D, initial=SIGMA)), D, diagonal(lambda _: SIGMA)
    ),
    "DiagonalGaussian-FixedScale": Case(
        lambda: lb.DiagonalGaussian(D, scale=lb.FixedScale(SIGMA)), D, diagonal(lambda _: SIGMA)
    ),
    "FullGaussian": Case(lambda: lb.FullGaussian(D), 5, full),
    "Bernoulli": Case(lambda: lb.Bernoulli(D), D, lambda v: independent(*map(stats.bernoulli, expit(v))), 1),
    "Binomial": Case(
        lambda: lb.Binomial(D, 5), D, lambda v: independent(*(stats.binom(5, p) for p in expit(v))), 5
    ),
    "BetaBinomial-product-form": Case(lambda: lb.BetaBinomial(D, 16), 2 * D, beta_binomial(16), 16),
    "BetaBinomial-gamma-form": Case(lambda: lb.BetaBinomial(D, 100), 2 * D, beta_binomial(100), 100),
    "Categorical": Case(lambda: lb.Categorical(D, 4), 4 * D, categorical, 3),
}
DISCRETE = {name: case for name, case in CASES.items() if case.top is not None}
every_family = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_discrete_family = pytest.mark.parametrize("case", DISCRETE.values(), ids=DISCRETE)


def parameters(case):
    """A random parameter vector, of float32's numbers."""
    return np.random.default_rng(case.size).normal(size=case.size).astype(np.float32)


def reference(case):
    return case.reference(parameters(case).astype(np.float64))


def events(case):
    """Every event of a discrete family; a grid over ±8 standard deviations of a Gaussian one."""
    if case.top is not None:
        axes = [np.arange(case.top + 1)] * D
    else:
        truth = reference(case)
        axes = [m + s * np.linspace(-8, 8, 301) for m, s in zip(truth.mean, np.sqrt(np.diag(truth.cov)))]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, D)


def samples(case, n=20_000):
    p = case.make()(jnp.asarray(parameters(case)))
    return np.asarray(p.sample(jax.random.key(1), (n,)))


@every_family
def test_size_is_the_length_of_the_parameter_vector(case):
    family = case.make()
    assert family.size == case.size
    p = family(jnp.zeros(case.size))
    assert (p.batch_shape, p.event_shape) == ((), (family.event_size,)) == ((), (D,))


@every_family
def test_samples_have_the_moments_of_scipy(case):
    """Mean and covariance, each entry within 5 standard errors of its own mean."""
    truth, x = reference(case), samples(case)
    centred = x - truth.mean
    products = centred[:, :, None] * centred[:, None, :]
    for drawn, expected in ((x, truth.mean), (products, truth.cov)):
        standard_error = drawn.std(axis=0) / np.sqrt(len(drawn))
        assert (np.abs(drawn.mean(axis=0) - expected) < 5 * standard_error).all()


@every_family
def test_mean_and_variance_are_those_of_scipy(case):
    truth, p = reference(case), case.make()(jnp.asarray(parameters(case)))
    np.testing.assert_allclose(p.mean, truth.mean, rtol=1e-5)
    np.testing.assert_allclose(p.variance, np.diag(truth.cov), rtol=1e-5)


@every_family
def test_log_prob_is_that_of_scipy_in_float32_and_in_float64(case):
    x, v = samples(case, 200), parameters(case)
    for x64, dtype, tolerance in ((False, np.float32, 1e-4), (True, np.float64, 1e-10)):
        with jax.enable_x64(x64):
            log_prob = case.make()(jnp.asarray(v, dtype)).log_prob(jnp.asarray(x))
            assert log_prob.dtype == dtype
            np.testing.assert_allclose(log_prob, reference(case).log_density(x), rtol=tolerance)


@every_family
def test_density_integrates_to_1(case):
    """The trapezium rule on a grid of 16/300 standard deviations is exact to float32 for a Gaussian."""
    x = events(case)
    density = np.exp(np.asarray(case.make()(jnp.asarray(parameters(case))).log_prob(x), np.float64))
    cell = 1.0 if case.top is not None else np.prod(np.sqrt(np.diag(reference(case).cov)) * 16 / 300)
    assert density.sum() * cell == pytest.approx(1, abs=1e-4)


@every_family
def test_support_is_the_set_that_samples_lie_in(case):
    family = case.make()
    p = family(jnp.asarray(parameters(case)))
    assert family.support == p.support
    assert family.support(samples(case)).all()
    assert family.support(events(case)).all()
    outside = [np.nan] if case.top is None else [-1, case.top + 1, 0.5]
    for value in outside:
        assert not family.support(np.array([0.0, value]))


@every_family
def test_measure_is_counting_for_whole_numbers_and_lebesgue_for_real_ones(case):
    assert measure(case.make().support) == ("Lebesgue" if case.top is None else "counting")


@every_family
def test_a_row_under_vmap_is_the_row_alone(case):
    family, x = case.make(), jnp.asarray(samples(case, 3))
    V = jnp.asarray(np.random.default_rng(2).normal(size=(3, case.size)), jnp.float32)
    together = jax.vmap(lambda v, x: family(v).log_prob(x))(V, x)
    alone = [family(v).log_prob(row) for v, row in zip(V, x, strict=True)]
    np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-5)

    keys = jax.random.split(jax.random.key(3), 3)
    together = jax.vmap(lambda v, key: family(v).sample(key))(V, keys)
    alone = [family(v).sample(key) for v, key in zip(V, keys, strict=True)]
    np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-5, atol=1e-6)


@every_discrete_family
def test_log_prob_and_gradient_are_finite_at_extreme_parameters(case):
    """Where a network runs away to ±50 (logits, log-concentrations), training must still come back."""
    family, half = case.make(), case.size // 2
    V = np.array([[a] * half + [b] * half for a, b in product((-50.0, 0.0, 50.0), repeat=2)], np.float32)
    x = np.array([[0, 0], [0, case.top], [case.top, 1]])
    value_and_gradient = jax.value_and_grad(lambda v, x: family(v).log_prob(x))
    pairs = jax.vmap(jax.vmap(value_and_gradient, (None, 0)), (0, None))
    values, gradients = pairs(jnp.asarray(V), jnp.asarray(x))
    assert np.isfinite(values).all()
    bad = ~np.isfinite(gradients).all(axis=-1)
    assert not bad.any(), f"the gradient is not finite at (parameters, x) = {np.argwhere(bad).tolist()}"


def random_beta_binomial(trials, log_concentration):
    """1,000 counts with their own parameters, in float64's truth and float32's numbers."""
    rng = np.random.default_rng(trials)
    logit = rng.normal(size=1000).astype(np.float32)
    s = np.full(1000, log_concentration, np.float32) + rng.normal(size=1000).astype(np.float32) / 4
    return np.concatenate([logit, s]), rng.integers(trials + 1, size=1000)


@pytest.mark.parametrize("trials", [1, 3, 16, 64])
@pytest.mark.parametrize("log_concentration", [-2.0, 2.0])
def test_product_form_of_the_beta_binomial_is_its_gamma_form(trials, log_concentration):
    """Σ log rₖ against NumPyro's betaln, in float64 where neither is in doubt: values and gradients."""
    v, x = random_beta_binomial(trials, log_concentration)

    def gamma_form(v):
        m, s = jax.nn.sigmoid(v[:1000]), jnp.exp(v[1000:])
        return dist.BetaBinomial(s * m, s * (1 - m), total_count=trials).log_prob(x)

    def product_form(v):
        return lb.BetaBinomial(1000, trials)(v).base_dist.log_prob(x)

    with jax.enable_x64(True):
        v64 = jnp.asarray(v, jnp.float64)
        exact, exact_gradient = gamma_form(v64), jax.grad(lambda v: gamma_form(v).sum())(v64)
    np.testing.assert_allclose(product_form(jnp.asarray(v)), exact, rtol=1e-4, atol=1e-5)
    gradient = jax.grad(lambda v: product_form(v).sum())(jnp.asarray(v))
    np.testing.assert_allclose(gradient, exact_gradient, rtol=1e-4, atol=1e-5 * trials)


@pytest.mark.parametrize("log_concentration", [6.0, 12.0])
def test_product_form_keeps_float32_where_the_gamma_form_cancels(log_concentration):
    """At a + b = 10⁵ log-gammas are near 10⁶: their differences lose 0.1 nats in float32, products none."""
    v, x = random_beta_binomial(16, log_concentration)
    m, s = expit(v[:1000].astype(float)), np.exp(v[1000:].astype(float))
    exact = stats.betabinom(16, s * m, s * (1 - m)).logpmf(x)
    log_prob = lb.BetaBinomial(1000, 16)(jnp.asarray(v)).base_dist.log_prob(x)
    np.testing.assert_allclose(log_prob, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lb.DiagonalGaussian(0), "DiagonalGaussian: expected a whole number of at least 1, found 0"),
        (lambda: lb.FullGaussian(-1), "FullGaussian: .* found -1"),
        (lambda: lb.Bernoulli(1.5), "Bernoulli: .* found 1.5"),
        (lambda: lb.Bernoulli(True), "Bernoulli: .* found True"),
        (lambda: lb.Binomial(2, 0), r"Binomial\.trials: .* found 0"),
        (lambda: lb.BetaBinomial(2, 0), r"BetaBinomial\.trials: .* found 0"),
        (lambda: lb.Categorical(2, 0), r"Categorical\.levels: .* found 0"),
        (lambda: lb.FixedScale(0.0), "FixedScale: expected a positive scale, found 0.0"),
        (lambda: lb.LearnedScale(initial=-1.0), r"LearnedScale\.initial: expected a positive scale"),
    ],
)
def test_a_size_or_scale_that_is_none_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
