"""The dialect of delimited text: how its lines are cut into cells, and where its rows begin."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lowerbound.data.numbers import NUMBER
from lowerbound.data.sources.cuts import DECIMAL_COMMA, WHITE_SPACE, Cut, cut_at
from lowerbound.data.sources.header import is_header

__all__ = ["Dialect", "dialect_of"]

# The first of two that cut as well is taken.
_SEPARATORS = "\t;,|"
_COMMENTS = ("#", "%")


@dataclass(frozen=True)
class Dialect:
    """How text is cut into cells: at `separator` (a blank is any run of white space), with the `quote` around
    those that hold one, the `decimal` sign of its numbers; the `names` of its columns, None where it has no
    header; `skip`, the lines above the first row; `width`, the cells of a row; `longest`, the most characters
    of one that was seen; `notes`, what of this a person should know."""

    separator: str
    quote: str
    decimal: str
    names: tuple[str, ...] | None
    skip: int
    width: int
    longest: int
    notes: tuple[str, ...] = ()


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
    cut = _best([cut_at(body, s, quote, whole) for s in only or _SEPARATORS], body, whole)
    if rows_above := _rows_among_comments(lines[:top], cut, quote):
        top, comment = top - rows_above, ""
        cut = cut_at(lines[top:], cut.separator, quote, whole) or cut
    decimal = "," if cut.with_decimal_commas else "."
    notes = []
    if cut.above:
        notes.append(f"{_lines(cut.above)} above the table left out, {body[0].strip()[:40]!r}")
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


def _best(cuts: Sequence[Cut | None], lines: Sequence[str], whole: bool) -> Cut:
    """The cut that makes rows of one width: that whose numbers then are numbers, and that of most cells."""
    found = [cut for cut in cuts if cut is not None]
    if not found:
        raise ValueError(f"a cell of it has no end, or more than {csv.field_size_limit():,} characters")
    if one := next((cut for cut in found if cut.one_column_of_decimals), None):
        return one
    if even := [cut for cut in found if cut.even]:
        return max(even, key=lambda cut: (cut.with_decimal_commas, cut.width))
    likely = max(found, key=lambda cut: cut.share)
    blanks = cut_at(lines, WHITE_SPACE, '"', whole)
    if blanks is not None and (
        (blanks.even and _has_numbers(blanks)) or (not likely.share and blanks.of_numbers)
    ):
        return blanks
    return likely if likely.share > 0 else next((cut for cut in found if cut.one_column), found[0])


def _has_numbers(cut: Cut) -> bool:
    """Whether some column is of numbers, so that its lines are rows and not sentences."""
    below = [row for row in cut.rows[cut.above + 1 :] if len(row) == cut.width] or cut.rows[cut.above :]
    columns = ([row[place] for row in below if place < len(row)] for place in range(cut.width))
    return any(all(map(NUMBER.fullmatch, column)) for column in columns)


def _rows_among_comments(above: Sequence[str], cut: Cut, quote: str) -> int:
    """How many of the last lines above a table that look like comments are rows of it, `#1,2.5`: of as many
    cells, and with numbers among them."""
    count = 0
    for line in reversed(above):
        made = cut_at([line], cut.separator, quote, True)
        cells = made.rows[0] if made else []
        if len(cells) != cut.width or not any(map(NUMBER.fullmatch, cells[1:])):
            break
        count += 1
    return count


def _commented(comment: str, cut: Cut, quote: str) -> tuple[str, ...] | None:
    """The cells of a comment above the table, where there is one for each column."""
    if not comment or cut.width < 2:
        return None
    made = cut_at([comment], cut.separator, quote, True)
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
    return [c.replace(".", "").replace(",", ".") if DECIMAL_COMMA.fullmatch(c) else c for c in row]


def _lines(n: int) -> str:
    return f"{n} line{'s' * (n != 1)}"
