"""A source of rows by name, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.rows import Rows
from lowerbound.data.schema import Schema, described
from lowerbound.data.sources.arrays import read_npy, read_npz
from lowerbound.data.sources.idx import is_idx, read_idx
from lowerbound.data.sources.images import read_images
from lowerbound.data.sources.tables import read_csv, read_parquet
from lowerbound.data.tables import Columns, columns_of, matrix

__all__ = ["Source", "open_labels", "open_source", "read"]

_READERS: dict[str, Callable[[Path], np.ndarray | Columns]] = {
    ".npy": read_npy,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".data": read_csv,
    ".parquet": read_parquet,
}
_KNOWN = (
    "digits[:train|:test], .npy, .npz[:name], .csv, .tsv, .data, .parquet, IDX (.idx or a name that ends as "
    "train-images-idx3-ubyte does; .gz of these), a folder of images"
)


_UNREAD = np.zeros((0, 0))


@dataclass(frozen=True)
class Source:
    """Rows (n, d), encoded by their `schema` where there is one, with where they came from; the shape of an
    image where a row is one; labels and the names of the encoded columns where the source has them; `label`,
    the column that the labels were; `table`, all that was read, to be encoded by another schema."""

    x: np.ndarray
    name: str
    image_shape: tuple[int, ...] | None = None
    labels: np.ndarray | None = None
    columns: tuple[str, ...] | None = None
    label: str | None = None
    schema: Schema | None = None
    table: Columns | None = None

    @classmethod
    def of(
        cls,
        table: Any,
        name: str,
        image_shape: tuple[int, ...] | None = None,
        schema: Schema | None = None,
    ) -> Source:
        """A table with a schema, by default the one that is found in it."""
        read = columns_of(table, name)
        if schema is not None:
            return cls(_UNREAD, name, image_shape, table=read).under(schema)
        found, rows = described(read, name, image_shape=image_shape)
        return cls(rows.x, name, image_shape, columns=_names(found), schema=found, table=read)

    def under(self, schema: Schema) -> Source:
        """The same rows, encoded by another schema, that of a model: its own columns, by name.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] where a column is lacking.
        """
        if self.schema == schema or self.table is None:
            return self
        x = schema.encode(self.table, self.name)
        shape = schema.image_shape or self.image_shape
        return replace(self, x=x, columns=_names(schema), image_shape=shape, schema=schema)

    def as_read(self, *, missing: bool = False) -> Source:
        """The same rows with all columns as they are, for a model of which no schema is kept."""
        if self.table is None or self.schema is None:
            return self
        x = matrix(self.table, self.name, missing=missing)
        return replace(self, x=x, columns=self.table.names, schema=None)

    @property
    def rows(self) -> Rows:
        """The rows with their schema."""
        return Rows(self.x, schema=self.schema)

    def taken(self, rows: np.ndarray, words: str = "") -> Source:
        """Some of the rows, with their labels; `words` are added to the name."""
        labels = None if self.labels is None else self.labels[rows]
        return replace(self, x=self.x[rows], labels=labels, name=self.name + words, table=None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, x0, x1, … where the source has none."""
        return self.columns or tuple(f"x{i}" for i in range(self.x.shape[1]))


def open_source(data: str, label_column: str | None = None, schema: Schema | None = None) -> Source:
    """The rows that `data` names: `digits`, `digits:train`, `digits:test`, or a path of a `.npy`, a
    `.npz[:name]`, a `.csv`, a `.parquet`, an IDX file (`.gz` too), a folder of images.

    Of a table that has a column `label_column`, that column is the labels, of any type, and not data. With a
    `schema`, that of a model, its own columns are taken out of the table by name, whatever the others hold.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] or `FileNotFoundError` in one line that names
    the file, the place (rows and columns counted from 0), what was expected and what was found. No memory is
    taken on the word of a header alone, and a file that holds a pickle is refused without loading it.

    >>> open_source("digits:train").x.shape, open_source("digits:test").x.shape
    ((1437, 64), (360, 64))
    """
    if data.split(":")[0] == "digits":
        return _digits(data, schema)
    found = _read(data)
    if isinstance(found, Columns):
        labels = None
        if label_column is not None and label_column in (found.names or ()):
            place = (found.names or ()).index(label_column)
            labels = _plain(found.arrays[place])
            found = found.taken([i for i in range(found.width) if i != place])
        label = None if labels is None else label_column
        return replace(Source.of(found, data, schema=schema), labels=labels, label=label)
    array, image_shape = found, None
    if array.ndim in (3, 4):
        image_shape = array.shape[1:]
        array = array.reshape(len(array), -1)
    source = Source.of(array, data, image_shape, schema)
    # Rows own their memory: were they a map of the file, writing the file anew would end the process.
    if isinstance(array, np.memmap) and np.may_share_memory(source.x, array):
        source = replace(source, x=source.x.copy())
    return source


def _names(schema: Schema) -> tuple[str, ...] | None:
    """Those of the encoded columns, where the table had names."""
    return tuple(column.name for column in schema.encoded) if schema.named else None


def read(source: str) -> Any:
    """A pyarrow table of what `source` names: any source of the command line, as in [`open_source`][].

    A table has its own columns, of its own types, text too; the columns of an array, of images and of the
    digits are x0, x1, …, the values of a row in order.

    >>> read("digits").num_columns, read("digits").column_names[:2]
    (64, ['x0', 'x1'])
    """
    import pyarrow

    found = _digits(source, None).x if source.split(":")[0] == "digits" else _read(source)
    if isinstance(found, Columns):
        names = found.names or tuple(f"x{j}" for j in range(found.width))
        return pyarrow.table(dict(zip(names, found.arrays, strict=True)))
    rows = found.reshape(len(found), -1)
    return pyarrow.table({f"x{j}": np.ascontiguousarray(column) for j, column in enumerate(rows.T)})


def open_labels(data: str, rows: int) -> np.ndarray:
    """A label for each of `rows` rows, from a one-dimensional array or a table of one column, named as a
    source is."""
    found = _read(data)
    if isinstance(found, Columns):
        if len(found.arrays) != 1:
            raise DataError(data, "one column of labels", f"{len(found.arrays)} columns")
        labels = _plain(found.arrays[0])
    else:
        labels = found
    if labels.shape != (rows,):
        raise DataError(data, f"a label for each of {rows} rows", f"shape {labels.shape}")
    return np.array(labels)


def _plain(labels: np.ndarray) -> np.ndarray:
    """Labels as numbers, or as text."""
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def _digits(data: str, schema: Schema | None) -> Source:
    """scikit-learn's 8×8 digits, whole numbers 0 … 16; a fifth, drawn once, is for the test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.data))
    parts = {"digits": order, "digits:train": order[:1437], "digits:test": order[1437:]}
    if data not in parts:
        raise DataError(data, f"one of {', '.join(parts)}", data)
    rows = parts[data]
    source = Source.of(digits.data[rows].astype(np.uint8), data, (8, 8), schema)
    return replace(source, labels=digits.target[rows])


def _read(data: str) -> np.ndarray | Columns:
    """What the file or folder at `data` holds, by its ending."""
    file, _, member = data.partition(".npz:")
    path = Path(f"{file}.npz" if member else data)
    ending = path.suffix.lower()
    known = ending in _READERS or ending == ".npz" or is_idx(path.name)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file{'' if known else f'; known are {_KNOWN}'}")
    if path.is_dir():
        if known:
            raise DataError(path, "a file", "a folder")
        return read_images(path)
    if not known:
        raise DataError(path, "a known ending", repr(ending), way_out=f"known are {_KNOWN}")
    if not path.is_file():
        raise DataError(path, "a file", "a device or a pipe")
    if ending == ".npz":
        return read_npz(path, member)
    return _READERS.get(ending, read_idx)(path)
