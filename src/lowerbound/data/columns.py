"""One column of a table: what it holds, and the unit in which it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Literal, Self, get_args

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.levels import off_level
from lowerbound.data.tables import NUMBER, Columns, blocks, check_column, check_finite

__all__ = ["Column", "Kind", "found_in"]

Kind = Literal[
    "number",
    "rounded",
    "whole",
    "bit",
    "grey",
    "category",
    "constant",
    "missing",
    "identifier",
    "text",
]

# Kinds that an encoded row does not hold, and why.
_LEFT_OUT = {
    "constant": "says nothing of a row",
    "missing": "no value at all",
    "identifier": "names of rows",
    "text": "free text",
}

# Whole numbers up to this are exact in float32.
_EXACT = 2**24
# Real numbers lose no more than 4 of float32's 24 bits where none is so many times their spread.
_SPREADS = 16
# Text of more different values is no category, unless each stands for twenty rows; so many that all differ
# are names. Of levels so many are shown.
_TEXT_LEVELS, _NAMES, _SHOWN = 64, 20, 6
# Numbers are rounded where they have so many decimals at most, and each stands for so many rows in the mean;
# with so few decimals in so many rows it is enough that one repeats.
_DECIMALS, _REPEATS, _SHORT, _ROWS = 6, 2, 2, 100
# Magnitudes between which sums and squares stay inside float32's range.
_LEAST, _GREATEST = 1e-30, 1e30


@dataclass(frozen=True)
class Column:
    """What a column of a table holds, and how it is kept: as (x − `offset`)/`unit`.

    - `kind`: `number` (real numbers), `rounded` (numbers of a few `decimals`, which repeat), `whole` (whole
      numbers), `bit` (0 and 1), `grey` (a pixel of an 8-bit image), `category` (one of some `levels`), and
      those that are left out: `constant` (one value, which says nothing of a row), `missing` (no value),
      `identifier` (text that names a row), `text` (free text).
    - `dtype`: the type of the table's column, by NumPy's name; `object` of text.
    - `levels`: of a category, in order; a value is kept as its place among them.
    - `low`, `high`: the least and the greatest value that was observed; `holes`: how many are missing.
    - `offset`, `unit`: 0 and 1 unless the values would lose their digits in float32. Whole numbers above 2²⁴
      are counted from the least in their greatest common step; real numbers are taken relative to one of
      them where they are far from 0 for their spread, and in a power of two where they leave 1e-30 … 1e30.

    >>> seconds = np.array([1_700_000_000, 1_700_003_600, 1_700_010_800])
    >>> column = found_in(Columns([seconds], ("t",)), "x", missing=False)[0].kept_for(seconds)
    >>> column.offset, column.unit, column.stored(seconds).tolist()
    (1700000000, 3600, [0, 1, 3])
    >>> column.restored(column.stored(seconds)).tolist() == seconds.tolist()
    True
    """

    name: str
    kind: Kind
    dtype: str
    low: float | int | None = None
    high: float | int | None = None
    holes: int = 0
    offset: float | int = 0
    unit: float | int = 1
    levels: tuple[str, ...] | None = None
    decimals: int = 0

    @property
    def encoded(self) -> bool:
        """Whether an encoded row holds it."""
        return self.kind not in _LEFT_OUT

    @property
    def as_it_is(self) -> bool:
        """Whether its values are kept as they are."""
        return self.levels is None and self.offset == 0 and self.unit == 1

    @property
    def whole(self) -> bool:
        """Whether all that was observed are whole numbers."""
        return self.kind in ("whole", "bit", "grey") or (
            self.kind == "constant" and self.low is not None and float(self.low).is_integer()
        )

    @property
    def few(self) -> bool:
        """Whether all that was observed are whole numbers from 0 to a few, 64."""
        return self.kind == "missing" or (self.whole and (self.low or 0) >= 0 and (self.high or 0) <= 64)

    @property
    def words(self) -> str:
        """What was found, and what becomes of it."""
        if self.kind == "missing":
            return "no value at all: left out"
        if self.kind == "constant":
            value = _number(self.low) if self.levels is None else repr(self.levels[0])
            return f"always {value}: says nothing of a row, left out"
        missing = f", {self.holes} missing" if self.holes else ""
        if not self.encoded:
            values = "all different" if self.kind == "identifier" else f"{self.high} different"
            return f"text, {values}{missing}: {_LEFT_OUT[self.kind]}, left out"
        return f"{self._values}{missing}{self._kept}"

    @property
    def _values(self) -> str:
        if self.kind == "bit":
            return "values 0 and 1"
        if self.levels is not None:
            shown = ", ".join(self.levels[:_SHOWN]) + (", …" if len(self.levels) > _SHOWN else "")
            return f"one of {len(self.levels)}: {shown}"
        if self.kind == "rounded":
            return f"numbers from {self.low:g} to {self.high:g} in steps of {10.0**-self.decimals:g}"
        words = {"whole": "whole numbers", "grey": "8-bit levels", "number": "real numbers"}[self.kind]
        digits = ".4g" if self.as_it_is else ".15g"
        real = self.kind == "number"
        low, high = (f"{end:{digits}}" if real else _number(end) for end in (self.low, self.high))
        return f"{words} from {low} to {high}"

    @property
    def _kept(self) -> str:
        if self.as_it_is or self.levels is not None:
            return ""
        if self.kind == "grey":
            return " in steps of 1/255"
        sign = "−" if self.offset > 0 else "+"
        moved = "x" if self.offset == 0 else f"x {sign} {_number(abs(self.offset))}"
        if self.unit == 1:
            return f", kept as {moved}"
        return f", kept as {f'({moved})' if self.offset else moved}/{_number(self.unit)}"

    @property
    def kin(self) -> str:
        """What columns are that one line says of together."""
        if self.kind == "grey":
            return "grey" if self.as_it_is else "grey in steps"
        return ("whole" if self.whole else self.kind) if self.encoded and self.as_it_is else self.words

    @classmethod
    def together(cls, columns: Sequence[Self]) -> Self:
        """Columns that are akin as if they were one."""
        low = min(column.low for column in columns if column.low is not None)
        high = max(column.high for column in columns if column.high is not None)
        kinds = {column.kind for column in columns}
        kind: Kind = "whole" if len(kinds) > 1 else columns[0].kind
        return replace(columns[0], low=low, high=high, kind=kind, holes=sum(c.holes for c in columns))

    def kept_for(self, values: np.ndarray) -> Self:
        """The column with the offset and the unit that keep the digits of its `values`."""
        if self.low is None or self.high is None or self.levels is not None or not self.encoded:
            return self
        if self.low == self.high:
            return replace(self, kind="constant")
        far = max(abs(self.low), abs(self.high))
        if far <= _EXACT if self.whole else _plain(self.low, self.high):
            return self
        values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        if self.whole and far < 2**62:
            steps = values.astype(np.int64) - int(self.low)
            unit = int(np.gcd.reduce(steps))
            if int(steps.max()) // unit < _EXACT:
                return replace(self, offset=int(self.low), unit=unit)
        return replace(self, **_relative(np.asarray(values, np.float64), self.whole))

    def stepped(self, values: np.ndarray) -> Self:
        """The column of real numbers as rounded ones, where its `values` have few decimals and repeat."""
        if self.kind != "number" or not self.as_it_is:
            return self
        observed = values[~np.isnan(values)]
        n, different = len(observed), len(np.unique(observed))
        most = _DECIMALS if n >= _REPEATS * different else _SHORT if n >= _ROWS and n > different else 0
        for decimals in range(1, most + 1):
            if (np.round(observed, decimals) == observed).all():
                return replace(self, kind="rounded", decimals=decimals) if self._counts(decimals) else self
        return self

    def _counts(self, decimals: int) -> bool:
        """Whether float32 tells steps of 10 to the power of −`decimals` apart."""
        return max(abs(self.low or 0), abs(self.high or 0)) * 10**decimals < _EXACT / 4

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Which values have probability 0, since the column never held them: another than the one of a
        constant column, another level than those of a category or of a pixel, a number between two steps."""
        if self.levels is not None:
            known = {None, *self.levels}
            return np.asarray([value not in known for value in _cells(values)])
        if self.kind == "grey" and not self.as_it_is:
            return off_level(values)
        if self.kind not in ("rounded", "constant"):
            return np.zeros(len(values), bool)
        numbers = np.asarray(values, np.float64)
        if self.kind == "rounded":
            off = np.abs(numbers - np.round(numbers, self.decimals))
            return np.asarray(off > 1e-3 * 10.0**-self.decimals)
        return np.asarray((numbers != self.low) & ~np.isnan(numbers))

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Values of the table's column as they are kept, before they are rounded to float32. A level that the
        column has not is kept as the first."""
        if self.levels is not None:
            place: dict[Any, float] = {level: i for i, level in enumerate(self.levels)} | {None: np.nan}
            return np.asarray([place.get(value, 0.0) for value in _cells(values)], np.float64)
        if self.as_it_is:
            return values
        if self.kind == "grey":
            return np.rint(np.asarray(values, np.float64) / self.unit)
        if values.dtype.kind in "iu" and isinstance(self.offset, int) and isinstance(self.unit, int):
            moved = values.astype(np.int64) - self.offset
            steps, rest = np.divmod(moved, self.unit)
            return moved / self.unit if rest.any() else steps
        return np.asarray((values.astype(np.float64) - self.offset) / self.unit)

    def in_own_unit(self, kept: np.ndarray) -> np.ndarray:
        """What is kept, or means of such, as real numbers in the table's unit; a rounded number is the float
        that its decimals name."""
        own = np.asarray(kept, np.float64) * self.unit + self.offset
        if self.kind == "grey" and not self.as_it_is:
            return np.asarray(kept, np.float64) / 255
        if self.kind != "rounded":
            return own
        nearest = np.round(own, self.decimals)
        return np.where(np.abs(own - nearest) < 1e-3 * 10.0**-self.decimals, nearest, own)

    def restored(self, kept: np.ndarray) -> np.ndarray:
        """What is kept as values of the table's column, in its type: whole numbers are the nearest, and a
        column with missing values is real."""
        dtype = np.dtype(self.dtype)
        real = kept.astype(np.float64)
        if self.levels is not None:
            return self._of_levels(np.where(np.isnan(real), -1, np.rint(real)).astype(int))
        if dtype.kind == "f" or np.isnan(real).any():
            own = np.round(real, self.decimals) if self.kind == "rounded" else self.in_own_unit(real)
            return own.astype(dtype if dtype.kind == "f" else np.float64)
        if dtype.kind == "b":
            return np.rint(real) != 0
        limits = np.iinfo(dtype)
        if isinstance(self.unit, int) and isinstance(self.offset, int) and abs(self.offset) < 2**62:
            steps = np.rint(real).astype(np.int64)
            return np.clip(steps * self.unit + self.offset, limits.min, limits.max).astype(dtype)
        return np.clip(np.rint(real * self.unit + self.offset), limits.min, limits.max).astype(dtype)

    def _of_levels(self, place: np.ndarray) -> np.ndarray:
        """The levels at these places, −1 where there is none."""
        return np.array([*(self.levels or ()), None], object)[place]

    def repeated(self, n: int) -> np.ndarray:
        """A column that is left out, `n` rows of it: its one value, or none."""
        if np.dtype(self.dtype).kind == "O":
            return np.full(n, self.levels[0] if self.levels else None, object)
        if self.low is None:
            return np.full(n, np.nan)
        return np.full(n, self.low, np.dtype(self.dtype))

    @classmethod
    def from_json(cls, record: Any) -> Self:
        """The column whose fields `record` holds.

        **Raises:** `ValueError` for anything else.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(record, Mapping) or set(record) != names:
            raise ValueError(f"schema.columns: expected the fields {', '.join(sorted(names))}")
        if record["kind"] not in get_args(Kind):
            raise ValueError(f"schema.columns: expected a kind of {get_args(Kind)}, found {record['kind']!r}")
        for name in ("name", "dtype"):
            if not isinstance(record[name], str):
                raise ValueError(f"schema.columns.{name}: expected text, found {record[name]!r}")
        np.dtype(record["dtype"])
        for name in ("low", "high", "holes", "offset", "unit", "decimals"):
            value, optional = record[name], name in ("low", "high")
            if not (isinstance(value, int | float) or (optional and value is None)):
                raise ValueError(f"schema.columns.{name}: expected a number, found {value!r}")
        levels = record["levels"]
        if levels is not None and not all(isinstance(level, str) for level in levels):
            raise ValueError(f"schema.columns.levels: expected text, found {levels!r:.60}")
        return cls(**{**record, "levels": None if levels is None else tuple(levels)})


def found_in(read: Columns, name: str, missing: bool) -> tuple[Column, ...]:
    """What is found in each column, as it is, in one look at each value.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for anything but finite numbers; NaN passes
    where `missing`.
    """
    if not read.width or not read.length:
        raise DataError(name, "at least one row", f"none (columns: {read.width})")
    labels = read.names or tuple(f"x{j}" for j in range(read.width))
    if isinstance(read.arrays, np.ndarray):
        table = read.arrays.T
        low, high, holes, whole = _looked_at(table, lambda: check_finite(table, name, missing), missing)
        dtypes = [str(table.dtype.newbyteorder("="))] * read.width
        return tuple(map(_column, labels, dtypes, low, high, holes, whole))
    columns = []
    # A table that has text says itself whether values are missing.
    missing = missing or any(array.dtype.kind == "O" for array in read.arrays)
    for place, (label, array) in enumerate(zip(labels, read.arrays, strict=True)):
        told = place if read.names is None else label
        if array.dtype.kind == "O":
            columns.append(_of_text(label, array, name, told))
            continue
        check_column(array, name, told, missing, finite=False)
        check = partial(check_column, array, name, told, missing)

        low, high, holes, whole = _looked_at(array[:, None], check, missing)
        columns.append(
            _column(label, str(array.dtype.newbyteorder("=")), low[0], high[0], holes[0], whole[0])
        )
    return tuple(columns)


def _looked_at(table: np.ndarray, check: Any, missing: bool) -> tuple[np.ndarray, ...]:
    """The least and the greatest value of each column, how many are missing, and whether all are whole; a
    table whose values are not all finite is handed to `check`, which names the place."""
    real = table.dtype.kind == "f"
    low: list[np.ndarray] = []
    high: list[np.ndarray] = []
    holes, whole = np.zeros(table.shape[1], int), np.ones(table.shape[1], bool)
    for block in blocks(table):
        low.append(np.fmin.reduce(block, axis=0))
        high.append(np.fmax.reduce(block, axis=0))
        if real:
            holes += np.isnan(block).sum(0)
            with np.errstate(invalid="ignore"):  # infinity has no fraction
                whole &= ~(np.fmax.reduce(block - np.floor(block), axis=0) > 0)
    least, greatest = np.fmin.reduce(low, axis=0), np.fmax.reduce(high, axis=0)
    if real and (np.isinf(least).any() or np.isinf(greatest).any() or (holes.any() and not missing)):
        check()
    return least, greatest, holes, whole


def _column(label: str, dtype: str, low: Any, high: Any, holes: Any, whole: Any) -> Column:
    if np.isnan(low):
        return Column(label, "missing", dtype, holes=int(holes))
    low, high = (int(low), int(high)) if whole else (float(low), float(high))
    kind: Kind = "number" if not whole else ("bit" if low >= 0 and high <= 1 else "whole")
    return Column(label, kind, dtype, low, high, int(holes))


def _of_text(label: str, array: np.ndarray, name: str, told: int | str) -> Column:
    """A column of text: a category where its values repeat.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a column that is none, of numbers but for
    some cells.
    """
    cells = [cell for cell in _cells(array) if cell is not None]
    if any(not isinstance(cell, str) for cell in cells) or 2 * sum(map(_reads, cells)) >= max(len(cells), 1):
        check_column(array, name, told, missing=True)
    holes, levels = len(array) - len(cells), tuple(sorted(set(cells)))
    column = Column(label, "category", "object", 0, len(levels) - 1, holes, levels=levels)
    if not cells:
        return replace(column, kind="missing", low=None, high=None, levels=None)
    if len(levels) == 1:
        return replace(column, kind="constant")
    if len(levels) > max(_TEXT_LEVELS, len(cells) / 20) or (len(levels) == len(cells) > _NAMES):
        kind: Kind = "identifier" if len(levels) == len(cells) else "text"
        return replace(column, kind=kind, high=len(levels), levels=None)
    return column


def _reads(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None


def _cells(values: np.ndarray) -> list[Any]:
    """Values as Python's own, None for a missing one."""
    return [None if value is None or value != value else value for value in values.tolist()]


def _plain(low: float, high: float) -> bool:
    """Whether real numbers between these keep their digits in float32 whatever lies between."""
    far = max(abs(low), abs(high))
    return _LEAST <= far <= 2**20 and far <= _SPREADS * (high - low)


def _relative(values: np.ndarray, whole: bool) -> dict[str, Any]:
    """The offset and the unit of real numbers: one of them, and a power of two, where they are needed."""
    middle = len(values) // 2
    quarter = len(values) // 4
    ordered = np.partition(values, (quarter, middle, len(values) - 1 - quarter))
    spread = ordered[len(values) - 1 - quarter] - ordered[quarter] or values.max() - values.min()
    offset: float | int = ordered[middle].item() if abs(ordered[middle]) > _SPREADS * spread else 0
    reach = float(np.abs(values - offset).max())
    unit: float | int = 1 if _LEAST <= reach <= _GREATEST else 2.0 ** round(math.log2(reach))
    return {"offset": int(offset) if whole else offset, "unit": unit}


def _number(value: float | int | None) -> str:
    return str(value) if isinstance(value, int) else f"{value!r}"
