"""Supports: the sets that events lie in, compared and put into words."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

__all__ = ["OrMissing", "Range", "measure", "range_of", "same_support", "words"]


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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrMissing) and self.each == other.each

    __hash__ = None  # type: ignore[assignment]  # NumPyro's constraints with content have none either

    def feasible_like(self, prototype: Array) -> Array:
        return self.each.feasible_like(prototype)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.each,), (("each",), {})


def measure(support: Constraint) -> str:
    """The measure in which a density over `support` is stated.

    >>> import lowerbound as lb
    >>> measure(lb.Bernoulli(3).support), measure(lb.DiagonalGaussian(3).support)
    ('counting', 'Lebesgue')
    """
    return "counting" if support.is_discrete else "Lebesgue"


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
    low, high = getattr(each, "lower_bound", None), getattr(each, "upper_bound", None)
    if low is None and high is None:
        return None
    name = type(each).__name__.lstrip("_")
    return Range(
        float(np.min(low)) if low is not None else -np.inf,
        float(np.max(high)) if high is not None else np.inf,
        whole=bool(each.is_discrete),
        open_low=name in ("Positive", "GreaterThan", "OpenInterval", "SoftplusPositive"),
        open_high=name in ("LessThan", "OpenInterval"),
    )


def same_support(a: Constraint, b: Constraint) -> bool:
    """Whether two supports are one set, up to their ends: of densities (0, 1) and [0, 1] are the same.

    >>> same_support(constraints.positive, constraints.nonnegative)
    True
    >>> same_support(constraints.positive, constraints.real)
    False
    """
    if a == b:
        return True
    first, second = range_of(a), range_of(b)
    if first is None or second is None:
        return _each(a) == _each(b)
    return first[:3] == second[:3]


def words(support: Constraint) -> str:
    """The set in plain words.

    >>> words(constraints.unit_interval), words(constraints.positive), words(constraints.boolean)
    ('numbers from 0 to 1', 'numbers above 0', 'values in {0, 1}')
    """
    each = _each(support)
    if each is constraints.boolean:
        return "values in {0, 1}"
    span = range_of(each)
    if span is None:
        return {"Simplex": "vectors that sum to 1", "Sphere": "unit vectors"}.get(
            type(each).__name__.lstrip("_"), type(each).__name__
        )
    kind = "whole numbers" if span.whole else "numbers"
    if span.low == -np.inf and span.high == np.inf:
        return f"real {kind}"
    if span.high == np.inf:
        return f"{kind} {'above' if span.open_low else 'from'} {span.low:g}"
    return f"{kind} from {span.low:g} to {span.high:g}"


def _each(support: Constraint) -> Constraint:
    """The constraint of a single dimension, without the marker that a value may be missing."""
    while True:
        if isinstance(support, OrMissing):
            support = support.each
        elif hasattr(support, "base_constraint"):
            support = support.base_constraint
        else:
            return support
