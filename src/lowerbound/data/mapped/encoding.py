"""Rows encoded by a schema a few at a time: checked, measured and hashed as they go by, and written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.joined import rows_of
from lowerbound.data.mapped.flat import FlatFile, Unwritten
from lowerbound.data.mapped.moments import Moments
from lowerbound.data.mapped.narrow import NarrowError, narrowed, narrowest
from lowerbound.data.mapped.passed import Told
from lowerbound.data.mapped.sample import Sample
from lowerbound.data.mapped.sketch import Sketch
from lowerbound.data.refused import never_held
from lowerbound.data.rows import Rows
from lowerbound.data.schema import Schema
from lowerbound.data.tables import Columns

__all__ = ["Encoded", "UnforeseenError", "encode"]

# Rows of one batch that a schema is found again with.
_UNFORESEEN = 1000


class UnforeseenError(Exception):
    """Rows that have no place in the schema that was found in a sample, of which they were not."""

    def __init__(self, rows: Columns, fault: DataError):
        super().__init__(str(fault))
        self.rows, self.fault = rows, fault


@dataclass(frozen=True)
class Encoded:
    """What is known of rows when all have been encoded: how many, in which type, the SHA-256 of their bytes,
    their sketch, the numbers of those that have probability 0 and what is wrong with the first."""

    rows: int
    dtype: np.dtype
    sha256: str
    sketch: Sketch
    impossible: np.ndarray
    fault: DataError | None


def encode(
    batches: Iterable[Columns],
    schema: Schema,
    name: str,
    to: Path | None,
    *,
    found: bool,
    most: int,
    seed: int,
    told: Told,
    of: int | None,
) -> Encoded:
    """Encode all rows of `name` into the `.npy` called `to`, in the narrowest type that holds them; with None
    they are a file already, and are looked at alone. Of them `most` are drawn by `seed` into the sketch.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] with the number of the row; `UnforeseenError`
    for a row that has probability 0 by a schema that was `found` in these rows.
    """
    dtype = None if to is None else narrowest(schema)
    while True:
        try:
            return _encoded(batches, schema, name, to, dtype, found, most, seed, told, of)
        except NarrowError as error:
            dtype = error.dtype


def _encoded(
    batches: Iterable[Columns],
    schema: Schema,
    name: str,
    to: Path | None,
    dtype: np.dtype | None,
    found: bool,
    most: int,
    seed: int,
    told: Told,
    of: int | None,
) -> Encoded:
    writing = Unwritten() if to is None or dtype is None else FlatFile(to, dtype, len(schema.placed))
    sample: Sample[np.ndarray] = Sample(most, seed, lambda rows, some: rows[some], np.concatenate)
    moments: Moments | None = None
    impossible: list[np.ndarray] = []
    fault: DataError | None = None
    with writing:
        for batch in batches:
            first = sample.seen
            rows = _rows(schema, batch, name, first)
            if len(rows.impossible):
                fault = fault or _fault(schema, batch, rows, name, first)
                if found:
                    raise UnforeseenError(rows_of(batch, rows.impossible[:_UNFORESEEN]), fault)
                impossible.append(first + rows.impossible)
            x = rows.x if dtype is None else narrowed(rows.x, dtype)
            writing.add(x)
            sample.add(x, len(x))
            own = Moments.of(x)
            moments = own if moments is None else moments.with_those(own)
            told({"what": "encoded", "rows": sample.seen, "of": of})
    if moments is None:
        raise DataError(name, "at least one row", "none")
    places, drawn = sample.drawn()
    numbers = np.concatenate(impossible) if impossible else np.zeros(0, int)
    sketch = Sketch(drawn, places, moments)
    return Encoded(sample.seen, drawn.dtype, writing.digest.hexdigest(), sketch, numbers, fault)


def _rows(schema: Schema, batch: Columns, name: str, first: int) -> Rows:
    """A batch as encoded rows; an error is told by the number that a row has in the source."""
    try:
        rows = schema.rows(batch, name=name)
    except DataError as error:
        moved = error.moved(lambda row: first + row)
        way_out = error.way_out if moved.place.row is None else "the rows below it were not looked at"
        raise DataError(name, moved.expected, moved.found, moved.place, way_out) from None
    if len(odd := _between_steps(schema, rows.x)):
        rows = Rows(rows.x, schema=schema, impossible=np.union1d(rows.impossible, odd))
    return rows


def _between_steps(schema: Schema, x: np.ndarray) -> np.ndarray:
    """Rows of whole numbers in a unit which lie between two steps of it."""
    places = [
        place for place, column in enumerate(schema.placed) if column.kind == "whole" and column.unit != 1
    ]
    steps = x[:, places]
    if x.dtype.kind != "f" or not places:
        return np.zeros(0, int)
    return np.flatnonzero(((steps != np.floor(steps)) & ~np.isnan(steps)).any(1))


def _fault(schema: Schema, batch: Columns, rows: Rows, name: str, first: int) -> DataError:
    read = schema.held_against(batch, name)
    row = int(rows.impossible[0])
    return never_held(schema, read, (row,), name).moved(lambda found: first + found)
