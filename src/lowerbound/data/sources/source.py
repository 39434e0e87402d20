"""A source of rows by name, whatever its format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.data.declared import as_arrow
from lowerbound.data.errors import DataError
from lowerbound.data.kinds import kinds_of
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.mapped.passed import Passed, Told
from lowerbound.data.mapped.sketch import Sketch
from lowerbound.data.pieces import rows_of
from lowerbound.data.refused import never_held, taken_for_missing
from lowerbound.data.rows import Rows
from lowerbound.data.schema import Kinds, Schema, Unseen, described
from lowerbound.data.sources.beyond import Beyond, plain_labels, said_of
from lowerbound.data.sources.codes import likely_codes
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.doubts import doubts
from lowerbound.data.sources.faults import all_faults
from lowerbound.data.sources.kept import Kept
from lowerbound.data.sources.molecules import unreadable, without
from lowerbound.data.sources.names import kept_columns
from lowerbound.data.sources.opening import batches_of, read_files
from lowerbound.data.sources.pixels import pixels_of
from lowerbound.data.tables import Columns, columns_of, matrix

__all__ = ["Source", "kept_columns", "open_labels", "open_source", "read"]

_UNREAD = np.zeros((0, 0))


@dataclass(frozen=True)
class Source:
    """Rows (n, d), encoded by their `schema` where there is one, with where they came from; the shape of an
    image where a row is one; labels and the names of the encoded columns where the source has them; `label`,
    the column that the labels were; `table`, all that was read, to be encoded by another schema; `reading`,
    how it was, and `notes`, what was decided then that a person should know; `files`, that of each row, where
    it is an image of its own; `impossible`, the numbers of the rows that have probability 0 by the schema,
    since a column never held their value, with the `found_fault` of the first where no table is at hand; rows
    that are larger than memory are mapped, and have a `sketch`; those of the numbers that are `kept_back`
    have no part in training."""

    x: np.ndarray
    name: str
    image_shape: tuple[int, ...] | None = None
    labels: np.ndarray | None = None
    columns: tuple[str, ...] | None = None
    label: str | None = None
    schema: Schema | None = None
    table: Columns | None = None
    reading: Reading = AS_FOUND
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    impossible: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    sketch: Sketch | None = None
    found_fault: DataError | None = None
    kept_back: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        table: Any,
        name: str,
        image_shape: tuple[int, ...] | None = None,
        schema: Schema | None = None,
        *,
        missing: bool = False,
        kinds: Kinds | None = None,
    ) -> Source:
        """A table with a schema, by default the one that is found in it, with the `kinds` that are said of
        some columns; `missing` says that NaN stands for a value that was not observed."""
        read = columns_of(table, name)
        if schema is not None:
            return cls(_UNREAD, name, image_shape, table=read).under(schema)
        found, rows = described(read, name, image_shape=image_shape, missing=missing, kinds=kinds)
        return cls(rows.x, name, image_shape, columns=_names(found), schema=found, table=read)

    def under(self, schema: Schema) -> Source:
        """The same rows, encoded by another schema, that of a model: its own columns, by name. Of rows that
        hold what a column never did [`fault`][] says what is wrong.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] where a column is lacking.
        """
        if self.schema == schema or self.table is None:
            if self.sketch is not None and self.schema is not None and self.schema.columns != schema.columns:
                raise self._encoded_otherwise()
            return self
        rows = schema.rows(self.table, name=self.name)
        shape = schema.image_shape or self.image_shape
        notes = self.notes + taken_for_missing(schema, self.table)
        found = replace(self, x=rows.x, impossible=rows.impossible, schema=schema, columns=_names(schema))
        return replace(found, image_shape=shape, notes=notes)

    def letting(self, unseen: Unseen | None) -> Source:
        """The same rows, whose schema says what becomes of levels that they have not; as it is for None."""
        if unseen is None or self.schema is None:
            return self
        return replace(self, schema=self.schema.letting(unseen))

    def telling(self, targets: Sequence[str]) -> Source:
        """The same rows, of whose columns those are told from the others ([`Schema.telling`][]).

        **Raises:** `ValueError` for targets of rows without a schema.
        """
        if not targets:
            return self
        if self.schema is None:
            raise ValueError("targets: are columns of a table, found rows without a schema")
        return replace(self, schema=self.schema.telling(targets))

    def as_read(self, *, missing: bool = False) -> Source:
        """The same rows with all columns as they are, for a model of which no schema is kept."""
        if self.table is None or self.schema is None:
            if self.sketch is not None and self.schema is not None and not self.schema.as_it_is:
                raise self._encoded_otherwise()
            return self
        x = matrix(self.table, self.name, missing=missing)
        return replace(self, x=x, columns=self.table.names, schema=None)

    def _encoded_otherwise(self) -> DataError:
        """What is said of rows beyond memory that are encoded by another schema than a model's."""
        expected = "rows that are encoded by the model's own schema, or numbers as they are"
        way_out = "name the source anew with that schema, or hold its rows in memory (without --memory)"
        return DataError(self.name, expected, "rows encoded by another", way_out=way_out)

    @property
    def rows(self) -> Rows:
        """The rows with their schema."""
        rows = Rows(self.x, schema=self.schema, impossible=self.impossible, sketch=self.sketch)
        return rows if self.kept_back is None else rows.keeping_back(self.kept_back)

    @property
    def fault(self) -> DataError | None:
        """What is wrong with the first of the rows that have probability 0; None where there are none."""
        if self.schema is None or self.table is None or not len(self.impossible):
            return self.found_fault if len(self.impossible) else None
        read = self.schema.held_against(self.table, self.name)
        return never_held(self.schema, read, self.impossible, self.name)

    @property
    def impossible_by_copies(self) -> bool:
        """Whether all rows that have probability 0 are such that a copy of a column does not say what that
        says: what such a row is encoded as goes by the original, and says what it is."""
        if self.schema is None or self.table is None:
            return False
        arrays = self.schema.held_against(self.table, self.name).arrays
        columns = self.schema.columns
        return not any(c.outside(a).any() for c, a in zip(columns, arrays, strict=True))

    def taken(self, rows: np.ndarray, words: str = "") -> Source:
        """Some of the rows, with their labels; `words` are added to the name."""
        labels = None if self.labels is None else self.labels[rows]
        files = None if self.files is None else tuple(self.files[row] for row in rows)
        kept = replace(self, x=rows_of(self.x, rows), impossible=self.rows[rows].impossible, labels=labels)
        return replace(kept, name=self.name + words, table=None, files=files, sketch=None, kept_back=None)

    def row_names(self, column: str | None = None) -> tuple[str, np.ndarray] | None:
        """What the rows are called, and of what: the cells of a `column` of the table, by default of the
        first that is an identifier; else the files of images; else None.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a column that the table has not.
        """
        if column is None and self.schema is not None:
            column = next((each.name for each in self.schema.columns if each.kind == "identifier"), None)
        if column is not None:
            table = Columns([], ()) if self.table is None else self.table
            return column, table.arrays[table.place(column, self.name)]
        return None if self.files is None else ("file", np.array(self.files, object))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, x0, x1, … where the source has none."""
        return self.columns or tuple(f"x{i}" for i in range(self.x.shape[1]))


def open_source(
    data: str,
    label_column: str | None = None,
    schema: Schema | None = None,
    reading: Reading = AS_FOUND,
    kinds: Kinds | None = None,
    memory: Memory | None = None,
    told: Told | None = None,
) -> Source:
    """The rows that `data` names: `digits`, `digits:train`, `digits:test`, or the path of a file of a table,
    an array or a matrix, or of a folder of images (docs/data.md has the list), read by a `reading`.

    Of a table that has a column `label_column`, that column is the labels, of any type, and not data; a
    format may say itself which the labels are. `kinds` says what some columns are, where the guess is wrong.
    With a `schema`, that of a model, its own columns are taken out of the table by name, whatever the others
    hold. Several files are one source: by a pattern, `data/*.parquet`, or as a folder of files of one format.

    With a `memory` rows that take more when they are encoded are encoded once into one flat file, and mapped
    from there; `told` is called with how many are read. See docs/scale.md.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] or `FileNotFoundError` in one line that names
    the file, the place (rows and columns counted from 0), what was expected and what was found, of all
    columns that cannot be taken; no memory is taken on the word of a header alone, and a file that holds a
    pickle is refused without loading it.

    >>> open_source("digits:train").x.shape, open_source("digits:test").x.shape
    ((1437, 64), (360, 64))
    """
    if data.split(":")[0] == "digits":
        return _digits(data, schema)
    if memory is not None:
        batches = batches_of(data, reading)
        if batches is not None and batches.size > memory.limit:
            beyond = Beyond(batches, data, reading, label_column or batches.label, schema, kinds)
            return _mapped(beyond, beyond.encoded(memory, told or _no_one))
    found = _labelled(read_files(data, reading), label_column)
    table, image_shape = found.data, None
    if isinstance(table, np.ndarray) and table.ndim in (3, 4):
        image_shape = table.shape[1:]
        table = table.reshape(len(table), -1)
    array = table
    kept = _with_doubts(columns_of(table, data), reading, data, schema)
    if not isinstance(kinds, Schema):
        kinds = {**found.kinds, **(kinds or {})} or None
    notes = found.notes + kept.notes
    if schema is None and kinds is not None:
        named = kinds_of(kinds.columns) if isinstance(kinds, Schema) else kinds
        wrong, said = unreadable(kept, {str(name): kind for name, kind in named.items()})
        if len(wrong):
            found, kept = without(found, kept, wrong)
            notes += said
    if schema is None and image_shape is None and (image_shape := pixels_of(kept)) is not None:
        ends = f"{(kept.names or ())[0]} … {(kept.names or ())[-1]}"
        notes = (*notes, f"the columns {ends} are the pixels of images of {'×'.join(map(str, image_shape))}")
    try:
        source = Source.of(kept, data, image_shape, schema, missing=_has_holes(kept), kinds=kinds)
    except DataError as error:
        raise error if schema is not None else all_faults(kept, data, error, kinds) from None
    # Rows own their memory: were they a map of the file, writing the file anew would end the process.
    if isinstance(array, np.memmap) and np.may_share_memory(source.x, array):
        source = replace(source, x=source.x.copy())
    if schema is None and source.schema is not None:
        notes = (*notes, *doubts(kept, source.schema, said_of(kinds)))
    notes = (*notes, *source.notes)
    source = replace(source, labels=found.labels, label=found.label, reading=reading, notes=notes)
    return replace(source, files=found.files)


def _mapped(beyond: Beyond, kept: Kept) -> Source:
    """Rows that are larger than memory, encoded in a file."""
    return Source(
        kept.x,
        beyond.name,
        kept.schema.image_shape,
        kept.labels,
        _names(kept.schema),
        None if kept.labels is None else beyond.label,
        kept.schema,
        reading=beyond.reading,
        notes=kept.notes,
        impossible=kept.impossible,
        sketch=kept.sketch,
        found_fault=kept.fault,
    )


def _no_one(passed: Passed) -> None:
    pass


def _labelled(found: Contents, label_column: str | None) -> Contents:
    """What was found with the labels that are asked for: those of a column that it has."""
    if label_column is None or label_column == found.label:
        return found
    table = found.data
    if not isinstance(table, Columns) or label_column not in (table.names or ()):
        return replace(found, labels=None, label=None, files=None)
    place = (table.names or ()).index(label_column)
    rest = table.taken([i for i in range(table.width) if i != place])
    labels = plain_labels(table.arrays[place])
    return replace(found, data=rest, labels=labels, label=label_column, files=None)


def _has_holes(read: Columns) -> bool:
    """Whether a table of a file has cells without a value; NaN in an array may be a fault of what made it."""
    columns = () if isinstance(read.arrays, np.ndarray) else read.arrays
    return any(array.dtype.kind == "f" and np.isnan(array).any() for array in columns)


def _with_doubts(read: Columns, reading: Reading, name: str, schema: Schema | None) -> Columns:
    """The columns that a reading keeps; of those of a new model with what a person is asked about them."""
    kept = kept_columns(read, reading, name, schema)
    return kept if schema is not None else replace(kept, notes=kept.notes + likely_codes(kept))


def _names(schema: Schema) -> tuple[str, ...] | None:
    """Those of the encoded columns, where the table had names."""
    return tuple(column.name for column in schema.encoded) if schema.named else None


def read(
    source: str,
    *,
    header: bool | None = None,
    missing_values: Iterable[object] | None = None,
    drop: Iterable[object] = (),
    columns: Iterable[object] | None = None,
    size: Iterable[int] | None = None,
    mode: str | None = None,
) -> Any:
    """A pyarrow table of what `source` names: any source of the command line, as in [`open_source`][].

    A table has its own columns, of its own types, text too; the columns of an array, of images and of the
    digits are x0, x1, …, the values of a row in order; labels that a format sets apart are a last column.
    What was decided in reading it stands in `table.schema.metadata[b"lowerbound"]`, as JSON.

    **Arguments:** `header`: whether the first line of text is names (None: as it looks); `missing_values`:
    the cells that stand for no value, in place of the usual ones, numbers among them; `drop`, `columns`:
    names, or numbers from 0, of columns that are left out, and that alone are kept; `size`, `mode`: of
    images, (width, height) and "grey" or "colour", to which they are converted.

    >>> read("digits").num_columns, read("digits", columns=["x3", 0]).column_names
    (64, ['x3', 'x0'])
    """
    import pyarrow

    reading = Reading.of(header, missing_values, drop, columns, size, mode)
    if source.split(":")[0] == "digits":
        found = Contents(_digits(source, None).x)
    else:
        found = read_files(source, reading)
    table = found.data
    if isinstance(table, np.ndarray):
        rows = table.reshape(len(table), -1)
        table = Columns([*map(np.ascontiguousarray, rows.T)], None)
    names = table.names or tuple(f"x{j}" for j in range(table.width))
    arrays = [*table.arrays]
    if found.labels is not None and found.label is not None:
        names, arrays = (*names, found.label), [*arrays, found.labels]
    declared = table.declared and (*table.declared, *[None] * (len(names) - table.width))
    whole = Columns(arrays, names, notes=found.notes + table.notes, declared=declared)
    kept = _with_doubts(whole, reading, source, None)
    own = kept.declared or (None,) * kept.width
    made = [*map(as_arrow, kept.arrays, own)]
    notes = json.dumps({"notes": kept.notes}, ensure_ascii=False)
    return pyarrow.table(made, names=[*(kept.names or ())], metadata={"lowerbound": notes})


def open_labels(data: str, rows: int) -> np.ndarray:
    """A label for each of `rows` rows, from a one-dimensional array, a table of one column, or the column of
    a table that is named after it, FILE:column."""
    file, _, column = data.rpartition(":")
    named = bool(file) and not Path(data).exists() and Path(file).exists() and not file.endswith(".npz")
    found = read_files(file if named and not column.startswith("/") else data, AS_FOUND)
    table = found.data
    if isinstance(table, Columns):
        if named:
            labels = plain_labels(table.arrays[table.place(column, file)])
        elif table.width == 1:
            labels = plain_labels(table.arrays[0])
        else:
            way_out = f"name one: {data}:{(table.names or ('0',))[-1]}"
            raise DataError(data, "one column of labels", f"{table.width} columns", way_out=way_out)
    else:
        labels = table
    if labels.shape != (rows,):
        raise DataError(data, f"a label for each of {rows} rows", f"shape {labels.shape}")
    return np.array(labels)


def _digits(data: str, schema: Schema | None) -> Source:
    """scikit-learn's 8×8 digits, whole numbers 0 … 16; a fifth, drawn once, is for the test. They are read
    from its file: importing `sklearn.datasets` takes longer than all else of opening them."""
    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    digits = np.loadtxt(str(file), delimiter=",")
    order = np.random.default_rng(0).permutation(len(digits))
    parts = {"digits": order, "digits:train": order[:1437], "digits:test": order[1437:]}
    if data not in parts:
        raise DataError(data, f"one of {', '.join(parts)}", data)
    rows = digits[parts[data]]
    source = Source.of(rows[:, :-1].astype(np.uint8), data, (8, 8), schema)
    return replace(source, labels=rows[:, -1].astype(int))
