"""Columns that may be something else than what they are taken for: a person is asked about them."""

from __future__ import annotations

from collections.abc import Container, Iterator

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.named_kinds import TimeKind
from lowerbound.data.schema import Schema
from lowerbound.data.settled import holes_in
from lowerbound.data.tables import Columns
from lowerbound.data.times import TIME_WORDS, kind_of, parsed
from lowerbound.data.wording import LEFT_OUT
from lowerbound.distributions.marks import END

__all__ = ["doubts"]

# Of fewer rows numbers in order may be so by chance.
_ROWS = 20
# Of fewer places zeros may stand behind by chance; of the rows so many are looked at.
_PLACES, _LOOKED_AT = 4, 1000
_SEQUENCES = (
    "nothing but 0 follows the first 0 of a row: where rows are sequences of tokens, and not counts, take "
    "text (--kinds NAME=tokens), or a likelihood of sequences (see the page Sequences)"
)


def doubts(read: Columns, schema: Schema, said: Container[str] = ()) -> tuple[str, ...]:
    """A note on each column, but for those called as in `said`, that is left out as text though all of it
    reads as dates or times, or its name says that it is of molecules, and on each whose numbers count the
    rows; and on an array whose rows may be sequences of tokens.

    >>> from lowerbound.data.tables import columns_of
    >>> days = [{"n": n, "on": f"{n}.5.1960", "even": n % 2 == 0} for n in range(1, 31)]
    >>> read = columns_of(days)
    >>> for note in doubts(read, Schema.of(read)):
    ...     print(note)
    'n' counts the rows: if it only names them, --kinds n=identifier
    'on' is left out, and reads as dates: if it holds such, --kinds on=date
    """
    if isinstance(read.arrays, np.ndarray):
        return (_SEQUENCES,) if _are_sequences(read.arrays.T) else ()
    if not schema.named:
        return ()
    return tuple(_doubts(read, schema, said))


def _doubts(read: Columns, schema: Schema, said: Container[str]) -> Iterator[str]:
    for column, values in zip(schema.columns, read.arrays, strict=True):
        name, kind = repr(column.name), _kind_of_text(column, values)
        if column.name in said:
            continue
        if kind is not None:
            option = f"--kinds {column.name}={kind}"
            yield f"{name} is left out, and reads as {TIME_WORDS[kind]}: if it holds such, {option}"
        elif column.kind in LEFT_OUT and "smiles" in column.name.lower():
            option = f"--kinds {column.name}=molecule"
            yield f"{name} is left out, and may be molecules: if it is, {option}"
        if column.kind == "whole" and _counts(values):
            yield f"{name} counts the rows: if it only names them, --kinds {column.name}=identifier"


def _are_sequences(x: np.ndarray) -> bool:
    """Whether rows are whole numbers from 0 of which nothing but 0 follows the first 0, of many lengths."""
    if x.dtype.kind not in "iu" or len(x) < _ROWS or x.shape[1] < _PLACES:
        return False
    some = x[:: -(-len(x) // _LOOKED_AT)]
    ended = some == END
    lengths = np.unique((~ended).sum(1))
    sequences = (ended[:, 1:] >= ended[:, :-1]).all() and some.min() >= 0
    return bool(sequences and some.max() > 1 and len(lengths) > 2)


def _kind_of_text(column: Column, values: np.ndarray) -> TimeKind | None:
    """The kind of dates or times that a column of text reads as."""
    if column.kind not in ("identifier", "text") or values.dtype.kind != "O":
        return None
    pairs = zip(values.tolist(), holes_in(values), strict=True)
    times, _ = parsed([None if hole else str(cell) for cell, hole in pairs])
    return None if times is None else kind_of(times)


def _counts(values: np.ndarray) -> bool:
    """Whether these are 0, 1, 2, … or 1, 2, 3, … ."""
    if len(values) < _ROWS or values.dtype.kind not in "iuf":
        return False
    return bool(values[0] in (0, 1) and (np.diff(values) == 1).all())
