"""One look at all rows of a table that may be larger than memory: what its schema is found from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.joined import joined, rows_of
from lowerbound.data.mapped.cells import Cells, Unknown
from lowerbound.data.mapped.passed import Told
from lowerbound.data.mapped.sample import Sample
from lowerbound.data.schema import Kinds, Schema
from lowerbound.data.tables import Columns

__all__ = ["ROWS", "Survey", "survey"]

# Rows from which kinds, copies and quantiles are found.
ROWS = 1_000_000


@dataclass(frozen=True)
class Survey:
    """What was found in all `rows`: a seeded `sample` of them, with their `numbers`; the cells of each column
    `beside` the sample that say what it is, the least, the greatest, a fraction, a hole and every level; how
    many `holes` each has."""

    rows: int
    sample: Columns
    numbers: np.ndarray
    beside: Sequence[np.ndarray]
    holes: Sequence[int]

    @property
    def words(self) -> str:
        """What was found from which rows, in a sentence; empty where all were at hand."""
        if self._all_at_hand:
            return ""
        return (
            f"kinds, copies and quantiles are from {self.sample.length:,} of {self.rows:,} rows, drawn at "
            "random; ends, holes, levels and moments are of all"
        )

    def with_rows(self, rows: Columns) -> Survey:
        """With more rows in the sample: such as a schema that was found has no place for."""
        return replace(self, sample=joined([self.sample, rows]))

    def schema(
        self, name: str, image_shape: tuple[int, ...] | None, kinds: Kinds | None, *, missing: bool
    ) -> Schema:
        """The schema of all rows: as that of a table in memory where the sample is all of them.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] as
        [`Schema.of`][lowerbound.data.schema.Schema.of].
        """
        beside = None if self._all_at_hand else [*map(_unknown, self.beside, self.sample.arrays)]
        missing = missing or (not isinstance(self.sample.arrays, np.ndarray) and any(self.holes))
        try:
            found = Schema.of(
                self.sample, name, image_shape=image_shape, missing=missing, kinds=kinds, beside=beside
            )
        except DataError as error:
            raise error.moved(self._number) from None
        columns = zip(found.columns, self.holes, strict=True)
        return replace(found, columns=tuple(replace(column, holes=holes) for column, holes in columns))

    @property
    def _all_at_hand(self) -> bool:
        return len(self.numbers) >= self.rows

    def _number(self, row: int) -> int | None:
        """That of a row of the sample in the table."""
        return int(self.numbers[row]) if row < len(self.numbers) else None


def _unknown(cells: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Those of text that the sample has not: values that all differ are names."""
    if cells.dtype.kind != "O":
        return cells
    known = {*sample.tolist()}
    return np.array([cell for cell in cells.tolist() if cell is None or cell not in known], object)


def survey(
    batches: Iterable[Columns],
    name: str,
    *,
    most: int,
    seed: int,
    levels: Collection[str],
    told: Told,
    of: int | None,
) -> Survey:
    """One look at all rows of `name`, a few at a time. `most` rows are drawn by `seed`; `levels` are the
    names of columns that are said to be categories, of which every value is kept. `told` hears of it; `of` is
    how many rows there are, where that is known.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for no rows, and for numbers that are not
    finite: in an array NaN, in a table infinity.
    """
    columns: list[Cells] = []
    sample = Sample(most, seed, rows_of, joined)
    for batch in batches:
        arrays = _apart(batch)
        columns = columns or [Unknown() for _ in arrays]
        for place, array in enumerate(arrays):
            columns[place] = columns[place].fitting(array, bool(batch.names and batch.names[place] in levels))
            columns[place].add(array, sample.seen)
        sample.add(batch, batch.length)
        told({"what": "looked at", "rows": sample.seen, "of": of})
    if not sample.seen:
        raise DataError(name, "at least one row", "none")
    numbers, rows = sample.drawn()
    whole = isinstance(rows.arrays, np.ndarray)
    for place, column in enumerate(columns):
        column.check(name, place if rows.names is None else rows.names[place], missing=not whole)
    beside = columns[0].cells.T if whole else [column.cells[:, 0] for column in columns]
    holes = columns[0].holes if whole else np.concatenate([column.holes for column in columns])
    return Survey(sample.seen, rows, numbers, [*beside], holes.tolist())


def _apart(batch: Columns) -> Sequence[np.ndarray]:
    """What is looked at together: a table of one type whole, (n, d), else each column, (n, 1)."""
    if isinstance(batch.arrays, np.ndarray):
        return [batch.arrays.T]
    return [array[:, None] for array in batch.arrays]
