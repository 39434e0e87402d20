"""What the contract looks at, computed once for each row of the table: a few compiled programs a family.

Keys are as the library makes them, of a kind that not all of JAX's samplers take.
"""

from functools import cache, partial
from itertools import pairwise
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import lowerbound as lb
from lowerbound.distributions.kinds import sample_with_log_prob
from lowerbound.distributions.support import range_of
from lowerbound.randomness.keys import as_key

from .table import D

EXTREME_DRAWS = 4

# Every program runs once: it is translated fast, and not made fast.
compiled = partial(eqx.filter_jit, compiler_options={"xla_backend_optimization_level": 0})


@cache
def family(case):
    """In float32."""
    return case.make(D)


def is_discrete(case):
    return bool(family(case).support.is_discrete)


def exact(case):
    """The first 200 draws as events of float64."""
    return case.onto(drawn(case).z[:200].astype(np.float64))


def extremes(case):
    """Parameter vectors of ±10, ±50 for a discrete family, and zeros among them."""
    bound = 50.0 if is_discrete(case) else 10.0
    mixed = np.random.default_rng(0).choice([-bound, 0.0, bound], size=(12, case.size))
    return np.vstack([np.full(case.size, bound), np.full(case.size, -bound), mixed]).astype(np.float32)


def levels(case):
    """The values that have all the mass of a discrete family's dimension."""
    low, high = range_of(family(case).support)[:2]
    last = max(law.ppf(1 - 1e-13) for law in case.truth.laws) if np.isinf(high) else high
    return np.arange(low, last + 1)


def others(case):
    """Three parameter vectors more, of no extreme numbers."""
    return np.random.default_rng(2).normal(size=(3, case.size)).astype(np.float32)


def _summed(case, z):
    """A bounded smooth function, Σₖ σ(aₖ·z)."""
    directions = jnp.eye(case.event) if case.directions is None else jnp.asarray(case.directions, float)
    return jax.nn.sigmoid(directions @ z).sum()


@cache
def drawn(case):
    """In float32, one draw a row: z and log q(z) in one pass, and the gradient of Σₖ σ(aₖ·z) along the path;
    the first rows at the parameters of the table, the last at the extremes."""

    @compiled
    def program(family, V, keys):
        def at_sample(v, key):
            z, log_q = sample_with_log_prob(family(v), key)
            return _summed(case, z), (z, log_q)

        def row(v, key):
            if not family(v).has_rsample:
                return *at_sample(v, key)[1], jnp.zeros_like(v)
            (_, drawn), gradient = jax.value_and_grad(at_sample, has_aux=True)(v, key)
            return *drawn, gradient

        return jax.vmap(row)(V, keys)

    ends = extremes(case).repeat(EXTREME_DRAWS, axis=0)
    V = np.concatenate([np.tile(case.parameters, (case.draws, 1)), ends])
    rows = program(family(case), jnp.asarray(V), jax.random.split(as_key(1), len(V)))
    z, log_q, gradient = map(np.asarray, rows)
    n = case.draws
    return SimpleNamespace(
        z=z[:n],
        log_q=log_q[:n],
        gradient=gradient[:n],
        extreme_v=V[n:],
        extreme_z=z[n:],
        extreme_gradient=gradient[n:],
    )


@cache
def scoring(case):
    """The program of log q(z) and its gradients in v and, where z is continuous, in z, of rows of v and z."""
    arguments = 0 if is_discrete(case) else (0, 1)

    @compiled
    def program(family, V, X):
        log_prob = lambda v, x: family(v).log_prob(x)  # noqa: E731
        log_prob, gradients = jax.vmap(jax.value_and_grad(log_prob, arguments))(V, X)
        return log_prob, jnp.concatenate(jax.tree.leaves(gradients), axis=-1)

    return program


# Values that go outwards, further than any row that a network was trained on.
OF_REALS = (1.0, 1e6, 1e20, 3e38)
OF_COUNTS = (1e4, 1e6, 1e9, 1e12, 3e38)
ABOVE = (1.0, 1e6, 1e20, 1e30, 3e38)
BELOW = (1e-30, 1e-37, 1e-38, 0.0)


def tails(case):
    """Events that go outwards, a tail after another; of a bounded event, draws."""
    span = range_of(family(case).support)
    if isinstance(family(case), lb.MixedColumns):  # a coin between two numbers
        return [np.array([[s * a, 0.0, a] for a in OF_REALS]) for s in (1, -1)]
    if span is None:
        return [drawn(case).z[:3]]
    if np.isinf(span.low):
        values = [[s * a for a in OF_REALS] for s in (1, -1)]
    elif np.isinf(span.high):
        values = [OF_COUNTS] if span.whole else [ABOVE, BELOW]
    else:
        values = [[span.high], [span.low]] if span.whole else [[1 - 2.0**-24, 1.0], BELOW]
    return [np.repeat(np.array(tail)[:, None], case.event, axis=1) for tail in values]


def beyond_reason(case):
    """Parameter vectors as a network puts them out that never saw such a row: zeros and ±10 in the first
    seven, then ±30 and ±1e4, alike and mixed."""
    rng = np.random.default_rng(4)
    vectors = [np.zeros(case.size)]
    for bound in (10.0, 30.0, 1e4):
        vectors += [np.full(case.size, bound), np.full(case.size, -bound)]
        vectors += list(rng.choice([-bound, 0.0, bound], size=(4, case.size)))
    return np.array(vectors)


@cache
def rows(case):
    """What is scored: the draws; the draws under the standard member; draws under other parameters; draws at
    extreme parameters, there also the extreme events of a discrete family; and events far out."""
    found, far, out = drawn(case), beyond_reason(case), np.concatenate(tails(case))
    groups = {
        "own": (np.tile(case.parameters, (case.draws, 1)), found.z),
        "standard": (np.zeros((case.draws, case.size)), found.z),
        "other": (others(case), found.z[:3]),
        "extreme": (found.extreme_v, found.extreme_z),
        "far": (far.repeat(len(out), axis=0), np.tile(out, (len(far), 1))),
    }
    if is_discrete(case) and range_of(family(case).support) is not None:
        low, high = levels(case)[[0, -1]]
        corners = np.array([[low, low], [low, high], [high, low]])
        ends = extremes(case)
        groups["corner"] = ends.repeat(3, axis=0), np.tile(corners, (len(ends), 1))
    starts = np.cumsum([0, *(len(v) for v, _ in groups.values())])
    slices = {name: slice(*ends) for name, ends in zip(groups, pairwise(starts), strict=True)}
    V, X = (np.concatenate(parts).astype(np.float32) for parts in zip(*groups.values(), strict=True))
    return slices, jnp.asarray(V), jnp.asarray(X)


@cache
def scored(case):
    """In float32, log q(z) and its gradients for each group of rows."""
    slices, V, X = rows(case)
    log_prob, gradient = map(np.asarray, scoring(case)(family(case), V, X))
    return {name: SimpleNamespace(log_prob=log_prob[s], gradient=gradient[s]) for name, s in slices.items()}


@cache
def stated(case):
    """In float32: draws by `sample_shape`; mean and variance, which a flow has by draws alone and sequences
    do not have; and the divergence from the standard member, `None` where it has no closed form."""

    @compiled
    def program(family, v, key):
        q, p = family(v), family(jnp.zeros_like(v))
        try:
            divergence = lb.kl_divergence(q, p)
        except NotImplementedError:
            divergence = None
        without = case.reference is None or isinstance(family, lb.Autoregressive)
        mean, variance = (None, None) if without else (q.mean, q.variance)
        return {
            "z": q.sample(key, (case.draws,)),
            "mean": mean,
            "variance": variance,
            "divergence": divergence,
            "point": family.point(v),
        }

    found = program(family(case), jnp.asarray(case.parameters), as_key(3))
    return SimpleNamespace(**jax.tree.map(np.asarray, found))


@cache
def in_float64(case):
    """The log-density of the first 200 draws, at the parameters of the table and at zeros; the integral of
    the density over a whole dimension, or over the whole event; and the types of a sample and its
    log-density."""
    events = exact(case)
    with jax.enable_x64(True):
        v = jnp.asarray(case.parameters, jnp.float64)
        x = jnp.asarray(events)

        @compiled
        def program(family, V, x, quadrature):
            log_prob = jax.vmap(lambda v: family(v).log_prob(x))(V)
            whole, rows, points, weights = quadrature
            return log_prob, jax.vmap(lambda v: jnp.exp(whole(v).log_prob(points)) @ weights)(rows)

        made, key = case.make(D), as_key(0)
        types = eqx.filter_eval_shape(lambda family, v: sample_with_log_prob(family(v), key), made, v)
        log_prob, total = program(made, jnp.stack([v, jnp.zeros_like(v)]), x, _quadrature(case))
        dtypes = tuple(type.dtype for type in types)
        return SimpleNamespace(log_prob=np.asarray(log_prob), total=total, dtypes=dtypes)


def _quadrature(case):
    """The family whose density is integrated, its parameters, and points and weights for them."""
    v = jnp.asarray(case.parameters, jnp.float64)
    if case.grid is not None:
        points, weights = case.grid(case.truth if case.reference else None)
        return case.make(D), v[None], jnp.asarray(points), jnp.asarray(weights)
    # The numbers of each dimension alone.
    rows = v.reshape(-1, D).T
    points, weights = _whole_dimension(case)
    return case.make(1), rows, jnp.asarray(points)[:, None], jnp.asarray(weights)


def _whole_dimension(case):
    """Points x(t) of equally spaced t, and x′(t) dt, from end to end of a dimension."""
    if is_discrete(case):
        return levels(case), np.ones(len(levels(case)))
    low, high = range_of(case.make(1).support)[:2]
    t = np.linspace(-60, 60, 40_001)
    step = t[1] - t[0]
    if np.isinf(low):
        return np.sinh(t), np.cosh(t) * step
    if np.isinf(high):
        return low + np.exp(t), np.exp(t) * step
    u, rest = 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))
    return low + (high - low) * u, (high - low) * u * rest * step


@cache
def missing(case):
    """Of a family with `missing=True`, in float32: log q and its gradients of an event whose second number,
    and of one whose every number, was not observed; and log q of the first number alone."""

    @compiled
    def program(family, single, v, x):
        log_prob = lambda v, x: family(v).log_prob(x)  # noqa: E731
        events = jnp.stack([x.at[1:].set(jnp.nan), jnp.full_like(x, jnp.nan)])
        arguments = 0 if is_discrete(case) else (0, 1)
        log_prob, gradients = jax.vmap(jax.value_and_grad(log_prob, arguments), (None, 0))(v, events)
        return log_prob, jax.tree.leaves(gradients), single(v[::D]).log_prob(x[:1])

    v, x = jnp.asarray(case.parameters), jnp.asarray(drawn(case).z[0], float)
    return jax.tree.map(np.asarray, program(case.make(D, missing=True), case.make(1), v, x))


def outside(case):
    """Events that are not in the support."""
    if case.outside:
        return [np.array(event) for event in case.outside]
    support = family(case).support
    inside = drawn(case).z[0]
    span = range_of(support)
    if span is None:  # simplex, sphere, and columns with a coin among them
        return [np.full(case.event, np.nan), np.full(case.event, 2.0)]
    values = [np.nan]
    values += [span.low - 1] if np.isfinite(span.low) else []
    values += [span.high + 1] if np.isfinite(span.high) else []
    values += [span.low + 0.5] if span.whole else []
    return [np.append(inside[:-1], value) for value in values]
