"""The few cells of a column that say what it is, found while all of it goes by."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from lowerbound.data.errors import DataError, Place
from lowerbound.data.joined import form_of
from lowerbound.data.settled import holes_in
from lowerbound.data.times import ticks_of

__all__ = ["Cells", "Unknown"]

# Levels of a column that are looked for in all rows.
_LEVELS = 10_000


class Cells(ABC):
    """What is known so far of columns (n, k) of one form."""

    holes: np.ndarray

    @abstractmethod
    def fitting(self, array: np.ndarray, leveled: bool) -> Cells:
        """What goes on with these cells."""

    @abstractmethod
    def add(self, array: np.ndarray, first: int) -> None:
        """More rows, from row `first` on."""

    @property
    @abstractmethod
    def cells(self) -> np.ndarray:
        """The cells that say what the columns are, (m, k)."""

    def check(self, name: str, label: int | str, *, missing: bool) -> None:
        """Whether all numbers are finite; NaN passes where it is `missing`."""
        return


class Unknown(Cells):
    """No value so far."""

    def __init__(self) -> None:
        self.holes = np.zeros(1, int)

    def fitting(self, array: np.ndarray, leveled: bool) -> Cells:
        form = form_of(array[:, 0]) if array.shape[1] == 1 else "numbers"
        if form is None:
            return self
        if form == "numbers" and not leveled:
            known: Cells = _Numbers(array.shape[1])
        else:
            known = _Levels(array.dtype) if leveled or form == "text" else _Times()
        known.holes = known.holes + self.holes
        return known

    def add(self, array: np.ndarray, first: int) -> None:
        self.holes = self.holes + len(array)

    @property
    def cells(self) -> np.ndarray:
        return np.full((1, 1), np.nan)


class _Numbers(Cells):
    """The ends of each column, a fraction where it has one, its holes; what is not finite."""

    def __init__(self, width: int) -> None:
        self.low, self.high, self.seen = np.zeros(width), np.zeros(width), False
        self.fraction = np.full(width, np.nan)
        self.holes, self.infinite = np.zeros(width, int), np.zeros(width, int)
        self.first: tuple[int, int, float] | None = None
        self.first_hole: tuple[int, int, float] | None = None

    def fitting(self, array: np.ndarray, leveled: bool) -> Cells:
        return self

    def add(self, array: np.ndarray, first: int) -> None:
        low, high = np.fmin.reduce(array, axis=0), np.fmax.reduce(array, axis=0)
        if array.dtype.kind == "f":
            hole = np.isnan(array)
            self._look_for_faults(array, hole, low, high, first)
            self.holes = self.holes + hole.sum(0)
            rest = np.isnan(self.fraction)
            if rest.any():
                self.fraction[rest] = _a_fraction(array[:, rest])
        self.low = np.fmin(self.low, low) if self.seen else low
        self.high = np.fmax(self.high, high) if self.seen else high
        self.seen = True

    def _look_for_faults(
        self, array: np.ndarray, hole: np.ndarray, low: np.ndarray, high: np.ndarray, first: int
    ) -> None:
        if self.first_hole is None and hole.any():
            row, place = np.argwhere(hole)[0].tolist()
            self.first_hole = (first + row, place, float(array[row, place]))
        if np.isinf(low).any() or np.isinf(high).any():
            infinite = np.isinf(array)
            self.infinite = self.infinite + infinite.sum(0)
            if self.first is None:
                row, place = np.argwhere(infinite)[0].tolist()
                self.first = (first + row, place, float(array[row, place]))

    @property
    def cells(self) -> np.ndarray:
        low, high = self.low, self.high
        rows = [low, high]
        if not np.isnan(self.fraction).all():
            rows.append(np.where(np.isnan(self.fraction), low, self.fraction))
        if self.holes.any():
            rows.append(np.where(self.holes > 0, np.nan, low))
        return np.stack(rows)

    def check(self, name: str, label: int | str, *, missing: bool) -> None:
        faults = [self.first] if missing else [self.first, self.first_hole]
        found = min((fault for fault in faults if fault is not None), default=None)
        if found is None:
            return
        row, place, value = found
        count = int(self.infinite.sum() + (0 if missing else self.holes.sum()))
        of, mend = (" of that column", ": fill it, or leave the row out") if missing else (" in all", "")
        words = f"{count} value{'s' * (count > 1)}{of} {'are' if count > 1 else 'is'} missing or not finite"
        column = label if missing else place
        raise DataError(name, "finite numbers", str(value), Place(row, column), words + mend)


def _a_fraction(array: np.ndarray) -> np.ndarray:
    """A value of each column that is not whole; NaN where there is none."""
    with np.errstate(invalid="ignore"):
        odd = (array != np.floor(array)) & np.isfinite(array)
    values: np.ndarray = array[odd.argmax(0), np.arange(array.shape[1])].astype(np.float64)
    return np.where(odd.any(0), values, np.nan)


class _Levels(Cells):
    """The different values of a column, so long as they are few."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype, self.levels, self.holes = dtype, dict[object, None](), np.zeros(1, int)

    def fitting(self, array: np.ndarray, leveled: bool) -> Cells:
        return self

    def add(self, array: np.ndarray, first: int) -> None:
        cells = array[:, 0]
        hole = holes_in(cells)
        self.holes = self.holes + int(hole.sum())
        if len(self.levels) <= _LEVELS:
            self.levels |= dict.fromkeys(cells[~hole].tolist())
            self.dtype = np.result_type(self.dtype, cells.dtype)

    @property
    def cells(self) -> np.ndarray:
        levels = [*self.levels] if len(self.levels) <= _LEVELS else []
        blank = [None if self.dtype.kind == "O" else np.nan] if self.holes.any() else []
        if self.dtype.kind != "O":
            return np.array([*levels, *blank])[:, None]
        cells = np.empty((len(levels) + len(blank), 1), object)
        cells[:, 0] = [*levels, *blank]
        return cells


class _Times(Cells):
    """The first and the last of dates, times or time spans."""

    def __init__(self) -> None:
        self.ends: np.ndarray = np.zeros(0)
        self.holes = np.zeros(1, int)

    def fitting(self, array: np.ndarray, leveled: bool) -> Cells:
        return self

    def add(self, array: np.ndarray, first: int) -> None:
        cells = array[:, 0]
        hole = holes_in(cells)
        self.holes = self.holes + int(hole.sum())
        known = cells[~hole]
        if len(known):
            known = np.concatenate([self.ends, known]) if len(self.ends) else known
            number = ticks_of(known, _finest(known)).number
            self.ends = known[[number.argmin(), number.argmax()]]

    @property
    def cells(self) -> np.ndarray:
        blank = [] if not self.holes.any() else [None if self.ends.dtype.kind == "O" else "NaT"]
        return np.concatenate([self.ends, np.array(blank, self.ends.dtype)])[:, None]


def _finest(values: np.ndarray) -> str:
    """A type in which times are told apart."""
    return "object" if values.dtype.kind == "O" else str(values.dtype)
