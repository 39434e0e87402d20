"""One column of a table: what it holds, and the unit in which it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

import numpy as np

from lowerbound.data.declared import Declared, level_names, typed_levels
from lowerbound.data.levels import off_level
from lowerbound.data.named_kinds import TIMES, TimeKind
from lowerbound.data.numbers import NUMBER
from lowerbound.data.settled import holes_in
from lowerbound.data.stored import column_fields
from lowerbound.data.times import (
    blank,
    kind_of,
    of_ticks,
    parsed,
    periods,
    shown,
    ticks_of,
)
from lowerbound.data.tokens import Tokens
from lowerbound.data.units import plain, relative
from lowerbound.data.wording import LEFT_OUT, number_words, words_of

__all__ = ["DECIMALS", "Column", "Kind"]

Kind = Literal[
    "number",
    "rounded",
    "whole",
    "bit",
    "grey",
    "category",
    "tokens",
    "date",
    "time",
    "span",
    "constant",
    "missing",
    "identifier",
    "text",
    "copy",
]

# Those that are no numbers to a person.
_NO_NUMBERS = ("category", "tokens", *TIMES)
_OF_NUMBERS = ("number", "rounded", "whole", "bit", "grey", "copy")

# Whole numbers up to this are exact in float32.
_EXACT = 2**24
# Numbers are rounded where they have so many decimals at most, and each stands for so many rows in the mean;
# with so few decimals in so many rows it is enough that one repeats.
DECIMALS, _REPEATS, _SHORT, _ROWS = 6, 2, 2, 100


@dataclass(frozen=True)
class Column:
    """What a column of a table holds, and how it is kept: as (x − `offset`)/`unit`.

    - `kind`: `number` (real numbers), `rounded` (numbers of a few `decimals`, which repeat), `whole` (whole
      numbers), `bit` (0 and 1), `grey` (a pixel of an 8-bit image), `category` (one of some `levels`),
      `tokens` (text as a sequence of `tokens`, which takes several places of an encoded row), `date` (with a
      time or without), `time` (of the day), `span` (of time), and those that are left out: `constant` (one
      value, which says nothing of a row), `missing` (no value), `identifier` (what names a row), `text` (free
      text), `copy` (what another column says, its `original`: the same numbers, or values that go with its,
      one for one: `levels` with `partners`).
    - `dtype`: the type of the table's column, by NumPy's name; `object` of text and of times of the day.
    - `levels`: of a category, in order, as text, numbers too; a value is kept as its place among them.
      `ordered`: whether that is an order of more and less. `declared`: whether the table's own type says the
      levels (a categorical type, a dictionary, an Enum), or that whole numbers and truth values may lack,
      so that the column is given back in such a type.
    - `low`, `high`: the least and the greatest value that was observed; of times in the unit of the dtype,
      since 1970 or since midnight; `holes`: how many are missing. `zone`: of dates that have one.
    - `offset`, `unit`: 0 and 1 unless the values would lose their digits in float32. Whole numbers above 2²⁴
      are counted from the least in their greatest common step; real numbers are taken relative to one of
      them where they are far from 0 for their spread, and in a power of two where they leave 1e-30 … 1e30.
      Times are counted from the first in their greatest common step.

    >>> seconds = np.array([1_700_000_000, 1_700_003_600, 1_700_010_800])
    >>> column = Column("t", "whole", "int64", 1_700_000_000, 1_700_010_800).kept_for(seconds)
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
    ordered: bool = False
    declared: bool = False
    zone: str | None = None
    original: str | None = None
    partners: tuple[str, ...] | None = None
    tokens: Tokens | None = None

    @property
    def encoded(self) -> bool:
        """Whether an encoded row holds it."""
        return self.kind not in LEFT_OUT

    @property
    def places(self) -> int:
        """How many numbers of an encoded row are its value."""
        return 0 if not self.encoded else 1 if self.tokens is None else self.tokens.length

    @property
    def place_names(self) -> tuple[str, ...]:
        """What each of these is called."""
        if self.tokens is None:
            return (self.name,)
        return tuple(f"{self.name}[{number}]" for number in range(self.places))

    @property
    def choices(self) -> int:
        """How many levels there are, or tokens with the end; 0 of what is neither."""
        return len(self.levels or ()) if self.tokens is None else self.tokens.levels

    @property
    def as_it_is(self) -> bool:
        """Whether its values are kept as they are."""
        numbers = self.levels is None and self.tokens is None and not self.timed
        return numbers and self.offset == 0 and self.unit == 1

    @property
    def free(self) -> bool:
        """Whether no number is [`outside`][] of it."""
        return self.as_it_is and self.kind not in ("rounded", "constant")

    @property
    def time(self) -> TimeKind | None:
        """Which times it holds, one or more: dates, times of the day or time spans; None of others."""
        if self.kind not in (*TIMES, "constant") or self.low is None or self.levels is not None:
            return None
        of_dtype: dict[str, TimeKind] = {"M": "date", "m": "span", "O": "time"}
        return of_dtype.get(np.dtype(self.dtype).kind)

    @property
    def timed(self) -> bool:
        """Whether it holds dates, times or time spans."""
        return self.time is not None

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers to a person."""
        return self.kind not in _NO_NUMBERS

    @property
    def own_type(self) -> Declared | None:
        """What the table's own type says beyond NumPy's."""
        if self.declared and self.levels is not None:
            return Declared(self.levels, self.ordered, np.dtype(self.dtype).name)
        if self.declared:
            return Declared(dtype=np.dtype(self.dtype).name)
        return None if self.zone is None else Declared(zone=self.zone)

    @property
    def periods(self) -> tuple[tuple[float, float], ...]:
        """The periods that repeat in dates and times, a year, a week, a day, in what is kept, with their
        phases."""
        if self.kind not in TIMES:
            return ()
        return periods(self.kind, self.dtype, int(self.offset), self.unit, int(self.high or 0))

    @property
    def whole(self) -> bool:
        """Whether all that was observed are whole numbers."""
        if self.timed:
            return isinstance(self.unit, int)
        return self.kind in ("whole", "bit", "grey") or (
            self.kind == "constant" and self.low is not None and float(self.low).is_integer()
        )

    @property
    def few(self) -> bool:
        """Whether all that was observed are whole numbers from 0 to a few, 64."""
        counts = self.whole and not self.timed
        return self.kind == "missing" or (counts and (self.low or 0) >= 0 and (self.high or 0) <= 64)

    @property
    def words(self) -> str:
        """What was found, and what becomes of it."""
        return words_of(self)

    @property
    def only(self) -> str:
        """The one value of a constant column, as text."""
        if self.levels is not None:
            return repr(self.levels[0])
        return shown(int(self.low or 0), self.dtype) if self.timed else number_words(self.low)

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
        if self.low is None or self.high is None or not self.encoded or not self.numeric:
            return self
        if self.low == self.high:
            return replace(self, kind="constant")
        far = max(abs(self.low), abs(self.high))
        if far <= _EXACT if self.whole else plain(self.low, self.high):
            return self
        values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        if self.whole and far < 2**62:
            steps = values.astype(np.int64) - int(self.low)
            unit = int(np.gcd.reduce(steps))
            if int(steps.max()) // unit < _EXACT:
                return replace(self, offset=int(self.low), unit=unit)
        return replace(self, **relative(np.asarray(values, np.float64), self.whole))

    def stepped(self, values: np.ndarray) -> Self:
        """The column of real numbers as rounded ones, where its `values` have few decimals and repeat."""
        if self.kind != "number" or not self.as_it_is:
            return self
        observed = values[~np.isnan(values)]
        n, different = len(observed), len(np.unique(observed))
        most = DECIMALS if n >= _REPEATS * different else _SHORT if n >= _ROWS and n > different else 0
        for decimals in range(1, most + 1):
            if (np.round(observed, decimals) == observed).all():
                column = replace(self, kind="rounded", decimals=decimals)
                return column if column.counts else self
        return self

    @property
    def counts(self) -> bool:
        """Whether float32 tells the steps of a rounded column apart."""
        return max(abs(self.low or 0), abs(self.high or 0)) * 10**self.decimals < _EXACT / 4

    def typed(self, values: np.ndarray) -> np.ndarray:
        """A table's column as this one has it: text that reads as numbers, or as dates and times, as such
        where this holds them, and no value at all as none of its type; anything else as it is."""
        if values.dtype.kind == "O" and self.levels is None and self.kind in _OF_NUMBERS:
            cells = _cells(values)
            if all(cell is None or (isinstance(cell, str) and NUMBER.fullmatch(cell)) for cell in cells):
                return np.array([np.nan if cell is None else float(cell) for cell in cells])
        if self.timed and kind_of(values) is None:
            if holes_in(values).all():
                return blank(len(values), self.dtype)
            cells = _cells(values)
            if all(cell is None or isinstance(cell, str) for cell in cells):
                found, _ = parsed(cells)
                return values if found is None else found
        return values

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Which values have probability 0, since the column never held them: another than the one of a
        constant column, another level than those of a category or of a pixel, a number between two steps,
        text that is no sequence of its tokens."""
        if self.levels is not None:
            return self.unseen(values)
        if self.tokens is not None:
            return self.tokens.outside(values)
        if self.timed:
            ticks = ticks_of(values, self.dtype)
            if self.kind == "constant":
                return (ticks.number != self.low) & ~ticks.hole
            if not isinstance(self.unit, int):
                return np.zeros(len(values), bool)
            return ~ticks.hole & (ticks.between | ((ticks.number - int(self.offset)) % self.unit != 0))
        if self.kind == "grey" and not self.as_it_is:
            return off_level(values)
        if self.kind not in ("rounded", "constant"):
            return np.zeros(len(values), bool)
        numbers = np.asarray(values, np.float64)
        if self.kind == "rounded":
            off = np.abs(numbers - np.round(numbers, self.decimals))
            return np.asarray(off > 1e-3 * 10.0**-self.decimals)
        return np.asarray((numbers != self.low) & ~np.isnan(numbers))

    def unseen(self, values: np.ndarray) -> np.ndarray:
        """Which values of a category are none of its levels."""
        known = {None, *(self.levels or ())}
        return np.asarray([name not in known for name in level_names(values)], bool)

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Values of the table's column as they are kept, before they are rounded to float32; text as tokens
        with a second axis, of its places. A level that the column has not is kept as the first."""
        if self.tokens is not None:
            return self.tokens.stored(values)
        if self.levels is not None:
            place: dict[Any, float] = {level: i for i, level in enumerate(self.levels)} | {None: np.nan}
            return np.asarray([place.get(name, 0.0) for name in level_names(values)], np.float64)
        if self.timed:
            ticks = ticks_of(values, self.dtype)
            kept = (ticks.number - int(self.offset)) / self.unit
            return np.where(ticks.hole, np.nan, kept) if ticks.hole.any() else kept
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
        if self.tokens is not None:
            return self.tokens.restored(kept)
        dtype = np.dtype(self.dtype)
        real = kept.astype(np.float64)
        if self.levels is not None:
            return self._of_levels(np.where(np.isnan(real), -1, np.rint(real)).astype(int))
        if self.timed:
            hole = np.isnan(real)
            steps = np.rint(np.where(hole, 0, np.rint(real) if self.whole else real) * self.unit)
            # Beyond that NumPy's dates have no number.
            steps = np.clip(steps, -(2.0**61), 2.0**61).astype(np.int64)
            return of_ticks(steps + int(self.offset), hole, self.dtype)
        if dtype.kind == "f" or np.isnan(real).any():
            own = np.round(real, self.decimals) if self.kind == "rounded" else self.in_own_unit(real)
            return own.astype(dtype if dtype.kind == "f" else np.float64)
        if dtype.kind == "b":
            return np.rint(real) != 0
        limits = np.iinfo(dtype)
        if isinstance(self.unit, int) and isinstance(self.offset, int) and abs(self.offset) < 2**62:
            most = 2**62 // self.unit  # beyond which, or of infinity, there is no whole number of 64 bits
            steps = np.clip(np.rint(real), -most, most).astype(np.int64)
            return np.clip(steps * self.unit + self.offset, limits.min, limits.max).astype(dtype)
        # As a float the greatest number of 64 bits is one too many.
        most = np.nextafter(float(limits.max), 0) if dtype.itemsize == 8 else limits.max
        return np.clip(np.rint(real * self.unit + self.offset), limits.min, most).astype(dtype)

    def _of_levels(self, place: np.ndarray) -> np.ndarray:
        """The levels at these places, in the column's type, −1 where there is none."""
        own = typed_levels(self.levels or (), self.dtype)
        if own.dtype.kind == "O":
            return np.array([*own, None], object)[place]
        return own[place] if (place >= 0).all() else np.append(own.astype(float), np.nan)[place]

    def following(self, original: np.ndarray) -> np.ndarray:
        """Of a copy the values that go with those of its original."""
        if self.partners is None:
            return original
        place: dict[str | None, int] = {name: i for i, name in enumerate(self.partners)}
        return self._of_levels(np.array([place.get(name, -1) for name in level_names(original)], int))

    def followed_by(self, values: np.ndarray, original: Column) -> np.ndarray:
        """Of a copy the values of its original that go with these."""
        if self.partners is None:
            return values
        turned = replace(original, levels=self.partners, partners=self.levels)
        return turned.following(values)

    def blank(self, n: int) -> np.ndarray:
        """`n` rows of the table's column without a value."""
        kind = np.dtype(self.dtype).kind
        if kind in "Mm":
            return blank(n, self.dtype)
        return np.full(n, None, object) if kind == "O" else np.full(n, np.nan)

    def repeated(self, n: int) -> np.ndarray:
        """A column that is left out, `n` rows of it: its one value, or none."""
        if self.kind != "constant" or self.low is None:
            return self.blank(n)
        if self.levels is not None:
            return self._of_levels(np.zeros(n, int))
        if self.timed:
            return of_ticks(np.full(n, int(self.low)), np.zeros(n, bool), self.dtype)
        return np.full(n, self.low, np.dtype(self.dtype))

    @classmethod
    def from_json(cls, record: Any) -> Self:
        """The column whose fields `record` holds; what it leaves out is as where nothing is said.

        **Raises:** `ValueError` for anything else, with the field.
        """
        return cls(**column_fields(record, [field.name for field in fields(cls)], get_args(Kind)))


def _cells(values: np.ndarray) -> list[Any]:
    """Values as Python's own, None for a missing one."""
    return [None if value is None or value != value else value for value in values.tolist()]
