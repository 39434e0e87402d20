"""Lines of text, cut into cells at one separator or another."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lowerbound.data.numbers import NUMBER
from lowerbound.limits import COLUMNS

__all__ = ["DECIMAL_COMMA", "WHITE_SPACE", "Cut", "cells_between_blanks", "cut_at"]

WHITE_SPACE = " "
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
# So many lines are looked at; what stands above a table are a few lines.
_LOOKED_AT, _TITLES = 100, 10
_TOKEN = re.compile(r'"(?:[^"]|"")*"|\'[^\']*\'(?=\s|$)|\S+')
_THOUSANDS, _POINTS = (re.compile(rf"[+-]?[1-9]\d{{0,2}}({mark}\d{{3}})+") for mark in (",", r"\."))


@dataclass(frozen=True)
class Cut:
    """The lines of a text, cut at one separator: `above` of them are titles."""

    separator: str
    rows: list[list[str]]
    ends: list[int]  # how many lines of the text are read when a row is
    width: int
    above: int

    @property
    def even(self) -> bool:
        """Whether all rows are of one width, but for a header, which may lack the name of the index or end
        in a separator."""
        first, *below = self.rows[self.above :]
        near = abs(len(first) - self.width) <= 1 if below else True
        return self.width > 1 and near and all(len(row) == self.width for row in below)

    @property
    def share(self) -> float:
        """The share of rows of the width."""
        return sum(len(row) == self.width > 1 for row in self.rows) / len(self.rows)

    @property
    def one_column(self) -> bool:
        """Whether each row is one cell."""
        return all(len(row) == 1 for row in self.rows)

    @property
    def one_column_of_decimals(self) -> bool:
        """Whether numbers with a decimal comma, which a cut at commas makes two columns of, stand below a
        name without one."""
        if self.separator != "\t" or not self.one_column or "," in self.rows[0][0]:
            return False
        below = [cell for (cell,) in self.rows[1:] if cell]
        return self.with_decimal_commas and all(map(DECIMAL_COMMA.fullmatch, below))

    @property
    def of_numbers(self) -> bool:
        """Whether its rows are of several numbers, and nothing else, but for a header."""
        return self.width > 1 and all(NUMBER.fullmatch(cell) for row in self.rows[1:] for cell in row)

    @property
    def with_decimal_commas(self) -> bool:
        """Whether numbers have a comma for a point. Three digits behind every one may be thousands, unless a
        semicolon says that the comma was taken."""
        if self.separator == ",":
            return False
        cells = [cell for row in self.rows for cell in row]
        commas = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell)]
        points = any("." in c and NUMBER.fullmatch(c) and not _POINTS.fullmatch(c) for c in cells)
        thousands = all(_THOUSANDS.fullmatch(cell) for cell in commas) and self.separator != ";"
        return bool(commas) and not points and not thousands


def cut_at(lines: Sequence[str], separator: str, quote: str, whole: bool) -> Cut | None:
    """The first lines, cut; None where they cannot be.

    **Raises:** `ValueError` for a line of more cells than are read ([`COLUMNS`][lowerbound.limits.COLUMNS]).
    """
    rows, ends, number = [], [], 0
    if (most := max((line.count(separator) for line in lines[: _LOOKED_AT + _TITLES]), default=0)) > COLUMNS:
        raise ValueError(f"it has {most:,} cells in a line, and at most {COLUMNS:,} columns are read by name")
    if separator == WHITE_SPACE:
        for number, line in enumerate(lines[: _LOOKED_AT + _TITLES], 1):
            if cells := cells_between_blanks(line):
                rows.append(cells)
                ends.append(number)
    else:
        reader = csv.reader(iter(lines), delimiter=separator, quotechar=quote)
        try:
            for row in reader:
                if row:
                    rows.append([cell.strip() for cell in row])
                    ends.append(reader.line_num)
                if len(rows) > _LOOKED_AT + _TITLES:
                    break
            else:
                number = reader.line_num
        except csv.Error:  # a cell without an end
            return None
        if number and not whole and len(rows) > 1:  # the last may go on
            del rows[-1], ends[-1]
    if not rows:
        return None
    width = Counter(map(len, rows)).most_common(1)[0][0]
    return Cut(separator, rows, ends, width, _titles(rows, width))


def _titles(rows: Sequence[Sequence[str]], width: int) -> int:
    """How many of the first rows are lines above a table: of another number of cells than all that follow,
    and than a header may have."""
    above = next((i for i, row in enumerate(rows) if abs(len(row) - width) <= 1 < width), 0)
    # Of two columns a first line of one cell is a header that lacks the name of the index.
    even = len(rows) > above + 2 and all(len(row) == width for row in rows[above + 1 :])
    return above if width > 2 and above <= _TITLES and even else 0


def cells_between_blanks(line: str) -> list[str]:
    """The cells of a line that is cut at white space.

    >>> cells_between_blanks("  1.5   'New York'  O'Hara ")
    ['1.5', 'New York', "O'Hara"]
    """
    return [_unquoted(token) for token in _TOKEN.findall(line)]


def _unquoted(token: str) -> str:
    if len(token) > 1 and token[0] == token[-1] in "\"'":
        return token[1:-1].replace('""', '"')
    return token
