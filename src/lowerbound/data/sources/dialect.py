"""The dialect of delimited text: how its lines are cut into cells, and where its rows begin."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lowerbound.data.sources.header import is_header
from lowerbound.data.tables import NUMBER

__all__ = ["WHITE_SPACE", "Dialect", "cells_between_blanks", "dialect_of"]

WHITE_SPACE = " "
# Separators, the first of two that cut as well; lines that say which it is.
_SEPARATORS, _LOOKED_AT = "\t;,|", 100
_COMMENTS = ("#", "%")
_TOKEN = re.compile(r'"(?:[^"]|"")*"|\'[^\']*\'(?=\s|$)|\S+')
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_THOUSANDS, _POINTS = (re.compile(rf"[+-]?[1-9]\d{{0,2}}({mark}\d{{3}})+") for mark in (",", r"\."))
# What stands above a table are a few lines.
_TITLES = 10


@dataclass(frozen=True)
class Dialect:
    """How text is cut into cells: at `separator` ([`WHITE_SPACE`][]: at any run of blanks), with the `quote`
    around those that hold one, the `decimal` sign of its numbers; the `names` of its columns, None where it
    has no header; `skip`, the lines above the first row; `width`, the cells of a row; `longest`, the most
    characters of one that was seen; `notes`, what of this a person should know."""

    separator: str
    quote: str
    decimal: str
    names: tuple[str, ...] | None
    skip: int
    width: int
    longest: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Cut:
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
        commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
        points = any("." in c and NUMBER.fullmatch(c) and not _POINTS.fullmatch(c) for c in cells)
        thousands = all(_THOUSANDS.fullmatch(cell) for cell in commas) and self.separator != ";"
        return bool(commas) and not points and not thousands


def dialect_of(text: str, *, header: bool | None, missing: Sequence[str], whole: bool) -> Dialect:
    """The dialect of a text that begins so; `header` says whether it has one, None asks its lines. `missing`
    are the cells that stand for no value; `whole` whether this is all of the text.

    **Raises:** `ValueError` for an empty one, and for one that no row ends in.

    >>> text = "# of trees\\nsort;height\\noak;3,5\\nelm;12\\n"
    >>> found = dialect_of(text, header=None, missing=[], whole=True)
    >>> found.separator, found.decimal, found.names, found.skip
    (';', ',', ('sort', 'height'), 2)
    """
    lines = [line for line in io.StringIO(text, newline="")]
    top, comment, only = _top(lines)
    if top == len(lines):
        raise ValueError("it is empty")
    body = lines[top:]
    quote = _quote(body)
    cut = _best([_cut(body, s, quote, whole) for s in only or _SEPARATORS], body, whole)
    decimal = "," if cut.with_decimal_commas else "."
    notes = []
    if cut.above:
        notes.append(f"{_lines(cut.above)} above the table left out, {''.join(body[:1]).strip()[:40]!r}")
    if decimal == ",":
        notes.append("numbers have a decimal comma")
    first, *below = cut.rows[cut.above :]
    seen, *rows = (_with_points(row, decimal) for row in (first, *below))
    named = header if header is not None else is_header(seen, rows, missing)
    if named:
        names: tuple[str, ...] | None = tuple(first)
        skip = top + cut.ends[cut.above]
    else:
        names = _commented(comment, cut, quote) if header is None else None
        skip = top + (cut.ends[cut.above - 1] if cut.above else 0)
        if names:
            notes.append("the names of the columns are those of the comment above them")
    width = cut.width if below else len(first)
    names = names and _fitted(names, width, [*below])
    longest = max(map(len, text.split("\n")))
    return Dialect(cut.separator, quote, decimal, names, skip, width, longest, tuple(notes))


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


def _top(lines: Sequence[str]) -> tuple[int, str, str | None]:
    """How many lines are above the table: blank ones, comments, and the one by which Excel is told the
    separator; the last comment, and that separator."""
    comment, only, top = "", None, 0
    for top, line in enumerate(lines):
        words = line.strip()
        if top == 0 and (told := re.fullmatch(r'"?sep=(.)"?', line.strip("\r\n"))):
            only = told[1]
        elif words.startswith(_COMMENTS):
            comment = words.lstrip("".join(_COMMENTS)).strip()
        elif words:
            return top, comment, only
    # Nothing but comments: they are rows.
    if comment:
        return next(top for top, line in enumerate(lines) if line.strip()), "", only
    return len(lines), "", only


def _quote(lines: Sequence[str]) -> str:
    """The quotation mark: ' where each cell that begins with one ends with one, and no cell has another."""
    text = "".join(lines)
    if '"' in text:
        return '"'
    start, whole = (len(re.findall(p, text, re.M)) for p in (_STARTS, _WHOLE))
    return "'" if start and start == whole else '"'


_STARTS = r"(?:^|[\t;,| ])'"
_WHOLE = r"(?:^|[\t;,| ])'[^'\n]*'(?=[\t;,| \r\n]|$)"


def _cut(lines: Sequence[str], separator: str, quote: str, whole: bool) -> _Cut | None:
    """The first lines, cut; None where they cannot be."""
    rows, ends, number = [], [], 0
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
    return _Cut(separator, rows, ends, width, _titles(rows, width))


def _titles(rows: Sequence[Sequence[str]], width: int) -> int:
    """How many of the first rows are lines above a table: of another number of cells than all that follow,
    and than a header may have."""
    above = next((i for i, row in enumerate(rows) if abs(len(row) - width) <= 1 < width), 0)
    # Of two columns a first line of one cell is a header that lacks the name of the index.
    even = len(rows) > above + 2 and all(len(row) == width for row in rows[above + 1 :])
    return above if width > 2 and above <= _TITLES and even else 0


def _best(cuts: Sequence[_Cut | None], lines: Sequence[str], whole: bool) -> _Cut:
    """The cut that makes rows of one width: that whose numbers then are numbers, and that of most cells."""
    found = [cut for cut in cuts if cut is not None]
    if not found:
        raise ValueError("a cell of it has no end")
    if even := [cut for cut in found if cut.even]:
        return max(even, key=lambda cut: (cut.with_decimal_commas, cut.width))
    likely = max(found, key=lambda cut: cut.share)
    blanks = _cut(lines, WHITE_SPACE, '"', whole)
    if blanks is not None and (
        (blanks.even and _has_numbers(blanks)) or (not likely.share and blanks.of_numbers)
    ):
        return blanks
    return likely if likely.share > 0 else next((cut for cut in found if cut.separator == ","), found[0])


def _has_numbers(cut: _Cut) -> bool:
    """Whether some column is of numbers, so that its lines are rows and not sentences."""
    below = [row for row in cut.rows[cut.above + 1 :] if len(row) == cut.width] or cut.rows[cut.above :]
    columns = ([row[place] for row in below if place < len(row)] for place in range(cut.width))
    return any(all(map(NUMBER.fullmatch, column)) for column in columns)


def _commented(comment: str, cut: _Cut, quote: str) -> tuple[str, ...] | None:
    """The cells of a comment above the table, where there is one for each column."""
    if not comment or cut.width < 2:
        return None
    made = _cut([comment], cut.separator, quote, True)
    cells = made.rows[0] if made else []
    return tuple(cells) if len(cells) == cut.width and not any(map(NUMBER.fullmatch, cells)) else None


def _fitted(names: tuple[str, ...], width: int, rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names for each cell of a row. One name less than cells: the last cell is empty (a separator at the end
    of each line), or the first is the name of the row; one more: the last name is empty."""
    if len(names) == width + 1 and not names[-1]:
        return names[:-1]
    if len(names) == width - 1:
        return (*names, "") if all(not row[-1] for row in rows) else ("", *names)
    return names


def _with_points(row: list[str], decimal: str) -> list[str]:
    if decimal == ".":
        return row
    return [c.replace(".", "").replace(",", ".") if _DECIMAL_COMMA.fullmatch(c) else c for c in row]


def _lines(n: int) -> str:
    return f"{n} line{'s' * (n != 1)}"
