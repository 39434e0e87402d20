"""Likelihoods of counts and of grey values: SciPy's, finite at the ends of float32, with missing values."""

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, softmax

import lowerbound as lb
from lowerbound.distributions.support import measure, words
from lowerbound.families.family import Factorized
from lowerbound.parts import names, part

from ..tables import cases

D = 3  # dimensions of an event


class Finite:
    """A distribution over 0 … n − 1 by its masses."""

    def __init__(self, masses):
        self.masses = np.asarray(masses)

    def logpmf(self, x):
        return np.log(self.masses[np.asarray(x, int)])

    def mean(self):
        return self.masses @ np.arange(len(self.masses))

    def var(self):
        return self.masses @ (np.arange(len(self.masses)) - self.mean()) ** 2


def negative_binomial(log_mean, log_concentration):
    m, r = np.exp(log_mean), np.exp(log_concentration)
    return stats.nbinom(r, r / (r + m))


def zero_inflated(log_mean, log_concentration, logit):
    counts = negative_binomial(log_mean, log_concentration).pmf(np.arange(20_000))
    return Finite(expit(logit) * (np.arange(20_000) == 0) + expit(-logit) * counts)


def discretized(location, log_variance, levels=256):
    """SciPy's logistic distribution function at the bins' edges, between the levels."""
    edges = (np.arange(levels - 1) + 0.5) * 2 / (levels - 1) - 1
    F = stats.logistic(location, np.exp(log_variance / 2)).cdf(edges)
    return Finite(np.diff(np.concatenate([[0], F, [1]])))


def discretized_mixture(*v, levels=16):
    logits, locations, log_variances = np.reshape(v, (3, -1))
    K = len(logits)
    starts = np.linspace(-1, 1, 2 * K + 1)[1::2]
    parts = [
        discretized(m + shift, s - 2 * np.log(K), levels).masses
        for m, shift, s in zip(locations, starts, log_variances, strict=True)
    ]
    return Finite(softmax(logits) @ np.array(parts))


class ContinuousBernoulli:
    """The density by its definition, and everything else by quadrature."""

    def __init__(self, t):
        self.t = t
        self.constant = self.integral(lambda x: 1.0)

    def integral(self, f):
        """∫ f(x) eᵗ⁽ˣ⁻¹⁾ dx over [0, 1], the exponent from the end where it is 0."""
        top = max(self.t, 0.0)
        return integrate.quad(lambda x: f(x) * np.exp(self.t * x - top), 0, 1, epsabs=0, epsrel=1e-12)[0]

    def logpdf(self, x):
        return self.t * x - max(self.t, 0.0) - np.log(self.constant)

    def mean(self):
        return self.integral(lambda x: x) / self.constant

    def var(self):
        return self.integral(lambda x: (x - self.mean()) ** 2) / self.constant


class Case(NamedTuple):
    make: Callable  # () ↦ the family
    blocks: int
    marginal: Callable  # the numbers of one dimension ↦ its distribution, of SciPy or as SciPy's are
    measure: str
    words: str
    outside: tuple  # values outside the support


COUNTS = ("counting", "whole numbers from 0", (-1.0, 0.5))
CASES = {
    "Poisson": Case(lambda: lb.Poisson(D), 1, lambda a: stats.poisson(np.exp(a)), *COUNTS),
    "NegativeBinomial": Case(lambda: lb.NegativeBinomial(D), 2, negative_binomial, *COUNTS),
    "ZeroInflatedNegativeBinomial": Case(
        lambda: lb.ZeroInflatedNegativeBinomial(D), 3, zero_inflated, *COUNTS
    ),
    "ContinuousBernoulli": Case(
        lambda: lb.ContinuousBernoulli(D),
        1,
        ContinuousBernoulli,
        "Lebesgue",
        "numbers from 0 to 1",
        (-0.1, 1.1),
    ),
    "DiscretizedLogistic": Case(
        lambda: lb.DiscretizedLogistic(D),
        2,
        discretized,
        "counting",
        "whole numbers from 0 to 255",
        (256, 0.5),
    ),
    "DiscretizedLogistic-FixedScale": Case(
        lambda: lb.DiscretizedLogistic(D, 8, scale=lb.FixedScale(0.2)),
        1,
        lambda a: discretized(a, 2 * np.log(0.2), 8),
        "counting",
        "whole numbers from 0 to 7",
        (8, -1),
    ),
    "DiscretizedLogistic-stray": Case(
        lambda: lb.DiscretizedLogistic(D, 8, 0.1),
        2,
        lambda *v: Finite(0.9 * discretized(*v, 8).masses + 0.1 / 8),
        "counting",
        "whole numbers from 0 to 7",
        (8, -1),
    ),
    "DiscretizedLogisticMixture": Case(
        lambda: lb.DiscretizedLogisticMixture(D, 3, 16),
        9,
        discretized_mixture,
        "counting",
        "whole numbers from 0 to 15",
        (16, 1.5),
    ),
}
FAST = ("NegativeBinomial", "ContinuousBernoulli", "DiscretizedLogistic-FixedScale")
every_likelihood = pytest.mark.parametrize("case", cases(CASES, fast=FAST))


@cache
def parameters(case):
    """A random parameter vector, of float32's numbers."""
    return np.random.default_rng(case.blocks).normal(size=case.blocks * D).astype(np.float32)


@cache
def reference(case):
    return [case.marginal(*row) for row in parameters(case).astype(np.float64).reshape(case.blocks, D).T]


@cache
def samples(case):
    return np.asarray(case.make()(jnp.asarray(parameters(case))).sample(jax.random.key(1), (20_000,)))


def log_density(case, x):
    """Of each value, SciPy's."""
    name = "logpdf" if case.measure == "Lebesgue" else "logpmf"
    return sum(getattr(m, name)(column) for m, column in zip(reference(case), x.T, strict=True))


@every_likelihood
def test_shape_support_and_measure(case):
    family = case.make()
    p = family(jnp.zeros(case.blocks * D))
    assert family.size == case.blocks * D
    assert (p.batch_shape, p.event_shape) == ((), (D,))
    assert family.support == p.support
    assert measure(family.support) == case.measure
    assert words(family.support) == case.words
    assert family.support(samples(case)).all()
    for value in case.outside:
        assert not family.support(np.array([0.0, value, 0.0]))


@every_likelihood
def test_log_prob_is_that_of_scipy_in_float32_and_in_float64(case):
    x = samples(case)[:200].astype(np.float64)
    for x64, dtype, tolerance in ((False, np.float32, 2e-5), (True, np.float64, 1e-10)):
        with jax.enable_x64(x64):
            p = case.make()(jnp.asarray(parameters(case), dtype))
            log_prob = jax.jit(p.log_prob)(jnp.asarray(x, dtype))
            assert log_prob.dtype == dtype
            exact = log_density(case, np.asarray(x, dtype).astype(np.float64))
            np.testing.assert_allclose(log_prob, exact, rtol=tolerance, atol=tolerance)


@every_likelihood
def test_mean_and_variance_are_those_of_scipy(case):
    p = case.make()(jnp.asarray(parameters(case)))
    np.testing.assert_allclose(p.mean, [m.mean() for m in reference(case)], rtol=2e-5)
    np.testing.assert_allclose(p.variance, [m.var() for m in reference(case)], rtol=1e-4)


@every_likelihood
def test_samples_have_the_moments_of_the_distribution(case):
    """Mean and variance within 5 standard errors."""
    p, x = case.make()(jnp.asarray(parameters(case))), samples(case).astype(np.float64)
    squares = (x - np.asarray(p.mean)) ** 2
    for drawn, stated in ((x, p.mean), (squares, p.variance)):
        standard_error = drawn.std(axis=0) / np.sqrt(len(drawn))
        assert (np.abs(drawn.mean(axis=0) - np.asarray(stated)) < 5 * standard_error).all()


EXTREMES = (-50.0, 0.0, 50.0)


@pytest.mark.slow
@every_likelihood
def test_everything_is_finite_at_extreme_parameters_and_for_large_counts(case):
    """Log-probability, its gradient, samples and moments, every block of the vector at ±50 and 0."""
    family = case.make()
    blocks = np.array(list(product(EXTREMES, repeat=min(case.blocks, 3))), np.float32)
    V = np.repeat(blocks, case.blocks * D // blocks.shape[1], axis=1)
    top = {"whole numbers from 0": 1e5, "numbers from 0 to 1": 1.0}.get(case.words)
    top = float(case.words.split()[-1]) if top is None else top
    X = np.array([[0, 1, top], [top, 0, 1]], np.float32)

    def values(v, x):
        return jax.value_and_grad(lambda v: family(v).log_prob(x))(v)

    value, gradient = jax.jit(jax.vmap(jax.vmap(values, (None, 0)), (0, None)))(V, X)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()

    def drawn(v):
        p = family(v)
        return p.sample(jax.random.key(0), (50,)), p.mean, p.variance

    x, mean, variance = map(np.asarray, jax.jit(jax.vmap(drawn))(V))
    assert family.support(x.reshape(-1, D)).all()
    assert np.isfinite(mean).all()
    assert np.isfinite(variance).all()
    assert (variance >= 0).all()


@pytest.mark.parametrize("family", [lb.Poisson(1), lb.NegativeBinomial(1)], ids=lambda f: type(f).__name__)
def test_large_counts_in_float32_are_scipys(family):
    """Counts up to 1e6, within 4 units in the last place of log m, to which log P is as sensitive as
    ∣x − m∣ r/(r + m)."""
    rng, n = np.random.default_rng(0), 1000
    log_mean, log_r = rng.uniform(-8, 13, n).astype(np.float32), rng.uniform(-8, 12, n).astype(np.float32)
    m, r = np.exp(log_mean.astype(np.float64)), np.exp(log_r.astype(np.float64))
    if isinstance(family, lb.Poisson):
        V, truth = log_mean[:, None], stats.poisson(m)
        x, slope = rng.poisson(m), lambda x: np.abs(x - m)
    else:
        V, truth = np.stack([log_mean, log_r], 1), stats.nbinom(r, r / (r + m))
        x, slope = rng.poisson(rng.gamma(r) * m / r), lambda x: np.abs(x - m) * r / (r + m)
    x = np.minimum(x, 1e6).astype(np.float32)
    log_prob = jax.jit(jax.vmap(lambda v, x: family(v).log_prob(x[None])))(V, x)
    tolerance = 2e-5 + 4 * np.spacing(np.float32(13)) * (slope(x) + np.sqrt(x))
    assert (np.abs(log_prob - truth.logpmf(x)) < tolerance).all()


LEVELS = jnp.arange(256.0)


LOCATIONS = [-50.0, -1.5, -1.0, 0.0, 0.3, 1.0, 1.003, 5.0, 50.0]
LOG_VARIANCES = [-50.0, -14.0, -8.0, -3.0, 0.0, 10.0, 50.0]


@pytest.mark.parametrize("components", cases([None, 3], fast=[None]))
def test_the_mass_of_grey_levels_is_1_wherever_the_location_is(components):
    """To 1e-5, at every scale: what a tail would leave out is in the outermost levels."""
    grid = np.array(list(product(LOCATIONS, LOG_VARIANCES)), np.float32)
    if components is None:
        family, V = lb.DiscretizedLogistic(1), grid
    else:
        family = lb.DiscretizedLogisticMixture(1, components)
        logits = np.tile(np.array([0.0, 1.0, -2.0], np.float32), (len(grid), 1))
        V = np.concatenate([logits, np.repeat(grid, components, axis=1)], axis=1)
    log_prob = jax.jit(jax.vmap(lambda v: family(v).log_prob(LEVELS[:, None])))(V)
    masses = np.exp(np.asarray(log_prob, np.float64))
    np.testing.assert_allclose(masses.sum(1), 1, atol=1e-5)
    assert masses.max() <= 1 + 1e-6


@pytest.mark.thorough
def test_a_mixture_of_one_is_a_discretized_logistic():
    v = jnp.array([0.3, -1.0])
    one = lb.DiscretizedLogistic(1)(v).log_prob(LEVELS[:, None])
    mixture = lb.DiscretizedLogisticMixture(1, 1)(jnp.concatenate([jnp.array([4.0]), v]))
    np.testing.assert_allclose(mixture.log_prob(LEVELS[:, None]), one, rtol=1e-6)


def test_components_that_start_alike_would_stay_alike():
    """At zeros the gradients of the components' locations differ."""
    family = lb.DiscretizedLogisticMixture(1, 3)
    gradient = jax.jit(jax.grad(lambda v: family(v).log_prob(jnp.array([40.0]))))(jnp.zeros(9))
    assert np.unique(np.round(gradient[3:6], 4)).size == 3


LOGITS = [-50.0, -30.0, -1.01, -0.99, -1e-3, -1e-20, 0.0, 1e-6, 0.1, 2.0, 30.0, 50.0]


each_logit = pytest.mark.parametrize("logit", cases(LOGITS, fast=[0.0]))


@each_logit
def test_the_continuous_bernoulli_integrates_to_1(logit):
    """By Gauss–Legendre quadrature of 200 points, in float32 to 2e-5."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    p = lb.ContinuousBernoulli(1)(jnp.array([logit]))
    density = np.exp(np.asarray(p.log_prob(jnp.asarray(0.5 * nodes[:, None] + 0.5)), np.float64))
    assert 0.5 * weights @ density == pytest.approx(1, abs=2e-5)


@each_logit
def test_the_continuous_bernoulli_in_float32_is_exact_at_every_logit(logit):
    """Log-density, its gradient (x − mean), the mean, the variance, and the gradient of a sample, against
    float64 or quadrature; logits around 0 are where the textbook's forms are 0/0."""
    exact = ContinuousBernoulli(float(np.float32(logit)))
    v, x = jnp.array([logit]), jnp.array([0.3])
    family = lb.ContinuousBernoulli(1)
    value, gradient = jax.value_and_grad(lambda v: family(v).log_prob(x))(v)
    assert float(value) == pytest.approx(exact.logpdf(float(x[0])), abs=1e-6, rel=1e-6)
    assert float(gradient[0]) == pytest.approx(float(x[0]) - exact.mean(), abs=1e-6)
    assert float(family(v).mean[0]) == pytest.approx(exact.mean(), rel=5e-6)
    assert float(family(v).variance[0]) == pytest.approx(exact.var(), rel=1e-5)

    def drawn(v, q=0.37):
        return family(v).base_dist.icdf(q)[0]

    slope = float(jax.grad(drawn)(v)[0])
    sample = float(drawn(v))
    # dx/dt = −(∂F/∂t)/p(x), F(x) = ∫₀ˣ p
    inside = integrate.quad(
        lambda y: (y - exact.mean()) * np.exp(exact.logpdf(y)), 0, sample, epsabs=1e-14, epsrel=1e-10
    )[0]
    assert slope == pytest.approx(-inside / np.exp(exact.logpdf(sample)), rel=1e-3, abs=1e-6)


@pytest.mark.slow
def test_samples_of_the_continuous_bernoulli_are_inside_at_every_logit():
    p = lb.ContinuousBernoulli(len(LOGITS))(jnp.array(LOGITS))
    x = np.asarray(p.sample(jax.random.key(0), (20_000,)), np.float64)
    assert p.has_rsample
    assert ((x >= 0) & (x <= 1)).all()
    standard_error = x.std(axis=0) / np.sqrt(len(x))
    assert (np.abs(x.mean(axis=0) - np.asarray(p.mean)) < 5 * standard_error).all()
    gradient = jax.grad(
        lambda v: lb.ContinuousBernoulli(len(LOGITS))(v).sample(jax.random.key(0), (1000,)).sum()
    )
    assert np.isfinite(gradient(jnp.array(LOGITS))).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lb.Poisson(0), "Poisson: expected a whole number of at least 1, found 0"),
        (lambda: lb.DiscretizedLogistic(2, 1), r"DiscretizedLogistic\.levels: expected at least 2 levels"),
        (lambda: lb.DiscretizedLogistic(2, 2.5), r"DiscretizedLogistic\.levels: .* found 2.5"),
        (lambda: lb.DiscretizedLogisticMixture(2, 0), r"Mixture\.components: .* found 0"),
        (lambda: lb.DiscretizedLogisticMixture(2, 2, 1), r"Mixture\.levels: expected at least 2 levels"),
    ],
)
def test_a_size_that_is_none_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Every family of independent dimensions that a file may name, made of d dimensions with missing values.
ARGUMENTS = {"binomial": (5,), "beta-binomial": (100,), "categorical": (4,), "ordinal": (4,)}
MADE = {"inverse-cdf": lambda d: lb.InverseCDF(lb.DiagonalGaussian(d, missing=True))}


def _factorized():
    found = {}
    for name in names("file"):
        kind = part(name)
        if isinstance(kind, type) and issubclass(kind, Factorized):
            found[name] = MADE.get(
                name, lambda d, kind=kind, name=name: kind(d, *ARGUMENTS.get(name, ()), missing=True)
            )
    return found


FACTORIZED = _factorized()
HOLES, SEEN = np.array([0, 2]), np.array([1, 3])
