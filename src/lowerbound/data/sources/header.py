"""Whether the first line of a table is names or a row: it is compared with what stands below it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from lowerbound.data.numbers import NUMBER

__all__ = ["is_header"]

# Dates and times are values, as numbers are.
_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")
# Numbers that are evenly spaced are no coincidence from so many on; fewer where a name is before them.
_RISING, _RISING_AFTER_A_NAME = 4, 2


def is_header(cells: Sequence[str], rows: Sequence[Sequence[str]], missing: Sequence[str]) -> bool:
    """Whether the `cells` of a first line are the names of the columns whose `rows` are below it.

    They are where a word stands above a column of numbers; where they count 0, 1, 2, … as pandas writes for
    columns without names (three at least: 0, 1 is a row); where they are evenly spaced numbers (wavelengths,
    years) which the rows below are not; and where they are words alone, none of which is a value below, and
    of which none lacks. Else they are a row.

    >>> is_header(["age", "work"], [["39", "State"], ["50", "Private"]], ["?"])
    True
    >>> is_header(["39", "State"], [["50", "Private"]], ["?"])
    False
    >>> is_header(["R", "L"], [["L", "R"], ["R", "R"]], [])
    False
    >>> is_header(["400", "402", "404", "406"], [["0.1", "0.5", "0.4", "0.2"]], [])
    True
    """
    columns = [_below(rows, place, missing) for place in range(len(cells))]
    numbers = [NUMBER.fullmatch(cell) is not None for cell in cells]
    times = [_TIME.fullmatch(cell) is not None for cell in cells]
    values = [number or time for number, time in zip(numbers, times, strict=True)]
    words = [not value and cell not in missing for value, cell in zip(values, cells, strict=True)]
    counted = [*cells] if cells[0] else [*cells[1:]]  # pandas leaves the name of its index empty
    if len(counted) > 2 and counted == [str(j) for j in range(len(counted))]:
        return True
    if any(word and _all_numbers(column) for word, column in zip(words, columns, strict=True)):
        return True
    if any(values):
        return _is_scale(cells, numbers, words, rows, columns)
    if any(word and cell in column for word, cell, column in zip(words, cells, columns, strict=True)):
        return False
    if len(cells) == 1 and _looks_like(cells[0], columns[0]):
        return False
    # A name may lack above the index, or where a separator ends the line; elsewhere a value does.
    unnamed = [cell in missing and bool(column) for cell, column in zip(cells, columns, strict=True)]
    return any(words) and not any(unnamed[1:])


def _looks_like(cell: str, column: Sequence[str]) -> bool:
    """Whether text has signs that most of those below it have, as a formula above formulas does."""
    signs = {sign for sign in cell if not sign.isalnum() and sign not in " _-.,"}
    alike = sum(bool(signs & set(other)) for other in column)
    return bool(signs) and 2 * alike >= max(len(column), 1)


def _below(rows: Sequence[Sequence[str]], place: int, missing: Sequence[str]) -> list[str]:
    """What was observed in a column."""
    return [row[place] for row in rows if place < len(row) and row[place] not in missing]


def _all_numbers(column: Sequence[str]) -> bool:
    return bool(column) and all(NUMBER.fullmatch(cell) for cell in column)


def _is_scale(
    cells: Sequence[str],
    numbers: Sequence[bool],
    words: Sequence[bool],
    rows: Sequence[Sequence[str]],
    columns: Sequence[Sequence[str]],
) -> bool:
    """Whether the numbers of a first line are a scale, such as wavelengths or years, above other numbers."""
    places = [place for place, number in enumerate(numbers) if number]
    scale = [float(cells[place]) for place in places]
    before = words[: places[0]] if places else []
    named = bool(places) and (all(before) or not cells[0]) and places[0] > 0
    if len(scale) < (_RISING_AFTER_A_NAME if named else _RISING):
        return False
    # Behind the empty name of an index, and as years, they need not be evenly spaced.
    loose = len(scale) >= _RISING and (not cells[0] or _are_years(scale))
    held = [[float(row[p]) for p in places] for row in rows if _numbers_at(row, places)]
    kinds = (_evenly_spaced, _monotone) if loose else (_evenly_spaced,)
    # Were most rows below of this kind, the first line would be one of them.
    if not any(columns) or all(not kind(scale) or 2 * sum(map(kind, held)) > len(rows) for kind in kinds):
        return False
    if named or (_are_years(scale) and not all(map(_are_years, held))):
        return True
    apart = [_apart(number, columns[place]) for number, place in zip(scale, places, strict=True)]
    return sum(apart) >= 0.9 * len(apart)


def _numbers_at(row: Sequence[str], places: Sequence[int]) -> bool:
    return all(place < len(row) and NUMBER.fullmatch(row[place]) for place in places)


def _monotone(numbers: Sequence[float]) -> bool:
    """Whether they rise, or fall, throughout."""
    steps = [after - before for before, after in pairwise(numbers)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def _evenly_spaced(numbers: Sequence[float]) -> bool:
    steps = [after - before for before, after in pairwise(numbers)]
    mean = sum(steps) / len(steps) if steps else 0
    return mean != 0 and all(abs(step - mean) <= 0.05 * abs(mean) for step in steps)


def _are_years(numbers: Sequence[float]) -> bool:
    return all(1500 <= number <= 2200 and number.is_integer() for number in numbers)


def _apart(number: float, column: Sequence[str]) -> bool:
    """Whether a number is outside of what stands below it."""
    below = [float(cell) for cell in column if NUMBER.fullmatch(cell)]
    return bool(below) and not min(below) <= number <= max(below)
