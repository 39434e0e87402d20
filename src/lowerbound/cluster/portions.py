"""The files of a data set, in portions that are worked off one after the other: a file, or a piece of one."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.declared import as_arrow
from lowerbound.data.errors import DataError
from lowerbound.data.sources.arrays import read_npy
from lowerbound.data.sources.arrow import flat
from lowerbound.data.sources.file import File
from lowerbound.data.sources.formats import is_table, read_source
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import Columns

__all__ = ["Batch", "Portion", "files_of", "portions"]

# Rows of an array that are one portion.
_ROWS = 1 << 20
# Rows that are in memory, encoded, at a time.
_BATCH = 8192


class Batch(NamedTuple):
    """Some rows of a portion: their columns, and those of its table that are carried along, in their own
    types."""

    columns: Columns
    carried: Any


@dataclass(frozen=True)
class Portion:
    """A piece of a data set: of a Parquet file a row group, of an array so many rows, else a file.

    - `size`, `modified`: of the file, in bytes and in nanoseconds since 1970, when it was listed.
    - `first`: its first row's number in the file; `rows`: how many there are, None where only reading tells.
    """

    path: Path
    size: int
    modified: int
    row_group: int | None = None
    first: int = 0
    rows: int | None = None

    @property
    def key(self) -> list[Any]:
        """What tells it from another, and from the same of a file that was written anew."""
        return [str(self.path), self.size, self.modified, self.row_group, self.first]

    @property
    def ending(self) -> str:
        """That of its file, in small letters; "" of a file in a container, which is read whole."""
        return "" if File.at(self.path).container else self.path.suffix.lower()

    def batches(
        self, reading: Reading, needed: Callable[[list[str]], list[str]], carry: tuple[str, ...] = ()
    ) -> Iterator[Batch]:
        """Its rows, a few thousand at a time: of columns with names those that are `needed`, and those to
        `carry` along. Text, and whatever else is no Parquet, Arrow or NumPy, is in memory a file at a time.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a file that cannot be read, or without
        a column to carry along.
        """
        if self.ending == ".npy":
            array = read_npy(self.path)
            array = array.reshape(len(array), -1)
            end = self.first + (self.rows or 0)
            for start in range(self.first, end, _BATCH):
                # In memory of their own: a map of a file that is written anew would end the process.
                some = np.array(array[start : min(start + _BATCH, end)])
                yield self._cut(Columns(some.T, None), carry)
            return
        if self.ending in _IN_BATCHES:
            with whole(self.path, self.ending):
                for table in _IN_BATCHES[self.ending](self):
                    yield self._of_arrow(table, needed, carry)
            return
        found = read_source(str(self.path), reading).data
        if isinstance(found, np.ndarray):
            found = Columns(found.reshape(len(found), -1).T, None)
        for start in range(0, found.length, _BATCH):
            yield self._cut(found.of_rows(slice(start, start + _BATCH)), carry)

    def _of_arrow(
        self, table: Any, needed: Callable[[list[str]], list[str]], carry: tuple[str, ...]
    ) -> Batch:
        import pyarrow as pa

        while any(pa.types.is_struct(field.type) for field in table.schema):
            table = table.flatten()
        names = table.column_names
        for name in carry:
            if names.count(name) != 1:
                raise DataError(self.path, f"one column {name!r} to carry along", f"{names.count(name)}")
        plain = len(set(names)) == len(names) and all(name.strip() for name in names)
        read = table.select(needed(names)) if plain else table
        return Batch(flat(read, File.at(self.path)), table.select([*carry]))

    def _cut(self, columns: Columns, carry: tuple[str, ...]) -> Batch:
        import pyarrow as pa

        places = [columns.place(name, str(self.path)) for name in carry]
        arrays = [as_arrow(columns.arrays[place]) for place in places]
        return Batch(columns, pa.table(arrays, names=[*carry]))


def portions(data: str) -> tuple[Portion, ...]:
    """The portions of what `data` names, file after file in the order of their names.

    **Raises:** as [`files_of`][], and [`DataError`][lowerbound.data.errors.DataError] for a file that cannot
    be read.
    """
    return tuple(portion for path in files_of(data) for portion in _of_file(path))


def files_of(data: str) -> list[Path]:
    """The files that `data` names, sorted: those that a pattern matches (`*`, `?`, `[…]`, `**` for folders
    between), the tables in a folder, or a file. What begins with a point or `_` is none of them.

    **Raises:** `FileNotFoundError` where there are none.

    >>> files_of("nowhere/*.parquet")
    Traceback (most recent call last):
    ...
    FileNotFoundError: nowhere/*.parquet: expected files of tables, found none
    """
    path = Path(data)
    if path.is_file():
        return [path]
    found = path.iterdir() if path.is_dir() else map(Path, glob.glob(data, recursive=True))
    files = sorted(each for each in found if each.is_file() and each.name[0] not in "._" and is_table(each))
    if not files:
        raise FileNotFoundError(f"{data}: expected files of tables, found none")
    return files


def _of_file(path: Path) -> Iterator[Portion]:
    status = path.stat()
    one = Portion(path, status.st_size, status.st_mtime_ns)
    made = (path, one.size, one.modified)
    if one.ending == ".parquet":
        from pyarrow import parquet

        with whole(path, ".parquet"):
            metadata = parquet.read_metadata(path)
        first = 0
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if rows:
                yield Portion(*made, row_group=group, first=first, rows=rows)
            first += rows
    elif one.ending == ".npy":
        n = len(read_npy(path))
        for first in range(0, n, _ROWS):
            yield Portion(*made, first=first, rows=min(_ROWS, n - first))
    else:
        yield one


def _row_group(portion: Portion) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(portion.path) as found:
        for batch in found.iter_batches(_BATCH, row_groups=[portion.row_group]):
            yield pa.Table.from_batches([batch])


def _record_batches(portion: Portion) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import feather

    with portion.path.open("rb") as stream:
        magic = stream.read(6)
        stream.seek(0)
        if magic.startswith(b"FEA1"):
            tables = iter([feather.read_table(stream)])
        elif magic == b"ARROW1":
            opened = pa.ipc.open_file(stream)
            tables = (pa.Table.from_batches([opened.get_batch(i)]) for i in range(opened.num_record_batches))
        else:
            tables = (pa.Table.from_batches([batch]) for batch in pa.ipc.open_stream(stream))
        for table in tables:
            for start in range(0, len(table), _BATCH):
                yield table.slice(start, _BATCH)


# What is read a batch at a time.
_IN_BATCHES: dict[str, Callable[[Portion], Iterator[Any]]] = {
    ".parquet": _row_group,
    **dict.fromkeys((".feather", ".arrow", ".ipc"), _record_batches),
}
