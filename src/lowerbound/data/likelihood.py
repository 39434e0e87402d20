"""What kind of data rows are, and so which likelihood they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from lowerbound.data.columns import Column
from lowerbound.data.defaults import WINDOW
from lowerbound.data.schema import Schema
from lowerbound.distributions.support import range_of
from lowerbound.families.cut import with_what_is_cut
from lowerbound.families.family import Family
from lowerbound.families.fitted import FEW, Fitted, Found, Image
from lowerbound.families.masking import masked
from lowerbound.models.transforms import Dequantization, Identity, Standardization, Threshold, Transform
from lowerbound.parts import Missed, default, kebab, names, part
from lowerbound.randomness.keys import as_key

__all__ = ["Choice", "automatic", "by_columns", "choose", "choose_by_columns"]

# Numbers that a network of tokens is given from z at each place.
_CONTEXT = 64


@dataclass(frozen=True)
class Choice:
    """A likelihood's family, how the model sees a row, and why, in words.

    `start` is the vector of the family's member that comes near the columns without a latent variable, where
    the family's standard member does not: what a decoder does well to put out at first.
    """

    family: Family
    transform: Transform
    words: str
    start: np.ndarray | None = None

    @property
    def unbounded_counts(self) -> bool:
        """Whether the likelihood is of counts without an end, however large."""
        span = range_of(self.family.support)
        return span is not None and span.whole and span.high == np.inf


def choose(
    x: np.ndarray,
    likelihood: str = default("likelihood"),
    binarize: str | None = None,
    *,
    missing: bool = False,
    image: Image | None = None,
    of_all: tuple[np.ndarray, np.ndarray] | None = None,
) -> Choice:
    """The likelihood for the rows of `x`, (n, d); where they are a sample, `of_all` are the mean and the
    standard deviation of each column of all rows.

    `auto`: 0 and 1 → Bernoulli; whole numbers from 0 to at most 64 → BetaBinomial where the rows show that
    they end at the greatest ([`ended`][lowerbound.families.fitted.Found.ended]), else NegativeBinomial; rows
    that are known to be an `image` of 8 bits → DiscretizedLogistic with a scale from z; other numbers →
    Gaussian with a learned scale a column, standardised. `binarize` makes grey values 0 or 1 (`dynamic`,
    `static`, `threshold`). With `missing`, NaN stands for a value that was not observed, and what is said of
    the data is said of the others.

    **Raises:** `ValueError` for an unknown name, with the nearest; where a likelihood that is not of
    independent columns is to take missing values; where no value was observed; for `continuous-bernoulli`
    of values that are neither from 0 to 1 nor 8-bit images. Values that the likelihood has no mass on are
    refused when rows are read ([`lowerbound.data.inside.check_support`][]).

    >>> choose(np.array([[0, 1], [1, 1]])).words
    'values are 0 and 1: Bernoulli'
    >>> choose(np.array([[0, 900], [12, 0]]), "negative-binomial").words
    'whole numbers from 0 to 900: NegativeBinomial'
    """
    kind = part(likelihood, "likelihood")
    found = Found.of(x, missing, image, of_all)
    if binarize is not None:
        bits = part("bits", "columns")
        if kind not in (automatic, bits):
            named = kebab(bits.__name__)
            raise ValueError(f"binarize: goes with the likelihood {named}, found {likelihood}")
        transform = _binarization(binarize, found)
        words = f"{binarize} binarisation: {bits.title()}"
        return Choice(found.family(bits), transform, words, start=found.logits(found.white))
    if kind is automatic:
        return automatic(found)
    if missing and not kind.independent:
        able = [
            name for name in names("likelihood") if name != "auto" and part(name, "likelihood").independent
        ]
        raise ValueError(
            f"missing: {likelihood} takes no missing values, its columns are not independent given z; take "
            f"one of {', '.join(able)}"
        )
    return _chosen(kind.fitted(found), found)


def automatic(found: Found) -> Choice:
    """The likelihood that columns ask for, where none is named: by the least value, the greatest, and whether
    all are whole."""
    if found.counts and found.high <= 1:
        bits = part("bits", "columns")
        return replace(_chosen(bits.fitted(found), found), words=f"values are 0 and 1: {bits.title()}")
    if found.counts and found.high <= FEW:
        if found.ended:
            return _chosen(part("few-counts", "columns").fitted(found), found)
        choice = _chosen(part("counts", "columns").fitted(found), found)
        return replace(choice, words=choice.words.replace(":", ", no upper end seen:", 1))
    if found.grey:
        choice = _chosen(part("grey", "columns").fitted(found), found)
        ways_out = f"binarize makes it {part('bits', 'columns').title()}"
        return replace(choice, words=f"8-bit {found.image}, {choice.words} ({ways_out})")
    choice = _chosen(part("numbers", "columns").fitted(found), found)
    if found.counts and found.x.dtype.kind in "iu":
        named = kebab(part("counts", "columns").__name__)
        return replace(choice, words=f"{choice.words}; for counts take {named}")
    return choice


def by_columns(x: np.ndarray, schema: Schema, *, missing: bool = False) -> bool:
    """Whether each column of a table's encoded rows is to be modelled by its own kind: those of several kinds
    ([`mixed`][lowerbound.data.schema.Schema.mixed]), and few counts that end each at its own greatest, of
    which one number of trials fits none. With `missing`, NaN stands for a value that was not observed.

    >>> grades = np.array([[0, 5, 20], [4, 3, 11], [4, 5, 20], [3, 1, 7]])
    >>> by_columns(grades, Schema.of(grades)), by_columns(grades[:, :1], Schema.of(grades[:, :1]))
    (True, False)
    """
    if schema.mixed or schema.wide:
        return schema.mixed
    found = Found.of(x, missing)
    return found.counts and 1 < found.high <= FEW and found.ended_apart


def choose_by_columns(
    x: np.ndarray,
    columns: Sequence[Column],
    *,
    missing: bool = False,
    missed: Missed | None = None,
    window: int = WINDOW,
    key: PRNGKeyArray | int = 0,
) -> Choice:
    """The likelihood for the encoded rows of a table whose columns are of several kinds: a family for each
    kind; `columns` are those of each place of a row ([`placed`][lowerbound.data.schema.Schema.placed]). Text
    as tokens is a sequence of its own, each token given its place and those before it by a network that sees
    the last `window`, whose weights begin by `key`: what is further back is known through z alone, so that z
    is used. A category is one of its levels, in their order where they have one, 0 and 1 a coin, and a number
    of any distribution; log p(x) is a mass on these, on whole and on rounded numbers, and a density on other
    numbers. With `missed`, which numbers are missing more often, the mask is part of the family of numbers
    and of coins; a level is missing at random.

    >>> from lowerbound.data.schema import Schema
    >>> import pyarrow
    >>> table = pyarrow.table({"color": ["red", "blue"] * 8, "mass": np.linspace(0.5, 1.0, 16)})
    >>> schema = Schema.of(table)
    >>> choose_by_columns(schema.encode(table), schema.placed).words
    'columns of several kinds: Categorical (1), FreeForm (1)'
    """
    kinds = [_kind_of(column, x[:, place], missed) for place, column in enumerate(columns)]
    # In one order, those of one family and as many levels together.
    blocks = {
        kind: np.asarray([place for place, other in enumerate(kinds) if other == kind])
        for kind in dict.fromkeys(kinds)
    }
    fits = {}
    for kind, places in blocks.items():
        found = Found.of(x[:, places], missing)
        if kind.alone is not None:
            fits[kind] = _sequences(kind, found, window, jax.random.fold_in(as_key(key), int(places[0])))
        else:
            fits[kind] = _fitted_by_kind(kind, found, [columns[place] for place in places], missed)
    mixed = part("several", "columns")(
        [f.family for f in fits.values()], [b.tolist() for b in blocks.values()]
    )
    starts = [f.family.size * [0.0] if f.start is None else f.start for f in fits.values()]
    numbers: dict[str, int] = {}
    for kind, fitted in fits.items():
        title = fitted.family.title()
        of_kind = {columns[place].name for place in blocks[kind]}
        numbers[title] = numbers.get(title, 0) + len(of_kind)
    said = ", ".join(f"{title} ({count})" for title, count in numbers.items())
    return Choice(mixed, Identity(), f"columns of several kinds: {said}", np.concatenate(starts))


class _Kind(NamedTuple):
    """What a column's family is called, of a category how many levels it has, whether numbers are in steps
    and have bins, and the column whose text, as tokens, is alone in its family."""

    name: str
    levels: int = 0
    in_steps: bool = False
    has_bins: bool = False
    alone: str | None = None


def _kind_of(column: Column, values: np.ndarray, missed: Missed | None) -> _Kind:
    if column.levels is not None:
        return _Kind("ordered-levels" if column.ordered else "levels", column.choices)
    if column.tokens is not None:
        return _Kind("sequences", column.choices, alone=column.name)
    if column.kind == "bit":
        return _Kind("bits")
    any_numbers = "any-numbers"
    in_steps = column.whole or column.kind == "rounded"
    has_bins = missed is None and part(any_numbers, "columns").has_bins(values)
    return _Kind(any_numbers, 0, in_steps, has_bins)


def _sequences(kind: _Kind, found: Found, window: int, key: PRNGKeyArray) -> Fitted:
    size = {"window": window, "length": found.columns}
    network = part("next-token", "columns")(kind.levels, found.columns * _CONTEXT, **size, key=key)
    return Fitted(part(kind.name, "columns")(network, found.columns, missing=found.missing))


def _fitted_by_kind(kind: _Kind, found: Found, columns: Sequence[Column], missed: Missed | None) -> Fitted:
    family = part(kind.name, "columns")
    if kind.levels:
        return family.fitted_to_levels(found, kind.levels)
    steps = tuple(10**column.decimals for column in columns) if kind.in_steps else None
    if missed is None:
        return family.fitted_by_column(found, steps) if kind.name == "any-numbers" else family.fitted(found)
    if kind.name == "any-numbers":
        whole = np.asarray(found.x, np.float64)
        if missed != "either":
            whole = np.stack([with_what_is_cut(column, missed) for column in whole.T], axis=1)
        fitted = family.fitted_smooth(whole, steps)
    else:
        fitted = family.fitted(found)
    return replace(fitted, family=masked(fitted.family, found.x, missed))


def _chosen(fitted: Fitted, found: Found) -> Choice:
    """The family with the transform that it asks for."""
    transform: Transform = Identity()
    if fitted.levels is not None:
        transform = Dequantization(fitted.levels)
    elif fitted.scale is not None:
        transform = Standardization(mean=jnp.asarray(fitted.shift), scale=jnp.asarray(fitted.scale))
    grey = f"8-bit {found.image}, " if fitted.levels is not None else ""
    words = f"{grey}{found.words}: {fitted.family.title()}{fitted.how}"
    return Choice(fitted.family, transform, words, fitted.start)


def _binarization(name: str, found: Found) -> Transform:
    kind = part(name, "binarize")
    if found.low < 0 or found.white <= 0:
        raise ValueError(f"binarize: expected grey values from 0, found {found.low:g} to {found.high:g}")
    transform: Transform = kind(found.white / 2 if kind is Threshold else found.white)
    return transform
