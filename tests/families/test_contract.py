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
from lowerbound.families.support import measure

D = 2  # dimensions of an event
SIGMA = np.array([0.6, 1.7])


def independent(*marginals):
    """SciPy's density and moments of a vector with independent dimensions."""

    def log_density(x):
        columns = zip(marginals, np.moveaxis(x, -1, 0), strict=True)
        return sum((m.logpdf if hasattr(m.dist, "pdf") else m.logpmf)(column) for m, column in columns)

    return moments(
        log_density, np.array([m.mean() for m in marginals]), np.diag([m.var() for m in marginals])
    )


def moments(log_density, mean, cov):
    return SimpleNamespace(log_density=log_density, mean=mean, cov=cov, scale=np.sqrt(np.diag(cov)))


def diagonal(scale_of):
    return lambda v: independent(*map(stats.norm, v[:D], np.broadcast_to(scale_of(v[D:]), D)))


def full(v):
    L = np.diag(np.exp(v[D : 2 * D]))
    L[1, 0] = v[2 * D]
    normal = stats.multivariate_normal(v[:D], L @ L.T)
    return moments(normal.logpdf, normal.mean, normal.cov)


def beta_binomial(trials):
    def reference(v):
        m, s = expit(v[:D]), np.exp(v[D:])
        return independent(*(stats.betabinom(trials, *ab) for ab in zip(s * m, s * (1 - m), strict=True)))

    return reference


def categorical(v):
    levels = np.arange(v.size // D)
    rows = softmax(v.reshape(-1, D).T, axis=-1)
    return independent(*(stats.rv_discrete(values=(levels, row))() for row in rows))


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
        axes = [m + s * np.linspace(-8, 8, 301) for m, s in zip(truth.mean, truth.scale, strict=True)]
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
    np.testing.assert_allclose(p.variance, truth.scale**2, rtol=1e-5)


@every_family
def test_log_prob_is_that_of_scipy_in_float32_and_in_float64(case):
    x, v = samples(case, 200), parameters(case)
    for x64, dtype, tolerance in ((False, np.float32, 1e-4), (True, np.float64, 1e-10)):
        with jax.enable_x64(x64):
            log_prob = jax.jit(case.make()(jnp.asarray(v, dtype)).log_prob)(jnp.asarray(x, dtype))
            assert log_prob.dtype == dtype
            np.testing.assert_allclose(log_prob, reference(case).log_density(x), rtol=tolerance)


@every_family
def test_density_integrates_to_1(case):
    """The trapezium rule on a grid of 16/300 standard deviations is exact to float32 for a Gaussian."""
    x = events(case)
    density = np.exp(np.asarray(case.make()(jnp.asarray(parameters(case))).log_prob(x), np.float64))
    cell = 1.0 if case.top is not None else np.prod(reference(case).scale * 16 / 300)
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
    family, x = case.make(), jnp.asarray(events(case)[:: len(events(case)) // 4][:3], float)
    V = jnp.asarray(np.random.default_rng(2).normal(size=(3, case.size)), jnp.float32)
    log_prob = lambda v, x: family(v).log_prob(x)  # noqa: E731
    alone = jnp.stack([jax.jit(log_prob)(v, row) for v, row in zip(V, x, strict=True)])
    np.testing.assert_allclose(jax.jit(jax.vmap(log_prob))(V, x), alone, rtol=1e-5)


@every_discrete_family
def test_log_prob_and_gradient_are_finite_at_extreme_parameters(case):
    """Where a network runs away to ±50 (logits, log-concentrations), training must still come back."""
    family, half = case.make(), case.size // 2
    V = np.array([[a] * half + [b] * half for a, b in product((-50.0, 0.0, 50.0), repeat=2)], np.float32)
    x = np.array([[0, 0], [0, case.top], [case.top, 1]])
    value_and_gradient = jax.value_and_grad(lambda v, x: family(v).log_prob(x))
    pairs = jax.jit(jax.vmap(jax.vmap(value_and_gradient, (None, 0)), (0, None)))
    values, gradients = pairs(jnp.asarray(V), jnp.asarray(x))
    assert np.isfinite(values).all()
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize("trials", [1, 16, 64, 65, 1000])
def test_beta_binomial_in_float32_is_its_betaln_form_in_float64(trials):
    """Wherever the concentration lies between e⁻⁹ and e¹²: the product form (up to 64 trials) to 1e-5, the
    gamma form to the rounding of its own terms, log n! ~ n log n; and gradients to 1e-4. In float32 betaln
    itself is off by 0.1 nats at e¹²."""
    rng = np.random.default_rng(trials)
    v = np.stack([rng.normal(size=300), rng.uniform(-9, 12, size=300)], axis=1).astype(np.float32)
    x = rng.integers(trials + 1, size=300)

    def betaln_form(v, x):
        a, b = jnp.exp(v[1]) * jax.nn.sigmoid(v[0]), jnp.exp(v[1]) * jax.nn.sigmoid(-v[0])
        return dist.BetaBinomial(a, b, total_count=trials).log_prob(x)

    def library_form(v, x):
        return lb.BetaBinomial(1, trials)(v).log_prob(x[None])

    def value_and_gradient(form, dtype):
        both = jax.jit(jax.vmap(jax.value_and_grad(form)))
        return both(jnp.asarray(v, dtype), jnp.asarray(x, dtype))

    with jax.enable_x64(True):
        exact, exact_gradient = map(np.asarray, value_and_gradient(betaln_form, np.float64))
    value, gradient = value_and_gradient(library_form, np.float32)
    rounding = 4 * np.finfo(np.float32).eps * trials * np.log(trials) if trials > 64 else 0
    np.testing.assert_allclose(value, exact, rtol=1e-5, atol=1e-5 + rounding)
    np.testing.assert_allclose(gradient, exact_gradient, rtol=1e-4, atol=1e-4 + rounding)


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
