"""The schema of a table: what its columns are, and so how a row is encoded as numbers and decoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self, get_args

import numpy as np

from lowerbound.archive.checked import Checked
from lowerbound.data.columns import Column
from lowerbound.data.copies import checked_columns, disagreeing, filled, followed
from lowerbound.data.errors import DataError
from lowerbound.data.kinds import by_name, kinds_of
from lowerbound.data.lacking import by_their_names
from lowerbound.data.pixels import kind_of_image
from lowerbound.data.refused import never_held, no_times
from lowerbound.data.rows import Rows, conditions
from lowerbound.data.said import Said
from lowerbound.data.settled import holes_in, without
from lowerbound.data.stored import schema_fields
from lowerbound.data.tables import Columns, columns_of, matrix, stack, table_like
from lowerbound.data.times import kind_of
from lowerbound.parts import nearest

__all__ = ["Kinds", "Schema", "Unseen", "described"]

# What becomes of a level that a column never had: its row has probability 0, or it is taken for missing.
Unseen = Literal["refuse", "missing"]

# Numbers of more columns than so many, pixels and genes, are of one kind.
_WIDE = 128


@dataclass(frozen=True)
class Schema(Checked):
    """What the columns of a table are. A row is encoded as a vector of numbers, one for each of the columns
    that say something ([`encoded`][]), several for one of text as tokens, each relative to its offset and in
    its unit, and decoded again.

    A schema is data: it is stored with a model, and prints in words.

    - `columns`: every column of the table, in order.
    - `form`: the kind of table that it is of, `"array"`, `"pyarrow"`, `"pandas"` or `"polars"`, which
      [`decode`][] gives back; a column has a name where the table has names (`named`).
    - `image_shape`: of a row that is an image, (height, width) or (height, width, channels).
    - `missing`: whether NaN stands for a value that was not observed.
    - `unseen`: what becomes of a level that a category never had: `"refuse"`, it has probability 0, or
      `"missing"`, it is taken for a value that was not observed.
    - `targets`: columns that are told from the others ([`telling`][]).

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
    unseen: Unseen = "refuse"
    targets: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        table: Any,
        name: str = "x",
        *,
        image_shape: tuple[int, ...] | None = None,
        missing: bool = False,
        counts: bool = False,
        kinds: Kinds | None = None,
        unseen: Unseen = "refuse",
        beside: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """What the columns of a table are, found in one look at each value.

        **Arguments:** `table`: an array, nested lists, or a frame of pandas, polars or pyarrow; `name`: what
        errors call it; `image_shape`: of a row, where rows are known to be images; `missing`: whether NaN
        stands for a value that was not observed; `counts`: that all columns are counts, which are kept as
        they are, constant ones too (a count that was 0 so far may be 1); `kinds`: what some columns are, by
        name, where the guess is wrong, {"zip": "category"}: one of `number`, `rounded`, `whole`, `bit`,
        `category`, `ordered` (a category whose levels are in order), `date`, `time`, `span`, text as a
        sequence of `tokens` (characters), `words` or tokens of `smiles`, a `molecule`, and, of what is left
        out, `identifier` and `text`; or a schema, whose kinds, levels and their orders are taken while all
        else is found anew; `unseen`: what becomes of levels that a category never had; `beside`: of each
        column more cells, where the rows are a sample: its ends, and levels that no row of the sample has.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for what is no table of finite numbers,
        text and times, for a column that `kinds` names and is not there, and for a kind that cannot hold a
        column's values, with the first that it cannot.

        >>> import pyarrow
        >>> table = pyarrow.table({"zip": [8001, 702, 8001], "height": [1.5, 1.75, 1.8]})
        >>> print(Schema.of(table, kinds={"zip": "category"}))
        2 columns
          zip     one of 2: 702, 8001
          height  real numbers from 1.5 to 1.8
        """
        read, said = columns_of(table, name), kinds if isinstance(kinds, Schema) else cls(())
        missing, unseen = missing or said.missing, said.unseen if isinstance(kinds, Schema) else unseen
        labels = read.names or tuple(f"x{j}" for j in range(read.width))
        named = by_name(kinds_of(said.columns) if isinstance(kinds, Schema) else kinds, labels, name)
        if image_shape is not None and int(np.prod(image_shape)) != read.width:
            shape = " × ".join(map(str, image_shape))
            raise DataError(name, f"rows that are images of {shape} values", f"{read.width} columns")
        of_them = Said(named, said.columns, image_shape, counts)
        columns, missing = of_them.columns_of(read, name, missing=missing, beside=beside)
        missing = missing or unseen == "missing"
        return cls(columns, read.form, read.names is not None, image_shape, missing, unseen)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all columns: x0, x1, … where the table has none."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def encoded(self) -> tuple[Column, ...]:
        """The columns that an encoded row has: those that are neither constant nor without any value."""
        return tuple(column for column in self.columns if column.encoded)

    @cached_property
    def placed(self) -> tuple[Column, ...]:
        """The column that each place of an encoded row is of: [`encoded`][], but that one of text as tokens
        stands as often as it has places."""
        return tuple(column for column in self.encoded for _ in range(column.places))

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """The place of an encoded row at which each of the columns that it has begins."""
        return tuple(np.cumsum([0, *(column.places for column in self.encoded[:-1])]).tolist())

    def apart(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Of encoded rows what each column keeps, (n,), or (n, places) of one that has several."""
        for first, column in zip(self.firsts, self.encoded, strict=True):
            yield x[:, first] if column.tokens is None else x[:, first : first + column.places]

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
            shape = "×".join(map(str, self.image_shape[:2]))
            return f"{kind_of_image(self.image_shape)} images of {shape}, {together.words}"
        return f"{len(self.columns)} columns of {together.words}"

    def taking_missing(self) -> Self:
        """The same of tables in which NaN stands for a value that was not observed."""
        return replace(self, missing=True)

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
            raise never_held(self, read, odd, name)
        return x

    def _encoded(self, read: Columns, name: str, *, looked_at: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The encoded rows of columns that are typed as the schema's, and the numbers of those that have
        probability 0, since a column holds what it never held."""
        if self.free and isinstance(read.arrays, np.ndarray):
            return matrix(read, name, missing=self.missing, looked_at=looked_at), np.zeros(0, int)
        places = [place for place, column in enumerate(self.columns) if column.encoded]
        odd = np.zeros(read.length, bool)
        for place, column in enumerate(self.columns):
            odd |= column.outside(read.arrays[place])
        for differs in disagreeing(self.columns, read.arrays).values():
            odd |= differs
        kept = self._filled(read).taken(places)
        if all(column.as_it_is for column in self.encoded):
            x = matrix(kept, name, missing=self.missing, looked_at=looked_at)
        else:
            stored, names = [], []
            for column, values in zip(self.encoded, kept.arrays, strict=True):
                several = column.stored(values).reshape(len(values), -1).T
                stored += [*several]
                names += [*column.place_names]
            x = stack(Columns(stored, tuple(names)), name, missing=self.missing, looked_at=looked_at)
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
        return self.table(self.restored(x))

    def table(self, arrays: Sequence[np.ndarray]) -> Any:
        """Columns in their own types as a table of the kind that the schema is of."""
        return table_like(self.form, self.names, arrays, [column.own_type for column in self.columns])

    def restored(self, x: np.ndarray) -> list[np.ndarray]:
        """The columns of such a table, each in its own type: what [`decode`][] puts together."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != len(self.placed):
            raise DataError("x", f"encoded rows of {len(self.placed)} values", f"shape {x.shape}")
        values = self.apart(x)
        own = [
            column.restored(next(values)) if column.encoded else column.repeated(len(x))
            for column in self.columns
        ]
        return followed(self.columns, own)

    def in_own_units(self, x: np.ndarray) -> np.ndarray:
        """Encoded rows, or means of such, as numbers in the table's own units: all columns, (n, columns).
        Where all are encoded as they are, `x` itself; so are the rows of a table with categories, which are
        numbers by their places among the levels alone: [`decode`][] makes a table of them."""
        if not self.numeric or all(
            column.encoded and column.as_it_is and not column.decimals for column in self.columns
        ):
            return x
        values = iter(np.moveaxis(np.asarray(x, np.float64), 1, 0))
        own = [
            column.in_own_unit(next(values)) if column.encoded else column.repeated(len(x))
            for column in self.columns
        ]
        return np.stack(followed(self.columns, own), axis=1)

    def _filled(self, read: Columns) -> Columns:
        """The columns with what an original lacks and its copy says."""
        if all(column.original is None for column in self.columns):
            return read
        return replace(read, arrays=filled(self.columns, read.arrays))

    @cached_property
    def numeric(self) -> bool:
        """Whether all columns are numbers, so that a row is a vector of them: none is a category, a date or a
        time."""
        return all(column.numeric for column in self.columns)

    @cached_property
    def as_it_is(self) -> bool:
        """Whether an encoded row is the table's, number by number: no column is left out or has a unit."""
        return all(column.encoded and column.as_it_is for column in self.columns)

    @cached_property
    def free(self) -> bool:
        """Whether each number may stand in each column, and is kept as it is."""
        return self.as_it_is and all(column.free and column.original is None for column in self.columns)

    @property
    def mixed(self) -> bool:
        """Whether each column is to be modelled by its own kind: it has categories, or, where it is not wide,
        numbers that repeat, which have a mass. Real numbers alone do not, and few whole numbers are counts.
        """
        real = all(column.kind == "number" for column in self.encoded)
        alike = real or all(column.few for column in self.encoded)
        return not (self.numeric and (alike or self.wide))

    @property
    def wide(self) -> bool:
        """Whether its columns are so many, pixels or genes, that they are of one kind."""
        return len(self.encoded) > _WIDE or self.image_shape is not None

    @property
    def log_units(self) -> np.ndarray:
        """The logarithms of the units of the encoded columns: what a density over encoded rows is less than
        one in the table's own units, each, in nats."""
        return np.log([float(column.unit) for column in self.placed])

    def held_against(self, table: Any, name: str = "x") -> Columns:
        """The columns of `table` that are the schema's, in its order: by name where both have names, else by
        place. Of those that it lacks one that is left out, that another says again, or that is a target, has
        no value.

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
            return self._typed(by_their_names(self.columns, read, name, self.targets), name)
        if read.width != len(self.columns):
            raise DataError(name, f"{len(self.columns)} columns, as the model has", str(read.width))
        return self._typed(replace(read, names=self.names if self.named else None), name)

    def telling(self, targets: str | Sequence[str]) -> Self:
        """The same schema, of a model that tells these columns, or one, from the others without seeing them:
        a table may lack them, or some of their values.

        **Raises:** `ValueError` for a column that there is not, and where no other is left.

        >>> import pyarrow
        >>> schema = Schema.of(pyarrow.table({"a": [1.5, 2.5], "b": [3.5, 4.5]})).telling("b")
        >>> schema.encode(pyarrow.table({"a": [1.5]})).tolist()
        [[1.5, nan]]
        """
        names = (targets,) if isinstance(targets, str) else tuple(targets)
        self.check_named("targets", names)
        if names and {column.name for column in self.encoded} <= {*names}:
            raise ValueError("targets: expected a column that the encoder sees besides, found none")
        return replace(self, targets=names, missing=self.missing or bool(names))

    def check_named(self, option: str, columns: Iterable[str]) -> None:
        """Whether an encoded row has these `columns`, which an `option` names.

        **Raises:** `ValueError` for one that it has not, with the nearest.
        """
        known = [column.name for column in self.encoded]
        for name in columns:
            if name not in known:
                raise ValueError(f"{option}: no column is called {name!r}; {nearest(name, known)}")

    def letting(self, unseen: Unseen) -> Self:
        """The same schema, with what becomes of levels that its categories never had."""
        return replace(self, unseen=unseen, missing=self.missing or unseen == "missing")

    def _typed(self, read: Columns, name: str) -> Columns:
        """The columns as the schema's have them: text that reads as dates where those are, and, where an
        unseen level is missing, without it.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for what are no dates, times or time spans
        in a column of such.
        """
        if self.numeric and isinstance(read.arrays, np.ndarray):
            return read
        arrays = [column.typed(values) for column, values in zip(self.columns, read.arrays, strict=True)]
        for place, (column, values) in enumerate(zip(self.columns, arrays, strict=True)):
            if kind_of(values) != column.time and column.timed and not holes_in(values).all():
                raise no_times(column, values, name, column.name if self.named else place)
            if (
                self.unseen == "missing"
                and column.levels is not None
                and (odd := column.unseen(values)).any()
            ):
                arrays[place] = without(values, odd)
        if all(new is old for new, old in zip(arrays, read.arrays, strict=False)):
            return read
        return replace(read, arrays=arrays)

    def named_in(self, error: DataError) -> DataError:
        """An error of encoded rows, whose place is a column's number, with the name that the column has."""
        if not self.named or not isinstance(error.place.column, int):
            return error
        place = error.place._replace(column=self.placed[error.place.column].name)
        return DataError(error.source, error.expected, error.found, place, error.way_out)

    def to_json(self) -> dict[str, Any]:
        """The schema as what JSON holds; [`from_json`][] gives it back."""
        return {
            "form": self.form,
            "named": self.named,
            "image_shape": None if self.image_shape is None else list(self.image_shape),
            "missing": self.missing,
            "unseen": self.unseen,
            "targets": [*self.targets],
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
        known = schema_fields(record, get_args(Unseen))
        return cls(columns=checked_columns(map(Column.from_json, known.pop("columns"))), **known)

    def checked(self) -> Self:
        return self.from_json(self.to_json())


def described(
    table: Any,
    name: str = "x",
    *,
    image_shape: tuple[int, ...] | None = None,
    missing: bool = False,
    counts: bool = False,
    kinds: Kinds | None = None,
    unseen: Unseen = "refuse",
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
    schema = Schema.of(
        read, name, image_shape=image_shape, missing=missing, counts=counts, kinds=kinds, unseen=unseen
    )
    x, _ = schema._encoded(schema._typed(read, name), name, looked_at=True)
    return schema, Rows(x, schema=schema)


# What some columns are, by name, or a schema that says it.
Kinds = Mapping[str, str] | Schema
