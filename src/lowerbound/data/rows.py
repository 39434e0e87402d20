"""Rows: data that were looked at once for the model that they are handed to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.data.chunks import CHUNK, seen
from lowerbound.data.errors import DataError, Place
from lowerbound.data.inside import any_outside, check_support
from lowerbound.data.mapped.sketch import Sketch
from lowerbound.data.numbers import as_rows, numbered_blocks
from lowerbound.data.pieces import is_mapped
from lowerbound.data.tables import as_table
from lowerbound.distributions.support import Columns, OrMissing, range_of, same_support
from lowerbound.models.latent_model import Event, LatentModel
from lowerbound.models.once import once_a_model
from lowerbound.models.transforms import Identity, Transform

if TYPE_CHECKING:
    from lowerbound.data.schema import Schema

__all__ = [
    *("Asked", "Rows", "checked", "conditions", "conditions_for"),
    *("in_own_units", "padded_size", "rows_outside", "with_mass"),
]


@dataclass(frozen=True)
class Asked:
    """What a model asks of rows: the event that a row is to it, seen through a transform, and whether NaN
    stands for a value that was not observed."""

    event: Event
    transform: Transform
    missing: bool

    @classmethod
    def by(cls, model: LatentModel, given: Any = None, name: str = "x") -> Asked:
        """What `model` asks, whose first condition is `given`.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a condition that is not as wide as
        the parts are made for.
        """
        if given is None:
            return _asked(model)
        try:
            event = model.event(jnp.asarray(given))
        except (TypeError, IndexError) as error:
            found = f"one of {given.size} value{'s' * (given.size != 1)}"
            source, expected = f"the condition of {name}", "one that the model's parts are made for"
            raise DataError(source, expected, found, way_out=str(error)) from None
        return cls(event, model.transform, model.takes_missing)

    def same_as(self, other: Asked) -> bool:
        """Whether rows that were checked for the one are for the other."""
        return (
            (self.event.shape, self.missing) == (other.event.shape, other.missing)
            and same_support(self.event.support, other.event.support)
            and (self.transform is other.transform or bool(eqx.tree_equal(self.transform, other.transform)))
        )


@once_a_model
def _asked(model: LatentModel) -> Asked:
    return Asked(model.event(), model.transform, model.takes_missing)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of data, `x` of shape (n, d) in a small type of its own, with the condition of each, `given` of
    shape (n, c), where there is one; `asked` is what they were checked for.

    Every function that takes rows takes arrays, data frames or these. Rows that [`checked`][] gave for a
    model are not looked at again when they are handed to a function with that model, or one that asks the
    same. Rows that a schema encoded know it; `impossible` are the numbers of those that hold another value
    in a column that was constant: they have probability 0, and their log p(x) is −∞. In training a row counts
    by its `weight`, where there are some, and those of the numbers that are `kept_back`, which are sorted,
    have no part. Rows that are larger than memory are mapped from a file (`mapped`), and have a `sketch`.
    """

    x: np.ndarray
    given: np.ndarray | None = None
    asked: Asked | None = None
    schema: Schema | None = None
    impossible: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    weight: np.ndarray | None = None
    sketch: Sketch | None = None
    kept_back: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def mapped(self) -> bool:
        """Whether they lie in a file that is read as they are asked for."""
        return is_mapped(self.x)

    @property
    def taking_part(self) -> int:
        """How many are not kept back."""
        return len(self) - (0 if self.kept_back is None else len(self.kept_back))

    def sketched(self) -> Rows:
        """The same, of rows that are mapped with their sketch, which is made where it lacks."""
        return replace(self, sketch=Sketch.of(self.x)) if self.mapped and self.sketch is None else self

    def some(self) -> np.ndarray:
        """Rows to learn from that need not be all: those that are not kept back, or, of rows beyond memory,
        those of the sample."""
        if self.mapped:
            sketch = self.sketched().sketch
            assert sketch is not None
            return sketch.sample_without(self.kept_back)
        return self.x if self.kept_back is None else np.delete(self.x, self.kept_back, axis=0)

    def finite(self, missing: bool) -> bool:
        """Whether all values were seen to be finite numbers, or, with `missing`, NaN: when a schema encoded
        them, or for a model."""
        if self.asked is not None:
            return missing or not self.asked.missing
        return self.schema is not None and (missing or not self.schema.missing)

    def __getitem__(self, rows: Any) -> Rows:
        """Some of the rows, as well checked as they all are."""
        among = np.isin(np.arange(len(self))[rows], self.impossible) if len(self.impossible) else np.zeros(0)
        given = None if self.given is None else self.given[rows]
        weight = None if self.weight is None else self.weight[rows]
        some = replace(self, x=self.x[rows], given=given, weight=weight, sketch=None, kept_back=None)
        return replace(some, impossible=np.flatnonzero(among))

    def keeping_back(self, numbers: np.ndarray) -> Rows:
        """The same rows, of which those of these numbers have no part in training: as if they were left out,
        without a copy of the others.

        >>> Rows(np.zeros((4, 1))).keeping_back(np.array([3, 1])).kept_back.tolist()
        [1, 3]
        """
        return replace(self, kept_back=np.sort(numbers))

    def weighted(self, weight: Any) -> Rows:
        """The same rows, each with a weight, (n,), at least 0, relative to their mean: in training one of
        weight 2 counts as the row twice, also where it helps to choose the model, and one of weight 0 not at
        all. With `None` as they are.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for another number of weights than rows,
        for one that is negative or not finite, and where none is above 0.

        >>> Rows(np.zeros((2, 1))).weighted([1, 2]).weight.tolist()
        [1.0, 2.0]
        >>> Rows(np.zeros((2, 1))).weighted([1, -1])
        Traceback (most recent call last):
        ...
        lowerbound.data.errors.DataError: weight: expected finite numbers of at least 0, found -1.0 in row 1
        """
        if weight is None:
            return self
        weight = np.asarray(weight, np.float64)
        if weight.shape != (len(self),):
            raise DataError("weight", f"a number for each of {len(self)} rows", f"shape {weight.shape}")
        wrong = ~((weight >= 0) & np.isfinite(weight))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError("weight", "finite numbers of at least 0", str(weight[row]), Place(row))
        if not weight.any():
            raise DataError("weight", "a weight above 0 for some row", "zeros alone")
        return replace(self, weight=weight)


def checked(model: LatentModel, x: Any, given: Any = None, name: str = "x") -> Rows:
    """`x` and `given` as rows that `model` is made for; all of them are looked at, once.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for anything but finite numbers (NaN passes
    where the likelihood takes missing values); a width that is not the model's; values outside the
    transform's domain or, as the model sees them, the likelihood's support; conditions that are not one a
    row, or of another width than the parts are made for.

    >>> import jax, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> rows = checked(model, [[0, 1, 1, 0], [1, 0, 1, 1]])
    >>> len(rows), checked(model, rows) is rows
    (2, True)
    """
    before = None
    if model.schema is not None and not isinstance(x, Rows):
        x, given = model.schema.rows(x, given, name), None
    if isinstance(x, Rows):
        before, x, given = x, x.x, x.given if given is None else given
    missing = model.takes_missing
    if before is None or not before.finite(missing):
        x, _ = as_table(x, name, missing=missing)
    given = conditions(given, len(x), name)
    asked = Asked.by(model, None if given is None else given[0], name)
    if x.shape[1:] != asked.event.shape:
        (width,) = asked.event.shape
        raise DataError(name, f"rows of {width} values, as the likelihood is of", f"{x.shape[1]}")
    if before is not None and before.asked is not None and asked.same_as(before.asked):
        return before if given is before.given else replace(before, given=given)
    try:
        _check_seen(x, asked, name)
    except DataError as error:
        raise error if before is None or before.schema is None else before.schema.named_in(error) from None
    return Rows(x, given, asked) if before is None else replace(before, x=x, given=given, asked=asked)


def in_own_units(model: LatentModel, x: np.ndarray) -> np.ndarray:
    """Rows that a model gives, in the units of the table that it is of."""
    return x if model.schema is None else model.schema.in_own_units(x)


def conditions_for(model: LatentModel, given: Any, n: int, name: str) -> np.ndarray | None:
    """The [`conditions`][] of `n` of what is called `name`, of the width that the model's parts are made
    for."""
    given = conditions(given, n, name)
    if given is not None:
        Asked.by(model, given[0], name)
    return given


def conditions(given: Any, n: int, name: str = "x") -> np.ndarray | None:
    """The conditions of `n` rows called `name`, one a row, as an array of shape (n, c).

    >>> conditions([0.5, 1.0], 2).shape
    (2, 1)
    >>> conditions([0.5, 1.0], 3)
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: given: expected a condition for each of 3 rows of x, found 2
    """
    if given is None:
        return None
    given = np.asarray(given)
    given = as_rows(given[:, None] if given.ndim == 1 else given, f"the condition of {name}")
    if len(given) != n:
        expected = f"a condition for each of {n} row{'s' * (n != 1)} of {name}"
        raise DataError("given", expected, f"{len(given)}")
    return given


def _check_seen(x: np.ndarray, asked: Asked, name: str) -> None:
    """Whether all rows lie in the transform's domain and, behind it, in the support."""
    transform = asked.transform
    if isinstance(transform, Identity):
        check_support(x, asked.event.support, name)
        return
    if transform.domain is not constraints.real:  # which finite numbers are in
        domain = OrMissing(transform.domain) if asked.missing else transform.domain
        check_support(x, domain, name, of=type(transform).__name__)
    if not _always_inside(transform, asked.event.support):
        first = 0
        for y in seen(transform, x):
            check_support(y, asked.event.support, name, first=first)
            first += len(y)
    elif asked.missing and isinstance(asked.event.support, Columns):
        # What is left is a hole where a column is of a family that takes none.
        for first, block in numbered_blocks(x):
            holes = np.flatnonzero(np.isnan(block).any(1))
            for place, y in enumerate(seen(transform, block[holes]) if len(holes) else ()):
                check_support(y, asked.event.support, name, rows=first + holes[place * CHUNK :])


def _always_inside(transform: Transform, support: Constraint) -> bool:
    """Whether whatever the transform puts out lies in the support, so that no row need be seen for it."""
    to = range_of(transform.codomain)
    parts = [part for part, _ in support.blocks] if isinstance(support, Columns) else [support]
    return all(
        to is not None
        and (span := range_of(part)) is not None
        and span.low <= to.low
        and to.high <= span.high
        and not (span.open_low and to.low == span.low and not to.open_low and np.isfinite(span.low))
        and not (span.open_high and to.high == span.high and not to.open_high and np.isfinite(span.high))
        and (to.whole or not span.whole)
        for part in parts
    )


def rows_outside(model: LatentModel, x: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which rows of `x`, (n, d), lie where the model has no mass: outside the transform's domain or, as the
    model sees them, the likelihood's support. Their log p(x) is −∞.

    >>> from lowerbound.assembly import build
    >>> model = build(np.array([[0, 1], [1, 1]]), latent_dim=1, width=4).model
    >>> rows_outside(model, np.array([[0, 1], [2, 1]])).tolist()
    [False, True]
    """
    asked = Asked.by(model)
    domain = OrMissing(asked.transform.domain) if asked.missing else asked.transform.domain
    outside = np.zeros(len(x), bool)
    for first, block in numbered_blocks(x):
        own = any_outside(block, domain)
        inside = np.flatnonzero(~own)
        start = 0
        for y in seen(asked.transform, block[inside]) if len(inside) else ():
            own[inside[start : start + len(y)]] = any_outside(y, asked.event.support)
            start += len(y)
        outside[first : first + len(block)] = own
    return outside


def with_mass(
    model: LatentModel, rows: Rows, name: str = "x"
) -> tuple[Bool[np.ndarray, " n"], DataError | None]:
    """Which rows lie where the model has mass, such that no value of theirs is above the greatest that there
    may be, and what is wrong with the first of the others, whose log p(x) is −∞; None where there are none.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for what is wrong with all rows, and for a
    value that is missing to a model that takes none.

    >>> from lowerbound.assembly import build
    >>> model = build(np.array([[0, 1], [1, 1]]), latent_dim=1, width=4).model
    >>> inside, error = with_mass(model, Rows(np.array([[0, 1], [2, 1]])))
    >>> inside.tolist(), error.place.row
    ([True, False], 1)
    """
    try:
        checked(model, rows, name=name)
    except DataError as error:
        missing = np.isnan(rows.x).any() and not model.takes_missing
        if error.place.row is None or missing or not (outside := rows_outside(model, rows.x)).any():
            raise
        return ~outside, error
    return np.ones(len(rows), bool), None


def padded_size(n: int) -> int:
    """`n` rounded up by at most an eighth, so that data sets of about one size share a compiled program.

    >>> [padded_size(n) for n in (7, 1437, 60000)]
    [7, 1536, 61440]
    """
    grain = 1 << max(n.bit_length() - 4, 0)
    return -(-n // grain) * grain
