"""Delimited text some lines at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowerbound.data.declared import Declared, of_arrow
from lowerbound.data.settled import settled_objects
from lowerbound.data.sources.batches import CELLS, Batches
from lowerbound.data.sources.cells import settled, trimmed
from lowerbound.data.sources.cuts import WHITE_SPACE
from lowerbound.data.sources.delimited import arrow_options, dialect_in, missing_cells, ragged_line
from lowerbound.data.sources.dialect import Dialect
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.sources.tabbed import Tabbed
from lowerbound.data.tables import Columns
from lowerbound.data.times import kind_of, parsed

__all__ = ["TextBatches"]

_FIRST = 8
# What the cells of a column are tried as, in this order; what is none of these is text.
_TYPES = ("int64", "float64", "bool", "date32", "timestamp[s]", "timestamp[ns]")


@dataclass
class TextBatches(Batches):
    """The rows of delimited text, each file in its own dialect, whose first lines show it. Of dates and times
    those are such that ISO 8601 writes so; others stay text, since a few rows do not tell day from month."""

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files)

    def as_text(self, place: int) -> None:
        self.texts.add(place)

    def of_file(self, file: File) -> Iterator[Columns]:
        import pyarrow.csv as arrow

        with whole(file.path, file.ending or "text"):
            encoding, dialect = dialect_in(file, self.reading)
            missing = missing_cells(self.reading)
            ragged: list[Any] = []
            options = arrow_options(encoding, dialect, missing, ragged, as_text=True)
            with file.open() as stream:
                if dialect.separator == WHITE_SPACE:
                    stream = Tabbed.of(stream, encoding, dialect.skip)
                    options[0].encoding = "utf-8"
                try:
                    for batch in arrow.open_csv(stream, *options):
                        yield from self._columns(batch, dialect, missing)
                except ValueError:
                    if not ragged:
                        raise
                    raise ragged_line(file, encoding, dialect) from None

    def _columns(self, batch: Any, dialect: Dialect, missing: Sequence[str]) -> Iterator[Columns]:
        step = max(1, CELLS // max(batch.num_columns, 1))
        for first in range(0, batch.num_rows, step):
            cells = batch.slice(first, step).columns
            typed = [
                _typed(column, dialect, missing, as_text=place in self.texts)
                for place, column in enumerate(cells)
            ]
            arrays, declared = [array for array, _ in typed], tuple(own for _, own in typed)
            own_types = declared if any(declared) else ()
            yield Columns(arrays, dialect.names, notes=dialect.notes, declared=own_types)


def _typed(
    cells: Any, dialect: Dialect, missing: Sequence[str], *, as_text: bool
) -> tuple[np.ndarray, Declared | None]:
    """A column of text as what all of it reads as, and its type where holes are in whole numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if cells.null_count == len(cells):
        return np.full(len(cells), np.nan), None
    if as_text:
        return trimmed(_objects(cells), missing), None
    bare = pc.utf8_trim_whitespace(cells)
    pointed = pc.replace_substring(bare, ",", ".") if dialect.decimal == "," else bare
    for kind in _TYPES:
        written = pointed if kind == "float64" else bare
        try:
            # Arrow puts an error together for each cell: a few are asked first.
            pc.cast(written.slice(0, _FIRST), kind)
            typed = pc.cast(written, kind)
        except pa.ArrowInvalid:
            continue
        array, declared = of_arrow(typed)
        return settled_objects(array), declared
    text = settled(_objects(cells), missing, dialect.decimal)[0]
    times = parsed(text.tolist())[0] if text.dtype.kind == "O" else None
    return (text if times is None or kind_of(times) != "time" else times), None


def _objects(cells: Any) -> np.ndarray:
    array: np.ndarray = np.asarray(cells.to_numpy(zero_copy_only=False), object)
    return array
