"""The families as a table: how each is made, where it is tested, and what SciPy knows it as."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions.transforms import AffineTransform
from scipy import stats
from scipy.special import expit, logit, softmax

import lowerbound as lb

D = 2  # dimensions that a family is asked for
SIGMA = np.array([0.6, 1.7])

# ∫ g(u) du over (0, 1) by the trapezium rule in t, u = 1/(1 + e⁻ᵗ): exact to rounding for smooth g.
_T = np.linspace(-36, 36, 1201)
U, WEIGHTS = expit(_T), (_T[1] - _T[0]) * expit(_T) * expit(-_T)


class Pushed:
    """The law of x = g(y), g increasing and y of a SciPy law; `log_slope` is log g′(y) as a function of x."""

    def __init__(self, law, forward, inverse, log_slope):
        self.law, self.forward, self.inverse, self.log_slope = law, forward, inverse, log_slope

    def logpdf(self, x):
        return self.law.logpdf(self.inverse(x)) - self.log_slope(x)

    def cdf(self, x):
        return self.law.cdf(self.inverse(x))

    def ppf(self, u):
        return self.forward(self.law.ppf(u))

    def mean(self):
        return WEIGHTS @ self.ppf(U)

    def var(self):
        return WEIGHTS @ (self.ppf(U) - self.mean()) ** 2


class ZeroInflated:
    """0 with probability π, else a count of a SciPy law."""

    def __init__(self, p, law):
        self.p, self.law = p, law

    def pmf(self, x):
        return self.p * (x == 0) + (1 - self.p) * self.law.pmf(x)

    def logpmf(self, x):
        return np.log(self.pmf(x))

    def cdf(self, x):
        return self.p + (1 - self.p) * self.law.cdf(x)

    def ppf(self, u):
        return self.law.ppf(max(u - self.p, 0) / (1 - self.p))

    def mean(self):
        return (1 - self.p) * self.law.mean()

    def var(self):
        return (1 - self.p) * (self.law.var() + self.p * self.law.mean() ** 2)


class Angle:
    """The angle between z and μ on the circle, z power spherical: sin²(angle/2) ~ Beta(½, ½ + κ)."""

    def __init__(self, concentration):
        self.law = stats.beta(0.5, 0.5 + concentration)

    def logpdf(self, angle):
        half = angle / 2
        return self.law.logpdf(np.sin(half) ** 2) + np.log(np.abs(np.sin(half) * np.cos(half))) + np.log(0.5)

    def cdf(self, angle):
        return 0.5 + 0.5 * np.sign(angle) * self.law.cdf(np.sin(angle / 2) ** 2)

    def ppf(self, u):
        return np.sign(u - 0.5) * 2 * np.arcsin(np.sqrt(self.law.ppf(np.abs(2 * u - 1))))

    def mean(self):
        return 0.0

    def var(self):
        return WEIGHTS @ self.ppf(U) ** 2


def counts(law):
    return hasattr(law, "logpmf")


def log_density_of(law, x):
    return law.logpmf(x) if counts(law) else law.logpdf(x)


class Reference:
    """What SciPy knows of one member: its log-density, and the laws of some coordinates a·z of it, by default
    the dimensions themselves, whose density is then the product of theirs."""

    def __init__(self, laws, *, directions=None, log_density=None, mean=None, variance=None):
        self.laws, self.independent = laws, log_density is None
        self.directions = np.eye(len(laws)) if directions is None else np.asarray(directions)
        self._log_density = log_density
        self._moments = mean, variance

    def coordinates(self, x):
        return x @ self.directions.T

    def log_density(self, x):
        if self._log_density is not None:
            return self._log_density(x)
        columns = np.moveaxis(self.coordinates(x), -1, 0)
        return sum(log_density_of(law, column) for law, column in zip(self.laws, columns, strict=True))

    def expectation(self, g):
        """E Σₖ g(aₖ·z) by quadrature, one dimension at a time."""
        return sum(WEIGHTS @ g(law.ppf(U)) for law in self.laws)

    @property
    def mean(self):
        """E z, as the distribution is to state it."""
        mean, _ = self._moments
        return np.array([law.mean() for law in self.laws]) if mean is None else mean

    @property
    def variance(self):
        _, variance = self._moments
        return np.array([law.var() for law in self.laws]) if variance is None else variance


class OnCircle(Reference):
    """The power spherical distribution on the circle; its one coordinate is the angle to μ."""

    def __init__(self, v):
        super().__init__([Angle(np.exp(v[D]))])
        self.direction = v[:D] / np.linalg.norm(v[:D])

    def coordinates(self, x):
        c, s = self.direction
        return np.arctan2(x[..., 1] * c - x[..., 0] * s, x @ self.direction)[..., None]

    def points(self, angle):
        c, s = self.direction
        return np.stack([c * np.cos(angle) - s * np.sin(angle), s * np.cos(angle) + c * np.sin(angle)], -1)

    def expectation(self, g):
        return WEIGHTS @ g(self.points(self.laws[0].ppf(U))).sum(-1)

    @property
    def mean(self):
        return WEIGHTS @ self.points(self.laws[0].ppf(U))

    @property
    def variance(self):
        return WEIGHTS @ (self.points(self.laws[0].ppf(U)) - self.mean) ** 2


def onto_simplex(x):
    return x / x.sum(-1, keepdims=True)


def onto_two_levels(x):
    return onto_simplex(x.reshape(-1, 2)).reshape(x.shape)


def onto_circle(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# Coordinates of a correlated vector: the dimensions, and two mixtures of them.
MIXED = ((1, 0), (0, 1), (1, 1), (1, -1))
OF_SIMPLEX = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
OF_TWO_LEVELS = ((1, 0, 0, 0), (0, 0, 1, 0))  # the first level of each of two codes


def each(law):
    """The log-density of independent dimensions of one law."""
    return lambda x: log_density_of(law, x).sum(-1)


def located(kind, scale_of=lambda rest: np.exp(rest / 2)):
    """Location and scale: the vector holds μ and, by default, log σ²."""

    def reference(v):
        scales = np.broadcast_to(scale_of(v[D:]), D)
        return Reference([kind(loc=m, scale=s) for m, s in zip(v[:D], scales, strict=True)])

    return reference


def by_dimension(law):
    """Independent dimensions: `law` of the numbers that the blocks of the vector hold for each."""
    return lambda v: Reference([law(*numbers) for numbers in v.reshape(-1, D).T])


def correlated(mean, cov):
    laws = [stats.norm(a @ mean, np.sqrt(a @ cov @ a)) for a in np.array(MIXED)]
    normal = stats.multivariate_normal(mean, cov)
    return Reference(laws, directions=MIXED, log_density=normal.logpdf, mean=mean, variance=np.diag(cov))


def full(v):
    below = np.array([[0, 0], [v[2 * D], 0]])
    L = np.exp(v[D : 2 * D])[:, None] * (np.eye(D) + below / np.sqrt(D))
    return correlated(v[:D], L @ L.T)


def low_rank(v):
    W = v[2 * D :].reshape(D, 1)
    return correlated(v[:D], W @ W.T + np.diag(np.exp(v[D : 2 * D])))


def logit_of(law):
    """The law of 1/(1 + e⁻ʸ)."""
    return Pushed(law, expit, logit, lambda x: np.log(x) + np.log1p(-x))


def kumaraswamy(log_a, log_b):
    """xᵃ ~ Beta(1, b)."""
    a = np.exp(log_a)
    power = stats.beta(1, np.exp(log_b))
    return Pushed(power, lambda y: y ** (1 / a), lambda x: x**a, lambda x: (1 - a) * np.log(x) - log_a)


def relaxed_bit(temperature, theta):
    return logit_of(stats.logistic(theta / temperature, 1 / temperature))


def relaxed_bernoulli(temperature):
    def reference(v):
        p = expit(v)
        return Reference([relaxed_bit(temperature, theta) for theta in v], mean=p, variance=p * (1 - p))

    return reference


def concrete_of_two_levels(temperature):
    """Two codes of two levels: the first coordinate of a block is a relaxed bit, the second its rest."""

    def reference(v):
        p = softmax(v.reshape(2, D).T, axis=-1).reshape(-1)
        laws = [relaxed_bit(temperature, theta) for theta in v[:D] - v[D:]]
        return Reference(laws, directions=OF_TWO_LEVELS, mean=p, variance=p * (1 - p))

    return reference


def dirichlet(v):
    alpha = np.exp(v)
    laws = [stats.beta(a, alpha.sum() - a) for a in alpha]
    return Reference(
        laws, directions=OF_SIMPLEX, log_density=lambda x: stats.dirichlet(alpha).logpdf(onto_simplex(x).T)
    )


def beta_binomial(trials):
    def law(logit_m, log_s):
        m, s = expit(logit_m), np.exp(log_s)
        return stats.betabinom(trials, s * m, s * (1 - m))

    return by_dimension(law)


def categorical(*logits):
    return stats.rv_discrete(values=(np.arange(len(logits)), softmax(logits)))()


def ordinal(*thresholds):
    """P(x ≤ k) = F((b − h)/σ), the vector h and log σ²."""

    def law(h, log_variance):
        below = expit((np.asarray(thresholds) - h) / np.exp(0.5 * log_variance))
        p = np.diff([0, *below, 1])
        return stats.rv_discrete(values=(np.arange(len(p)), p / p.sum()))()

    return by_dimension(law)


def negative_binomial(log_m, log_r):
    m, r = np.exp(log_m), np.exp(log_r)
    return stats.nbinom(r, r / (r + m))


def zero_inflated(log_m, log_r, theta):
    return ZeroInflated(expit(theta), negative_binomial(log_m, log_r))


def continuous_bernoulli(t):
    """exp(tx) on [0, 1], up to its constant."""
    return Pushed(
        stats.uniform(),
        lambda u: np.log1p(u * np.expm1(t)) / t,
        lambda x: np.expm1(t * x) / np.expm1(t),
        lambda x: np.log(np.expm1(t) / t) - t * x,
    )


def in_bins(levels, *logistics):
    """Each number's share of logistic distributions of one weight, (weight, location, scale), over −1 … 1."""
    edges = (2 * np.arange(levels - 1) + 2 - levels) / (levels - 1)
    F = sum(weight * stats.logistic.cdf(edges, location, scale) for weight, location, scale in logistics)
    return stats.rv_discrete(values=(np.arange(levels), np.diff(F, prepend=0, append=1)))()


def mixture_in_bins(levels):
    def law(*numbers):
        logits, shifts, log_variances = np.reshape(numbers, (3, 2))
        locations, scales = shifts + np.array([-0.5, 0.5]), np.exp(log_variances / 2) / 2
        return in_bins(levels, *zip(softmax(logits), locations, scales, strict=True))

    return law


def mixed(v):
    """Columns (1), (0, 2) of a fair or unfair coin and of two normal distributions."""
    normals = [stats.norm(m, np.exp(s / 2)) for m, s in zip(v[1:3], v[3:], strict=True)]
    return Reference([normals[0], stats.bernoulli(expit(v[0])), normals[1]])


# Sequences of at most D tokens 1 and 2, which 0 ends.
SEQUENCES = np.array([x for x in product(range(3), repeat=D) if x[0] or not x[1]], float)


def numbered(family):
    """The family with weights that are the same numbers in each precision."""
    rng = np.random.default_rng(0)
    draw = lambda leaf: jnp.asarray(rng.normal(size=leaf.shape).astype(np.float32), float)  # noqa: E731
    return jax.tree.map(draw, family)


def by_gru(d):
    return numbered(lb.Autoregressive(lb.GRU(3, 2, width=4, key=jax.random.key(0)), d))


def by_window(d):
    return numbered(lb.Autoregressive(lb.CausalWindow(3, 2, window=1, width=4, key=jax.random.key(0)), d))


def by_transformer(d):
    sizes = {"length": d, "width": 4, "depth": 2, "heads": 2}
    return numbered(lb.Autoregressive(lb.CausalTransformer(3, 2, **sizes, key=jax.random.key(0)), d))


def of_sequences(log_p):
    """The reference of a function that says log p of one sequence."""
    p = np.exp([*map(log_p, SEQUENCES)])
    laws = [
        stats.rv_discrete(values=(np.arange(3), np.bincount(column.astype(int), p, 3) / p.sum()))()
        for column in SEQUENCES.T
    ]
    return Reference(laws, log_density=lambda x: np.array([*map(log_p, x)]))


def attentive(v):
    """A transformer, a number, a place and a head at a time."""
    network = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), by_transformer(D).network)

    def level(x):
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5)

    def after(block, places):
        qkv = np.array([level(x) @ block.attention + block.attention_bias for x in places])
        q, k, v = np.split(qkv, 3, axis=1)
        found = []
        for t, x in enumerate(places):
            of_heads = []
            for head in (slice(0, 2), slice(2, 4)):
                weights = softmax([q[t, head] @ k[s, head] / np.sqrt(2) for s in range(t + 1)])
                of_heads.append(sum(w * v[s, head] for s, w in enumerate(weights)))
            x = x + np.concatenate(of_heads) @ block.joined + block.joined_bias
            (W, V), (b, c) = block.behind.weights, block.behind.biases
            y = level(x) @ W + b
            found.append(x + y * expit(y) @ V + c)
        return found

    def log_p(x):
        before, total = [0, *x.astype(int)[:-1]], 0.0
        places = [network.tokens[w] + network.places[t] + v @ network.context for t, w in enumerate(before)]
        for block in network.blocks:
            places = after(block, places)
        for place, token in zip(places, x.astype(int), strict=True):
            total += np.log(softmax(level(place) @ network.out + network.out_bias)[token])
            if token == 0:
                break
        return total

    return of_sequences(log_p)


def gated(v):
    """A gated recurrent unit, a number at a time."""
    network = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), by_gru(D).network)

    def log_p(x):
        s, last, total = np.tanh(v @ network.first), 0, 0.0
        for token in x.astype(int):
            a, of_s = network.tokens[last] + v @ network.context, s @ network.unit.recurrent
            r, u = expit(a[:4] + of_s[:4]), expit(a[4:8] + of_s[4:8])
            s = u * s + (1 - u) * np.tanh(a[8:] + r * (of_s[8:] + network.unit.bias))
            total += np.log(softmax(s @ network.out + network.out_bias)[token])
            if token == 0:
                break
            last = token
        return total

    return of_sequences(log_p)


def grid_of_sequences(truth):
    return SEQUENCES, np.ones(len(SEQUENCES))


# Points and weights of a quadrature over an event of more than one dimension.


def grid_of_gaussian(truth):
    axes = [m + s * np.linspace(-8, 8, 161) for m, s in zip(truth.mean, np.sqrt(truth.variance), strict=True)]
    points = np.array(list(product(*axes)))
    return points, np.full(len(points), np.prod([axis[1] - axis[0] for axis in axes]))


def grid_of_mixed(truth):
    """As a Gaussian's for each face of the coin."""
    first, _, second = zip(truth.mean, np.sqrt(truth.variance), strict=True)
    a, b = (m + s * np.linspace(-8, 8, 161) for m, s in (first, second))
    points = np.array(list(product(a, [0.0, 1.0], b)))
    return points, np.full(len(points), (a[1] - a[0]) * (b[1] - b[0]))


_LOGITS = np.linspace(-60, 60, 241)


def grid_of_simplex(truth):
    """Sticks broken at 1/(1 + e⁻ᵗ), for three coordinates."""
    a, b = np.array(list(product(_LOGITS, _LOGITS))).T
    points = np.stack([expit(a), expit(-a) * expit(b), expit(-a) * expit(-b)], -1)
    return points, expit(a) * expit(-a) ** 2 * expit(b) * expit(-b) * (_LOGITS[1] - _LOGITS[0]) ** 2


def grid_of_two_levels(truth):
    a, b = np.array(list(product(_LOGITS, _LOGITS))).T
    points = np.stack([expit(a), expit(-a), expit(b), expit(-b)], -1)
    return points, expit(a) * expit(-a) * expit(b) * expit(-b) * (_LOGITS[1] - _LOGITS[0]) ** 2


def grid_of_circle(truth):
    angles = 2 * np.pi * np.arange(2000) / 2000
    return np.stack([np.cos(angles), np.sin(angles)], -1), np.full(2000, 2 * np.pi / 2000)


class Case(NamedTuple):
    make: Callable  # dimensions (and missing=) ↦ the family: made anew in the precision under test
    size: int
    reference: Callable | None = None  # parameters ↦ Reference, or None where SciPy has none
    standard: Callable | None = None  # x ↦ the log-density of the standard member, by SciPy
    at: tuple[float, ...] | None = None  # the parameters under test, random where it matters little
    event: int = D
    directions: tuple[tuple[int, ...], ...] | None = None  # of the coordinates a·z that the tests look at
    grid: Callable | None = None  # of a quadrature, where a dimension alone is no event
    moments: int = 2  # how many moments have standard errors that can be estimated from samples
    onto: Callable = lambda x: x  # float32's numbers ↦ the nearest event of float64
    draws: int = 20_000
    proof: str = ""  # where what SciPy does not know is tested
    outside: tuple[tuple[float, ...], ...] = ()  # events that are none, where they are no matter of ends

    @property
    def parameters(self):
        """Float32's numbers."""
        drawn = np.random.default_rng(self.size).normal(size=self.size) if self.at is None else self.at
        return np.asarray(drawn, np.float32)

    @property
    def truth(self):
        return self.reference(self.parameters.astype(np.float64))


def flow(make):
    return Case(
        lambda d: make(d, layers=2, width=8, key=jax.random.key(0)),
        3 * D,
        draws=200,
        proof="test_flows.py",
    )


CASES = {
    "DiagonalGaussian-Heteroscedastic": Case(
        lb.DiagonalGaussian, 2 * D, located(stats.norm), each(stats.norm())
    ),
    "DiagonalGaussian-LearnedScale-shared": Case(
        lambda d, **kw: lb.DiagonalGaussian(d, scale=lb.LearnedScale(initial=0.7), **kw),
        D,
        located(stats.norm, lambda _: 0.7),
        each(stats.norm(0, 0.7)),
    ),
    "DiagonalGaussian-LearnedScale-each": Case(
        lambda d, **kw: lb.DiagonalGaussian(d, scale=lb.LearnedScale(d, initial=SIGMA[:d]), **kw),
        D,
        located(stats.norm, lambda _: SIGMA),
        each(stats.norm(0, SIGMA)),
    ),
    "DiagonalGaussian-FixedScale": Case(
        lambda d, **kw: lb.DiagonalGaussian(d, scale=lb.FixedScale(SIGMA[:d]), **kw),
        D,
        located(stats.norm, lambda _: SIGMA),
        each(stats.norm(0, SIGMA)),
    ),
    "FullGaussian": Case(
        lb.FullGaussian, 5, full, each(stats.norm()), directions=MIXED, grid=grid_of_gaussian
    ),
    "LowRankGaussian": Case(
        lambda d: lb.LowRankGaussian(d, 1),
        3 * D,
        low_rank,
        each(stats.norm()),
        directions=MIXED,
        grid=grid_of_gaussian,
    ),
    "Laplace": Case(lb.Laplace, 2 * D, located(stats.laplace), each(stats.laplace())),
    "StudentT": Case(lb.StudentT, 2 * D, located(partial(stats.t, 5)), each(stats.t(5)), moments=1),
    # Inside the standard member's interval, so that the divergence from it is finite.
    "Uniform": Case(
        lb.Uniform,
        2 * D,
        located(lambda loc, scale: stats.uniform(loc - scale / 2, scale)),
        each(stats.uniform(-0.5, 1)),
        at=(0.1, -0.05, -1.5, -2.0),
    ),
    "InverseCDF-Laplace": Case(
        lambda d, **kw: lb.InverseCDF(lb.Laplace(d, **kw)),
        2 * D,
        located(stats.laplace),
        each(stats.laplace()),
    ),
    "Exponential": Case(
        lb.Exponential,
        D,
        by_dimension(lambda log_rate: stats.expon(scale=np.exp(-log_rate))),
        each(stats.expon()),
    ),
    "Weibull": Case(
        lb.Weibull,
        2 * D,
        by_dimension(
            lambda log_scale, log_shape: stats.weibull_min(np.exp(log_shape), scale=np.exp(log_scale))
        ),
        each(stats.expon()),
        at=(0.3, -0.6, 0.5, -0.4),
        moments=1,
    ),
    "Rayleigh": Case(
        lb.Rayleigh,
        D,
        by_dimension(lambda log_scale: stats.rayleigh(scale=np.exp(log_scale))),
        each(stats.rayleigh()),
    ),
    "Pareto": Case(
        partial(lb.Pareto, minimum=1.5),
        D,
        by_dimension(lambda log_shape: stats.pareto(np.exp(log_shape), scale=1.5)),
        each(stats.pareto(1, scale=1.5)),
        at=(1.4, 2.2),
        moments=1,
    ),
    "Gumbel": Case(lb.Gumbel, 2 * D, located(stats.gumbel_r), each(stats.gumbel_r())),
    "Logistic": Case(lb.Logistic, 2 * D, located(stats.logistic), each(stats.logistic())),
    "Cauchy": Case(lb.Cauchy, 2 * D, located(stats.cauchy), each(stats.cauchy()), moments=0),
    "Kumaraswamy": Case(lb.Kumaraswamy, 2 * D, by_dimension(kumaraswamy), each(stats.uniform())),
    "Transformed": Case(
        lambda d: lb.Transformed(lb.DiagonalGaussian(d), AffineTransform(1.0, -2.0)),
        2 * D,
        located(lambda loc, scale: stats.norm(1 - 2 * loc, 2 * scale)),
        each(stats.norm(1, 2)),
    ),
    "LogNormal": Case(
        lb.LogNormal,
        2 * D,
        located(lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc))),
        each(stats.lognorm(1)),
        moments=1,
    ),
    "LogitNormal": Case(
        lb.LogitNormal,
        2 * D,
        located(lambda loc, scale: logit_of(stats.norm(loc, scale))),
        each(logit_of(stats.norm())),
    ),
    "Gamma": Case(
        lb.Gamma,
        2 * D,
        by_dimension(lambda a, r: stats.gamma(np.exp(a), scale=np.exp(-r))),
        each(stats.expon()),
    ),
    "Beta": Case(
        lb.Beta, 2 * D, by_dimension(lambda a, b: stats.beta(np.exp(a), np.exp(b))), each(stats.uniform())
    ),
    "Dirichlet": Case(
        lambda d: lb.Dirichlet(d + 1),
        3,
        dirichlet,
        lambda x: np.full(len(x), stats.dirichlet(np.ones(3)).logpdf(np.full(3, 1 / 3))),
        at=(0.7, -0.4, 0.2),
        event=3,
        directions=OF_SIMPLEX,
        grid=grid_of_simplex,
        onto=onto_simplex,
    ),
    "RelaxedBernoulli": Case(
        partial(lb.RelaxedBernoulli, temperature=0.6),
        D,
        relaxed_bernoulli(0.6),
        each(relaxed_bit(0.6, 0.0)),
    ),
    "Concrete-2-levels": Case(
        lambda d: lb.Concrete(d, 2, temperature=0.6),
        2 * D,
        concrete_of_two_levels(0.6),
        lambda x: each(relaxed_bit(0.6, 0.0))(x[..., ::2]),
        event=2 * D,
        directions=OF_TWO_LEVELS,
        grid=grid_of_two_levels,
        onto=onto_two_levels,
    ),
    "Concrete-3-levels": Case(
        lambda d: lb.Concrete(1, 3, temperature=0.6),
        3,
        event=3,
        directions=OF_SIMPLEX,
        grid=grid_of_simplex,
        proof="test_relaxed.py",
    ),
    "PowerSpherical": Case(
        lb.PowerSpherical,
        D + 1,
        OnCircle,
        lambda x: OnCircle(np.array([1.0, 0.0, 0.0])).log_density(x),
        grid=grid_of_circle,
        onto=onto_circle,
    ),
    "AutoregressiveFlow": flow(lb.AutoregressiveFlow),
    "MaskedAutoregressiveFlow": flow(lb.MaskedAutoregressiveFlow),
    "CouplingFlow": flow(lb.CouplingFlow),
    "Bernoulli": Case(
        lb.Bernoulli, D, by_dimension(lambda theta: stats.bernoulli(expit(theta))), each(stats.bernoulli(0.5))
    ),
    "Binomial": Case(
        partial(lb.Binomial, trials=5),
        D,
        by_dimension(lambda theta: stats.binom(5, expit(theta))),
        each(stats.binom(5, 0.5)),
    ),
    "BetaBinomial-product-form": Case(
        partial(lb.BetaBinomial, trials=6), 2 * D, beta_binomial(6), each(stats.betabinom(6, 0.5, 0.5))
    ),
    "BetaBinomial-gamma-form": Case(
        partial(lb.BetaBinomial, trials=100), 2 * D, beta_binomial(100), each(stats.betabinom(100, 0.5, 0.5))
    ),
    "Poisson": Case(
        lb.Poisson, D, by_dimension(lambda log_rate: stats.poisson(np.exp(log_rate))), each(stats.poisson(1))
    ),
    "NegativeBinomial": Case(
        lb.NegativeBinomial, 2 * D, by_dimension(negative_binomial), each(stats.geom(0.5, loc=-1)), moments=1
    ),
    "ZeroInflatedNegativeBinomial": Case(
        lb.ZeroInflatedNegativeBinomial,
        3 * D,
        by_dimension(zero_inflated),
        each(ZeroInflated(0.5, stats.geom(0.5, loc=-1))),
        moments=1,
    ),
    "ContinuousBernoulli": Case(
        lb.ContinuousBernoulli, D, by_dimension(continuous_bernoulli), each(stats.uniform())
    ),
    "DiscretizedLogistic": Case(
        partial(lb.DiscretizedLogistic, levels=8),
        2 * D,
        located(lambda loc, scale: in_bins(8, (1, loc, scale))),
        each(in_bins(8, (1, 0, 1))),
        at=(0.3, -0.2, -1.5, -3.0),
    ),
    "DiscretizedLogisticMixture": Case(
        partial(lb.DiscretizedLogisticMixture, components=2, levels=8),
        6 * D,
        by_dimension(mixture_in_bins(8)),
        each(in_bins(8, (0.5, -0.5, 0.5), (0.5, 0.5, 0.5))),
    ),
    "FreeForm": Case(
        lambda d, **kw: lb.FreeForm(
            lb.Margins.of(np.tile(np.random.default_rng(0).normal(size=(200, 1)), d), bins=4), **kw
        ),
        7 * D,
        at=tuple(np.linspace(-0.5, 0.5, 7 * D)),
        proof="test_free_form.py",
    ),
    "Autoregressive-GRU": Case(
        by_gru,
        2,
        gated,
        lambda x: gated(np.zeros(2)).log_density(x),
        grid=grid_of_sequences,
        outside=((np.nan, 0), (3, 0), (0, 1), (1.5, 0), (-1, 0)),
    ),
    "Autoregressive-CausalTransformer": Case(
        by_transformer,
        2,
        attentive,
        lambda x: attentive(np.zeros(2)).log_density(x),
        grid=grid_of_sequences,
        outside=((3, 0), (0, 1)),
    ),
    "Autoregressive-CausalWindow": Case(
        by_window,
        2,
        grid=grid_of_sequences,
        outside=((3, 0), (0, 1)),
        proof="test_autoregressive.py",
    ),
    # A coin between two numbers: neither discrete nor continuous.
    "MixedColumns": Case(
        lambda d: lb.MixedColumns([lb.Bernoulli(1), lb.DiagonalGaussian(2)], columns=[[1], [0, 2]]),
        5,
        mixed,
        lambda x: each(stats.norm())(x[..., ::2]) + np.log(0.5),
        event=3,
        grid=grid_of_mixed,
    ),
    "Categorical": Case(
        partial(lb.Categorical, levels=4), 4 * D, by_dimension(categorical), each(stats.randint(0, 4))
    ),
    "Ordinal": Case(
        partial(lb.Ordinal, levels=4),
        2 * D,
        ordinal(-np.log(3), 0.0, np.log(3)),
        each(stats.randint(0, 4)),
    ),
}
