"""The schema of a table: what its columns are, and so how a row is encoded as numbers and decoded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from lowerbound.data.columns import Column, found_in
from lowerbound.data.errors import DataError, Place
from lowerbound.data.rows import Rows, conditions
from lowerbound.data.tables import Columns, columns_of, matrix, stack, table_like

__all__ = ["Schema", "described"]

# Numbers of more columns than so many, pixels and genes, are of one kind.
_WIDE = 128


@dataclass(frozen=True)
class Schema:
    """What the columns of a table are. A row is encoded as a vector of numbers, one for each of the columns
    that say something ([`encoded`][]), each relative to its offset and in its unit, and decoded again.

    A schema is data: it is stored with a model, and prints in words.

    - `columns`: every column of the table, in order.
    - `form`: the kind of table that it is of, `"array"`, `"pyarrow"`, `"pandas"` or `"polars"`, which
      [`decode`][] gives back; a column has a name where the table has names (`named`).
    - `image_shape`: of a row that is an image, (height, width) or (height, width, channels).
    - `missing`: whether NaN stands for a value that was not observed.

    >>> import pyarrow
    >>> table = pyarrow.table({"born": [1.7e9 + 0.5, 1.7e9 + 0.25], "age": [30, 40], "planet": [3, 3]})
    >>> schema = Schema.of(table)
    >>> print(schema)
    3 columns
      born    real numbers from 1700000000.25 to 1700000000.5, kept as x − 1700000000.5
      age     whole numbers from 30 to 40
      planet  always 3: says nothing of a row, left out
    >>> schema.encode(table).tolist()
    [[0.0, 30.0], [-0.25, 40.0]]
    >>> schema.decode(schema.encode(table)) == table
    True
    """

    columns: tuple[Column, ...]
    form: str = "array"
    named: bool = False
    image_shape: tuple[int, ...] | None = None
    missing: bool = False

    @classmethod
    def of(
        cls,
        table: Any,
        name: str = "x",
        *,
        image_shape: tuple[int, ...] | None = None,
        missing: bool = False,
        counts: bool = False,
    ) -> Self:
        """What the columns of a table are, found in one look at each value.

        **Arguments:** `table`: an array, nested lists, or a frame of pandas, polars or pyarrow; `name`: what
        errors call it; `image_shape`: of a row, where rows are known to be images; `missing`: whether NaN
        stands for a value that was not observed; `counts`: that all columns are counts, which are kept as
        they are, constant ones too (a count that was 0 so far may be 1).

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for what is no table of finite numbers.
        """
        read = columns_of(table, name)
        if image_shape is not None and int(np.prod(image_shape)) != read.width:
            shape = " × ".join(map(str, image_shape))
            raise DataError(name, f"rows that are images of {shape} values", f"{read.width} columns")
        found = found_in(read, name, missing)
        as_they_are = counts or image_shape is not None or all(column.few for column in found)
        columns = found if as_they_are else tuple(map(Column.kept_for, found, read.arrays))
        if not as_they_are:
            columns = tuple(map(Column.stepped, columns, read.arrays))
        if any(column.levels is not None for column in columns):
            missing = missing or any(column.holes for column in columns if column.encoded)
        if image_shape is not None and all(column.dtype == "uint8" for column in columns):
            columns = tuple(replace(column, kind="grey") for column in columns)
        if not any(column.encoded for column in columns):
            columns = found  # a table in which nothing varies is kept as it is
        if not any(column.encoded for column in columns):
            raise DataError(name, "at least one value that was observed", "NaN alone")
        return cls(columns, read.form, read.names is not None, image_shape, missing)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns: x0, x1, … where the table has none."""
        return tuple(column.name for column in self.columns)

    @property
    def encoded(self) -> tuple[Column, ...]:
        """The columns that an encoded row has: those that are neither constant nor without any value."""
        return tuple(column for column in self.columns if column.encoded)

    def __str__(self) -> str:
        alike = self._alike
        if alike is not None:
            return alike
        width = max(len(column.name) for column in self.columns)
        lines = [f"  {column.name:<{width}}  {column.words}" for column in self.columns]
        return "\n".join([f"{len(self.columns)} column{'s' * (len(self.columns) > 1)}", *lines])

    @property
    def words(self) -> str:
        """What was found, in one line."""
        return self._alike or "; ".join(f"{column.name} {column.words}" for column in self.columns)

    @property
    def _alike(self) -> str | None:
        """All columns in one line, where they are of one kind and none is left out or kept in a unit."""
        if len({column.kin for column in self.columns}) > 1 or len(self.columns) < 2:
            return None
        if self.named and len(self.columns) <= 16:
            return None
        together = Column.together(self.columns)
        if self.image_shape is not None:
            return f"images of {'×'.join(map(str, self.image_shape))}, {together.words}"
        return f"{len(self.columns)} columns of {together.words}"

    def encode(self, table: Any, name: str = "x") -> np.ndarray:
        """The rows of `table` as numbers, (n, d), in the least type that holds them: each value relative to
        its column's offset and in its unit, computed before anything is rounded to float32. NaN stands for a
        value that was not observed. A data frame's columns are taken by their names; others are left aside.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] where a column is lacking, where an array
        has another number of columns, for what are no finite numbers, and for another value than the one of
        a column that was constant, which has probability 0.
        """
        read = self.held_against(table, name)
        x, odd = self._encoded(read, name)
        if len(odd):
            raise self._never_held(read, int(odd[0]), len(odd), name)
        return x

    def _encoded(self, read: Columns, name: str, *, looked_at: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The encoded rows, and the numbers of those that have probability 0, since a column holds another
        value than the one that it held throughout."""
        places = [place for place, column in enumerate(self.columns) if column.encoded]
        odd = np.zeros(read.length, bool)
        for place, column in enumerate(self.columns):
            odd |= column.outside(read.arrays[place])
        kept = read.taken(places)
        if all(column.as_it_is for column in self.encoded):
            x = matrix(kept, name, missing=self.missing, looked_at=looked_at)
        else:
            stored = [column.stored(values) for column, values in zip(self.encoded, kept.arrays, strict=True)]
            named = Columns(stored, tuple(column.name for column in self.encoded))
            x = stack(named, name, missing=self.missing, looked_at=looked_at)
        return x, np.flatnonzero(odd)

    def rows(self, table: Any, given: Any = None, name: str = "x") -> Rows:
        """The encoded rows of `table`, which know their schema, and those among them that have probability
        0: log p(x) of such a row is −∞."""
        if isinstance(table, Rows):
            return table
        x, odd = self._encoded(self.held_against(table, name), name)
        return Rows(x, conditions(given, len(x), name), schema=self, impossible=odd)

    def decode(self, x: np.ndarray) -> Any:
        """Encoded rows as a table of the kind that the schema is of, in its columns' own units and types.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for another number of columns.
        """
        return table_like(self.form, self.names, self.restored(x))

    def restored(self, x: np.ndarray) -> list[np.ndarray]:
        """The columns of such a table, each in its own type: what [`decode`][] puts together."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != len(self.encoded):
            raise DataError("x", f"encoded rows of {len(self.encoded)} values", f"shape {x.shape}")
        values = iter(np.moveaxis(x, 1, 0))
        return [
            column.restored(next(values)) if column.encoded else column.repeated(len(x))
            for column in self.columns
        ]

    def in_own_units(self, x: np.ndarray) -> np.ndarray:
        """Encoded rows, or means of such, as numbers in the table's own units: all columns, (n, columns).
        Where all are encoded as they are, `x` itself; so are the rows of a table with categories, which are
        numbers by their places among the levels alone: [`decode`][] makes a table of them."""
        if self.leveled or all(
            column.encoded and column.as_it_is and not column.decimals for column in self.columns
        ):
            return x
        values = iter(np.moveaxis(np.asarray(x, np.float64), 1, 0))
        return np.stack(
            [
                column.in_own_unit(next(values)) if column.encoded else column.repeated(len(x))
                for column in self.columns
            ],
            axis=1,
        )

    @property
    def leveled(self) -> bool:
        """Whether it has categories, so that a row is no vector of numbers."""
        return any(column.kind == "category" for column in self.columns)

    @property
    def mixed(self) -> bool:
        """Whether each column is to be modelled by its own kind: it has categories, or, where it is not wide,
        numbers that repeat, which have a mass. Real numbers alone do not, and few whole numbers are counts.
        """
        real = all(column.kind == "number" for column in self.encoded)
        alike = real or all(column.few for column in self.encoded)
        return self.leveled or not (alike or self.wide)

    @property
    def wide(self) -> bool:
        """Whether its columns are so many, pixels or genes, that they are of one kind."""
        return len(self.encoded) > _WIDE or self.image_shape is not None

    @property
    def log_units(self) -> np.ndarray:
        """The logarithms of the units of the encoded columns: what a density over encoded rows is less than
        one in the table's own units, each, in nats."""
        return np.log([float(column.unit) for column in self.encoded])

    def held_against(self, table: Any, name: str = "x") -> Columns:
        """The columns of `table` that are the schema's, in its order: by name where both have names, else by
        place.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] that names the columns that are lacking,
        or both numbers of columns.

        >>> import pyarrow
        >>> schema = Schema.of(pyarrow.table({"a": [1, 2], "b": [3.5, 4.5]}))
        >>> schema.held_against(pyarrow.table({"b": [0.5], "species": ["setosa"], "a": [7]})).names
        ('a', 'b')
        >>> schema.encode(pyarrow.table({"a": [7], "B": [0.5]}), "new.csv")
        Traceback (most recent call last):
        ...
        lowerbound.data.errors.DataError: new.csv: expected the columns that the model has, found no 'b' in \
'a', 'B'
        """
        read = columns_of(table, name)
        if self.named and read.names is not None:
            lacking = [column for column in self.names if column not in read.names]
            if lacking:
                found = f"no {_listed(lacking)}" + (f" in {_listed(read.names)}" if len(read.names) else "")
                raise DataError(name, "the columns that the model has", found)
            return read.taken([read.place(column, name) for column in self.names])
        if read.width != len(self.columns):
            raise DataError(name, f"{len(self.columns)} columns, as the model has", str(read.width))
        return replace(read, names=self.names if self.named else None)

    def _never_held(self, read: Columns, row: int, rows: int, name: str) -> DataError:
        place, column = next(
            (place, column)
            for place, column in enumerate(self.columns)
            if column.outside(read.arrays[place][row : row + 1])[0]
        )
        where = Place(row, column.name if self.named else place)
        more = f" ({rows} rows in all)" if rows > 1 else ""
        value = read.arrays[place][row]
        if column.kind == "constant":
            only = f"{column.low:g}" if column.levels is None else repr(column.levels[0])
            way_out = "leave the row out, or the column where the schema is made"
            return DataError(name, f"{only}, which that column always was", f"{value}{more}", where, way_out)
        if column.kind == "rounded":
            expected = f"numbers of {column.decimals} decimal{'s' * (column.decimals > 1)}"
            return DataError(name, expected, f"{value}{more}", where, "round it, or leave the row out")
        expected = f"one of the {len(column.levels or ())} values that the column had"
        return DataError(name, expected, f"{value!r}{more}", where, "leave the row out, or the value")

    def to_json(self) -> dict[str, Any]:
        """The schema as what JSON holds; [`from_json`][] gives it back."""
        return {
            "form": self.form,
            "named": self.named,
            "image_shape": None if self.image_shape is None else list(self.image_shape),
            "missing": self.missing,
            "columns": [asdict(column) for column in self.columns],
        }

    @classmethod
    def from_json(cls, record: Any) -> Self:
        """The schema of what [`to_json`][] gave.

        **Raises:** `ValueError` for anything else.

        >>> schema = Schema.of([[0, 1], [1, 1]])
        >>> Schema.from_json(schema.to_json()) == schema
        True
        """
        fields = {"form": str, "named": bool, "missing": bool, "columns": Sequence}
        if not isinstance(record, Mapping) or set(record) != {*fields, "image_shape"}:
            raise ValueError(f"schema: expected the fields {', '.join(fields)} and image_shape")
        for field, kind in fields.items():
            if not isinstance(record[field], kind):
                raise ValueError(f"schema.{field}: expected {kind.__name__}, found {record[field]!r}")
        shape = record["image_shape"]
        if shape is not None and not all(isinstance(n, int) and n > 0 for n in shape):
            raise ValueError(f"schema.image_shape: expected whole numbers, found {shape!r}")
        return cls(
            tuple(map(Column.from_json, record["columns"])),
            record["form"],
            record["named"],
            None if shape is None else tuple(shape),
            record["missing"],
        )


def described(
    table: Any,
    name: str = "x",
    *,
    image_shape: tuple[int, ...] | None = None,
    missing: bool = False,
    counts: bool = False,
) -> tuple[Schema, Rows]:
    """The schema that is found in a table, with the arguments of
    [`Schema.of`][lowerbound.data.schema.Schema.of], and the rows encoded by it: each value is looked at once.

    >>> schema, rows = described([[0, 16], [3, 7]])
    >>> print(schema)
    2 columns of whole numbers from 0 to 16
    >>> rows.x.tolist()
    [[0, 16], [3, 7]]
    """
    read = columns_of(table, name)
    schema = Schema.of(read, name, image_shape=image_shape, missing=missing, counts=counts)
    x, _ = schema._encoded(read, name, looked_at=True)
    return schema, Rows(x, schema=schema)


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
