"""Supports: the sets that events lie in, compared and put into words."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.sequences import Sequences

__all__ = [
    "Columns",
    "OrMissing",
    "Range",
    "SimplexBlocks",
    "Stacked",
    "Steps",
    "masses",
    "measure",
    "range_of",
    "same_support",
    "takes_missing",
    "words",
]


class Range(NamedTuple):
    """The values that each dimension of an event may take: between `low` and `high`, `whole` numbers or
    all. `open_low` and `open_high` say whether an end itself is outside."""

    low: float
    high: float
    whole: bool
    open_low: bool = False
    open_high: bool = False


class OrMissing(Constraint):
    """The values of `each`, or NaN for a value that was not observed."""

    def __init__(self, each: Constraint):
        self.each = each
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return bool(self.each.is_discrete)

    def __call__(self, x: Array) -> Array:
        return jnp.isnan(x) | self.each(x)

    def eq(self, other: object, static: bool = False) -> ArrayLike:
        return isinstance(other, OrMissing) and self.each.eq(other.each, static)

    def feasible_like(self, prototype: Array) -> Array:
        return self.each.feasible_like(prototype)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.each,), (("each",), {})


class Steps(Constraint):
    """Numbers in steps, of which there are so many to 1 in each column, 1 of whole numbers; as exactly as
    float32 has them."""

    is_discrete = True

    def __init__(self, to_1: tuple[int, ...]):
        self.to_1 = to_1
        super().__init__()

    def __call__(self, x: Array) -> Array:
        counted = x * np.asarray(self.to_1, np.float32)
        return jnp.abs(counted - jnp.rint(counted)) <= 1e-3 + 1e-6 * jnp.abs(counted)

    def eq(self, other: object, static: bool = False) -> ArrayLike:
        return isinstance(other, Steps) and self.to_1 == other.to_1

    def feasible_like(self, prototype: Array) -> Array:
        return jnp.zeros_like(prototype)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (), ((), {"to_1": self.to_1})


class _Blocks(Constraint):
    """Vectors in blocks: pairs of a support and where in a vector its values stand."""

    event_dim = 1
    blocks: tuple[tuple[Constraint, Any], ...]

    @property
    def is_discrete(self) -> bool:
        return all(support.is_discrete for support, _ in self.blocks)

    def eq(self, other: object, static: bool = False) -> ArrayLike:
        return (
            isinstance(other, _Blocks)
            and type(other) is type(self)
            and len(self.blocks) == len(other.blocks)
            and all(
                n == m and same_support(a, b)
                for (a, n), (b, m) in zip(self.blocks, other.blocks, strict=True)
            )
        )


class Stacked(_Blocks):
    """Blocks of dimensions, each with a support of its own: pairs of a support and its dimensions."""

    def __init__(self, *blocks: tuple[Constraint, int]):
        self.blocks = blocks
        super().__init__()

    def __call__(self, x: Array) -> Array:
        ends = np.cumsum([size for _, size in self.blocks])[:-1]
        parts = jnp.split(x, ends, axis=-1)
        inside = [support(part) for (support, _), part in zip(self.blocks, parts, strict=True)]
        return jnp.stack(inside, -1).all(-1)


class Columns(_Blocks):
    """Columns of different kinds: pairs of a support of vectors and the numbers of the columns that make up
    such a vector. Every column is in one pair."""

    def __init__(self, *blocks: tuple[Constraint, tuple[int, ...]]):
        self.blocks = blocks
        super().__init__()

    def __call__(self, x: Array) -> Array:
        inside = [support(x[..., np.asarray(columns)]) for support, columns in self.blocks]
        return jnp.stack(inside, -1).all(-1)

    def allowed(self, x: Array) -> Array:
        """Whether each value may stand in its column, of the shape of `x`; values whose columns hang
        together (simplex, sphere) are allowed or not together.

        >>> import numpy as np, lowerbound as lb
        >>> support = lb.MixedColumns([lb.Bernoulli(1), lb.DiagonalGaussian(1)]).support
        >>> support.allowed(np.array([[1.0, 0.5], [0.5, 0.5]])).tolist()
        [[True, True], [False, True]]
        """
        inside = jnp.zeros(jnp.shape(x), bool)
        for support, columns in self.blocks:
            index = np.asarray(columns)
            each = support.base_constraint if isinstance(support, constraints.independent) else support
            block = x[..., index]
            fits = each(block) if each.event_dim == 0 else each(block)[..., None]
            inside = inside.at[..., index].set(jnp.broadcast_to(fits, jnp.shape(block)))
        return inside


class SimplexBlocks(Constraint):
    """Vectors made of blocks of `levels` numbers from 0 to 1, each block of sum 1 (to 1e-5).

    >>> import jax.numpy as jnp
    >>> bool(SimplexBlocks(2)(jnp.array([0.1, 0.9, 0.5, 0.5])))
    True
    """

    event_dim = 1
    is_discrete = False

    def __init__(self, levels: int):
        self.levels = levels
        super().__init__()

    def __call__(self, x: Array) -> Array:
        if x.shape[-1] % self.levels:
            return jnp.zeros(x.shape[:-1], bool)
        blocks = x.reshape(*x.shape[:-1], -1, self.levels)
        return ((blocks >= 0).all(-1) & (abs(blocks.sum(-1) - 1) < 1e-5)).all(-1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SimplexBlocks) and self.levels == other.levels

    def __hash__(self) -> int:
        return hash((SimplexBlocks, self.levels))

    def __repr__(self) -> str:
        return f"SimplexBlocks({self.levels})"

    def feasible_like(self, prototype: Array) -> Array:
        return jnp.full_like(prototype, 1 / self.levels)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (), ((), {"levels": self.levels})


def measure(support: Constraint) -> str:
    """The measure in which a density over `support` is stated.

    >>> import lowerbound as lb
    >>> measure(lb.Bernoulli(3).support), measure(lb.DiagonalGaussian(3).support)
    ('counting', 'Lebesgue')
    >>> measure(lb.PowerSpherical(3).support), measure(lb.Dirichlet(3).support)
    ('Hausdorff', 'Lebesgue')
    >>> measure(lb.MixedColumns([lb.Bernoulli(1), lb.DiagonalGaussian(2)]).support)
    'mixed (counting for 1 column, Lebesgue for 2)'
    """
    if isinstance(support, Columns):
        return _mixed_measure(support)
    if support is constraints.sphere:
        return "Hausdorff"
    return "counting" if support.is_discrete else "Lebesgue"


def masses(support: Constraint, dimensions: int) -> Bool[np.ndarray, " d"]:
    """On which of so many dimensions a distribution over `support` is a mass.

    >>> import lowerbound as lb
    >>> masses(lb.MixedColumns([lb.DiagonalGaussian(1), lb.Bernoulli(1)]).support, 2).tolist()
    [False, True]
    """
    if not isinstance(support, Columns):
        return np.full(dimensions, bool(support.is_discrete))
    found = np.zeros(dimensions, bool)
    for block, columns in support.blocks:
        found[list(columns)] = block.is_discrete
    return found


def _mixed_measure(support: Columns) -> str:
    """That of the blocks where they agree; else how many columns there are of each."""
    count: dict[str, int] = {}
    for block, columns in support.blocks:
        count[measure(block)] = count.get(measure(block), 0) + len(columns)
    if len(count) == 1:
        return next(iter(count))
    (first, n), *rest = sorted(count.items(), key=lambda item: item[0].lower())
    others = "".join(f", {name} for {m}" for name, m in rest)
    return f"mixed ({first} for {n} column{'s' * (n > 1)}{others})"


# NumPyro's constraints that have an end below, and above.
_BETWEEN = (constraints.interval, constraints.integer_interval)
_FROM_BELOW = (*_BETWEEN, constraints.greater_than, constraints.integer_greater_than)
_FROM_ABOVE = (*_BETWEEN, constraints.less_than)
# NumPyro derives those that hold their end from these.
_OPEN_BELOW = (constraints.open_interval, constraints.greater_than)
_OPEN_ABOVE = (constraints.open_interval, constraints.less_than)


def range_of(support: Constraint) -> Range | None:
    """The range of each dimension, or `None` where dimensions hang together (simplex, sphere) or differ.

    >>> range_of(constraints.positive)
    Range(low=0.0, high=inf, whole=False, open_low=True, open_high=False)
    """
    each = _each(support)
    if each is constraints.real:
        return Range(-np.inf, np.inf, whole=False)
    if each is constraints.boolean:
        return Range(0.0, 1.0, whole=True)
    if not isinstance(each, _FROM_BELOW + _FROM_ABOVE):
        return None
    return Range(
        float(np.min(each.lower_bound)) if isinstance(each, _FROM_BELOW) else -np.inf,
        float(np.max(each.upper_bound)) if isinstance(each, _FROM_ABOVE) else np.inf,
        whole=bool(each.is_discrete),
        open_low=isinstance(each, _OPEN_BELOW) and not isinstance(each, constraints.greater_than_eq),
        open_high=isinstance(each, _OPEN_ABOVE) and not isinstance(each, constraints.less_than_eq),
    )


def same_support(a: Constraint, b: Constraint) -> bool:
    """Whether two supports are one set, up to their ends: of densities (0, 1) and [0, 1] are the same.

    >>> same_support(constraints.positive, constraints.nonnegative)
    True
    >>> same_support(constraints.positive, constraints.real)
    False

    Ends that are still being computed are taken for agreeing.
    """
    if a is b or _is_traced(a) or _is_traced(b):
        return True
    first, second = range_of(a), range_of(b)
    if first is None or second is None:
        return _each(a) == _each(b)
    return first[:3] == second[:3]


def takes_missing(support: Constraint) -> bool:
    """Whether NaN, a value that was not observed, is in the set.

    >>> takes_missing(OrMissing(constraints.real)), takes_missing(constraints.real)
    (True, False)
    """
    if isinstance(support, constraints.independent):
        return takes_missing(support.base_constraint)
    return isinstance(support, OrMissing)


def words(support: Constraint) -> str:
    """The set in plain words.

    >>> words(constraints.unit_interval), words(constraints.positive), words(constraints.boolean)
    ('numbers from 0 to 1', 'numbers above 0', 'values in {0, 1}')
    """
    each = _each(support)
    if isinstance(each, Columns):
        return " and ".join(
            f"{words(block)} in {len(columns)} column{'s' * (len(columns) > 1)}"
            for block, columns in each.blocks
        )
    if each is constraints.boolean:
        return "values in {0, 1}"
    if each is constraints.simplex:
        return "vectors that sum to 1"
    if each is constraints.sphere:
        return "unit vectors"
    if isinstance(each, Steps):
        return "numbers in steps"
    if isinstance(each, SimplexBlocks):
        return "blocks that sum to 1"
    if isinstance(each, Sequences):
        return f"sequences of whole numbers below {each.vocabulary}, with nothing but 0 behind a 0"
    span = range_of(each)
    if span is None:
        return type(each).__name__.lstrip("_")
    kind = "whole numbers" if span.whole else "numbers"
    if span.low == -np.inf and span.high == np.inf:
        return f"real {kind}"
    if span.high == np.inf:
        return f"{kind} {'above' if span.open_low else 'from'} {span.low:g}"
    return f"{kind} from {span.low:g} to {span.high:g}"


def _is_traced(support: Constraint) -> bool:
    each = _each(support)
    ends = [each.lower_bound] if isinstance(each, _FROM_BELOW) else []
    ends += [each.upper_bound] if isinstance(each, _FROM_ABOVE) else []
    return any(isinstance(end, jax.core.Tracer) for end in ends)


def _each(support: Constraint) -> Constraint:
    """The constraint of a single dimension, without the marker that a value may be missing."""
    while True:
        if isinstance(support, OrMissing):
            support = support.each
        elif isinstance(support, constraints.independent):
            support = support.base_constraint
        else:
            return support
