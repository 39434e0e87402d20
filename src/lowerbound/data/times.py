"""Dates, times of the day and time spans: as whole numbers of steps, as text, and their periods."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lowerbound.data.named_kinds import TimeKind
from lowerbound.data.settled import holes_in

__all__ = [
    "TIME_WORDS",
    "Ticks",
    "as_numbers",
    "blank",
    "kind_of",
    "of_ticks",
    "parsed",
    "periods",
    "shown",
    "step_of",
    "step_words",
    "ticks_of",
]


TIME_WORDS = {"date": "dates", "time": "times of the day", "span": "time spans"}

# Nanoseconds of the units that NumPy and a calendar have.
_UNITS = {
    "D": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_WORDS = {"D": "day", "h": "hour", "m": "minute", "s": "second", "ms": "ms", "us": "µs", "ns": "ns"}
# A year of the Gregorian calendar in the mean, a week, a day.
_YEAR, _WEEK, _DAY = 31_556_952_000_000_000, 7 * _UNITS["D"], _UNITS["D"]
# Fewer values have a common step by chance; then it is a unit of the calendar. Whole numbers below this are
# exact in float32.
_ENOUGH, _EXACT = 20, 2**24
_TIME = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?"
_OF_DAY = re.compile(_TIME)
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}})(?:[T ]{_TIME})?")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}})(?:[T ]{_TIME})?")


def kind_of(values: np.ndarray) -> TimeKind | None:
    """Whether values are dates (with a time or without), times of the day, or time spans; None of others.

    >>> kind_of(np.array(["2004-03-10"], "datetime64[D]")), kind_of(np.array([datetime.time(11, 34)]))
    ('date', 'time')
    """
    if values.dtype.kind in "Mm":
        return "date" if values.dtype.kind == "M" else "span"
    if values.dtype.kind != "O":
        return None
    cells = [cell for cell in values.tolist() if cell is not None]
    return "time" if cells and all(isinstance(cell, datetime.time) for cell in cells) else None


class Ticks(NamedTuple):
    """Times as whole numbers in the unit of their type, where one is missing, and where one lies between two
    of these numbers."""

    number: np.ndarray
    hole: np.ndarray
    between: np.ndarray


def ticks_of(values: np.ndarray, dtype: str) -> Ticks:
    """Times as whole numbers, in the unit of `dtype`: since 1970, since midnight (in µs), or of a span.

    >>> ticks_of(np.array(["1970-01-02T12"], "datetime64[h]"), "datetime64[D]")._asdict()["between"].tolist()
    [True]
    """
    hole = holes_in(values)
    if values.dtype.kind == "O":
        known = datetime.datetime.combine
        spans = [
            None
            if cell is None
            else known(_EPOCH, cell.replace(tzinfo=None)) - known(_EPOCH, datetime.time())
            for cell in values.tolist()
        ]
        values = np.array(spans, "timedelta64[us]")
    own = values.astype(_ticking(dtype))
    between = ~hole & (own.astype(values.dtype) != values)
    return Ticks(np.where(hole, 0, own.astype(np.int64)), hole, between)


_EPOCH = datetime.date(1970, 1, 1)


def _ticking(dtype: str) -> np.dtype:
    """The type that counts: times of the day are spans since midnight."""
    return np.dtype("timedelta64[us]" if dtype == "object" else dtype)


def as_numbers(values: np.ndarray, dtype: str) -> np.ndarray:
    """Times as numbers that a picture shows: dates in calendar years, times of the day in hours, spans in
    days; NaN where one is missing.

    >>> as_numbers(np.array(["2004-07-02", "NaT"], "datetime64[D]"), "datetime64[D]").round(3).tolist()
    [2004.501, nan]
    """
    ticks = ticks_of(values, dtype)
    nanoseconds = ticks.number * float(_UNITS[_unit(dtype)])
    if dtype == "object":
        found = nanoseconds / _UNITS["h"]
    else:
        found = 1970 + nanoseconds / _YEAR if np.dtype(dtype).kind == "M" else nanoseconds / _DAY
    return np.where(ticks.hole, np.nan, found)


def of_ticks(number: np.ndarray, hole: np.ndarray, dtype: str) -> np.ndarray:
    """Times of a type from their whole numbers.

    >>> of_ticks(np.array([0]), np.array([False]), "datetime64[D]").tolist()
    [datetime.date(1970, 1, 1)]
    """
    if dtype == "object":
        number = np.clip(number, 0, _DAY // 1000 - 1)
        midnight = datetime.datetime.combine(_EPOCH, datetime.time())
        made = np.empty(len(number), object)
        made[:] = [
            None if gone else (midnight + datetime.timedelta(microseconds=int(n))).time()
            for n, gone in zip(number, hole, strict=True)
        ]
        return made
    made = np.asarray(number, np.int64).astype(dtype)
    made[hole] = "NaT"
    return made


def blank(n: int, dtype: str) -> np.ndarray:
    """`n` missing times of a type."""
    return of_ticks(np.zeros(n, np.int64), np.ones(n, bool), dtype)


def step_of(number: np.ndarray, dtype: str) -> int | float:
    """The step in which these whole numbers are counted from the least: the greatest that all are multiples
    of, of fewer than 20 values the greatest unit of a calendar that they are multiples of; where float32
    does not count so far, a real number, a power of two of about the span.

    >>> days = np.array([0, 7, 21])
    >>> step_of(days, "datetime64[D]"), step_of(24 * days, "datetime64[h]")
    (1, 24)
    """
    unique = np.unique(number)
    steps = unique - unique[0]
    common, span = int(np.gcd.reduce(steps)) or 1, int(steps[-1])
    if len(unique) < _ENOUGH:
        tick = _UNITS[_unit(dtype)]
        units = [size // tick for size in _UNITS.values() if size >= tick]
        calendar = next((size for size in units if common % size == 0), 1)
        if span // calendar < _EXACT:
            return calendar
    return common if span // common < _EXACT else 2.0 ** int(np.log2(span))


def step_words(step: float, dtype: str) -> str:
    """A step, or a span, in the greatest unit of which it is a multiple.

    >>> step_words(90, "timedelta64[m]"), step_words(1, "datetime64[D]"), step_words(24, "datetime64[h]")
    ('90 minutes', '1 day', '1 day')
    """
    nanoseconds = int(step * _UNITS[_unit(dtype)])
    name, size = next(u for u in _UNITS.items() if nanoseconds % u[1] == 0)
    count, word = nanoseconds // size, _WORDS[name]
    return f"{count:,} {word}{'s' * (abs(count) != 1 and len(word) > 2)}"


def shown(tick: int, dtype: str) -> str:
    """A time as text.

    >>> shown(0, "datetime64[D]"), shown(41640, "datetime64[s]"), shown(90, "timedelta64[m]")
    ('1970-01-01', '1970-01-01 11:34:00', '90 minutes')
    """
    if dtype == "object":
        return str(of_ticks(np.array([tick]), np.array([False]), dtype)[0])
    if np.dtype(dtype).kind == "m":
        return step_words(tick, dtype)
    text = str(np.int64(tick).astype(dtype)).replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _unit(dtype: str) -> str:
    return np.datetime_data(_ticking(dtype))[0]


def periods(kind: str, dtype: str, offset: int, unit: float, high: int) -> tuple[tuple[float, float], ...]:
    """The periods that repeat within dates from `offset` to `high`, and are longer than a step, `unit`: a
    year, a week, a day; of times of the day, the day. Each in steps, with the phase of the first.

    >>> periods("date", "datetime64[D]", 3, 1, 40)
    ((7.0, 3.0),)
    """
    tick = _UNITS[_unit(dtype)]
    lengths = {"date": (_YEAR, _WEEK, _DAY), "time": (_DAY,)}.get(kind, ())
    return tuple(
        (length / (unit * tick), (offset * tick % length) / (unit * tick))
        for length in lengths
        if 2 * unit * tick <= length and (kind == "time" or (high - offset) * tick >= length)
    )


def parsed(cells: Sequence[str | None]) -> tuple[np.ndarray | None, str]:
    """Text as dates or times of the day, where all of it reads so, and what was decided, in words; None of
    other text. `2004-03-10`, `2004-03-10 18:00:00`, `11:34`; `10/03/2004` only where some cell tells the day
    from the month.

    >>> parsed(["2004-03-10", None])[0].tolist(), parsed(["11:34"])[0].tolist()
    ([datetime.date(2004, 3, 10), None], [datetime.time(11, 34)])
    >>> parsed(["10/03/2004", "25/03/2004"])
    (array(['2004-03-10', '2004-03-25'], dtype='datetime64[D]'), 'the day before the month')
    >>> parsed(["10/03/2004", "11/03/2004"])
    (None, 'may be dates, whose day and month cannot be told apart')
    """
    texts = {cell for cell in cells if cell is not None}
    first = next(iter(texts), "")
    form = next((f for f in (_OF_DAY, _YEAR_FIRST, _YEAR_LAST) if f.fullmatch(first)), None)
    if form is None:
        return None, ""
    found = {text: form.fullmatch(text) for text in texts}
    groups = {text: match.groups() for text, match in found.items() if match is not None}
    if len(groups) < len(texts):
        return None, ""
    try:
        if form is _OF_DAY:
            times = {text: _time(group) for text, group in groups.items()}
            made = np.empty(len(cells), object)
            made[:] = [None if cell is None else times[cell] for cell in cells]
            return made, ""
        order, words = (0, 2, 3), ""
        if form is _YEAR_LAST:
            firsts, seconds = (max(int(group[place]) for group in groups.values()) for place in (0, 2))
            if firsts <= 12 and seconds <= 12:
                return None, "may be dates, whose day and month cannot be told apart"
            day_first = firsts > 12
            order = (3, 2, 0) if day_first else (3, 0, 2)
            words = "the day before the month" if day_first else "the month before the day"
        dates = {
            text: datetime.date(*(int(group[place]) for place in order)) for text, group in groups.items()
        }
        if all(group[4] is None for group in groups.values()):
            return np.array([dates.get(cell) if cell else None for cell in cells], "datetime64[D]"), words
        whole = {
            text: datetime.datetime.combine(dates[text], _time(group[4:]) if group[4] else datetime.time())
            for text, group in groups.items()
        }
        values = np.array([whole.get(cell) if cell else None for cell in cells], "datetime64[us]")
    except ValueError:
        return None, ""
    seconds_only = values.astype("datetime64[s]")
    exact = ((seconds_only == values) | np.isnat(values)).all()
    return (seconds_only if exact else values), words


def _time(group: Sequence[str | None]) -> datetime.time:
    hour, minute, second, fraction = group
    return datetime.time(
        int(hour or 0), int(minute or 0), int(second or 0), int((fraction or "").ljust(6, "0"))
    )
