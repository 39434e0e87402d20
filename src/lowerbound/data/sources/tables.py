"""Files of tables: `.csv` and `.parquet`, read by pyarrow."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import NUMBER, Columns, from_arrow

__all__ = ["MISSING", "read_csv", "read_parquet"]

# Cells that stand for a value that was not observed.
MISSING = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None", "none", "?")
# Lines below the first that say what the columns hold.
_LOOKED_AT = 100


def read_csv(path: Path) -> Columns:
    """The columns of a `.csv` in UTF-8, split at commas, semicolons or tabs, whichever its first line has.

    The first line is a header where it has a word above a column of numbers, where it is all words, and where
    it counts 0, 1, 2, …, as pandas writes for columns without names (three at least: 0, 1 is a row); else it
    is a row. A cell of [`MISSING`][] was not observed; blanks around text are no part of it.
    """
    import pyarrow.csv as arrow

    ragged: list[Any] = []

    def keep(row: Any) -> str:
        ragged.append(row)
        return "error"

    with whole(path, ".csv"):
        line, *below = _first_lines(path)
        delimiter = max(",;\t", key=re.sub(r'"[^"]*"', "", line).count)
        cells, *rows = (
            [cell.strip() for cell in row] for row in csv.reader([line, *below], delimiter=delimiter)
        )
        named = _is_header(cells, rows, path)
        try:
            table = arrow.read_csv(
                path,
                # One thread knows the number of a line, and is no slower. A line must fit into a block.
                arrow.ReadOptions(
                    use_threads=False,
                    autogenerate_column_names=not named,
                    block_size=max(1 << 20, 8 * len(line)),
                ),
                arrow.ParseOptions(delimiter=delimiter, invalid_row_handler=keep),
                arrow.ConvertOptions(null_values=MISSING, strings_can_be_null=True),
            )
        except ValueError:
            if not ragged:
                raise
            row = ragged[0]
            expected = f"{row.expected_columns} cells in each line, as in the first"
            found = f"{row.actual_columns} in line {row.number}: {row.text[:40]!r}"
            raise DataError(path, expected, found) from None
    names = tuple(name.strip() for name in table.column_names) if named else None
    return Columns([_trimmed(array) for array in from_arrow(table).arrays], names)


def _trimmed(array: np.ndarray) -> np.ndarray:
    """Text without the blanks around it, None where that is missing."""
    if array.dtype.kind != "O":
        return array
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in array.tolist()]
    trimmed = np.empty(len(cells), object)
    trimmed[:] = [None if cell in MISSING else cell for cell in cells]
    return trimmed


def read_parquet(path: Path) -> Columns:
    """The columns of a `.parquet`, less those that pandas wrote for its index."""
    from pyarrow import parquet

    with whole(path, ".parquet"), parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        index = (schema.pandas_metadata or {}).get("index_columns", ())
        return from_arrow(file.read(columns=[name for name in schema.names if name not in index]))


def _first_lines(path: Path) -> list[str]:
    """The first line that is not empty, and whole ones below it."""
    with path.open(encoding="utf-8-sig") as stream:
        try:
            head = stream.read(1 << 16) + stream.readline()
        except UnicodeDecodeError:
            head = "\0"
    if "\0" in head:
        raise ValueError("it holds bytes that are not text in UTF-8")
    lines = [line for line in head.split("\n")[: _LOOKED_AT + 1] if line]
    if not lines:
        raise ValueError("it is empty")
    return lines


def _is_header(cells: list[str], rows: list[list[str]], path: Path) -> bool:
    counted = cells if cells[0] else cells[1:]  # pandas leaves the name of its index empty
    numbers = [NUMBER.fullmatch(cell) is not None for cell in cells]
    words = [not number and cell not in MISSING for number, cell in zip(numbers, cells, strict=True)]
    if len(counted) > 2 and counted == [str(j) for j in range(len(counted))]:
        words = [True] * len(cells)
    elif any(numbers):
        # A word above numbers is a name; a number above text or numbers is a value.
        return any(word and _all_numbers(rows, j) for j, word in enumerate(words))
    if any(words) and "" in cells:
        way_out = "name it, or leave it out (pandas writes its index so: to_csv(index=False) does not)"
        raise DataError(path, "a name for each column", f"none for column {cells.index('')}", way_out=way_out)
    return any(words)


def _all_numbers(rows: list[list[str]], place: int) -> bool:
    """Whether a column has numbers, and nothing else, below the first line."""
    cells = [row[place] for row in rows if place < len(row) and row[place] not in MISSING]
    return bool(cells) and all(NUMBER.fullmatch(cell) for cell in cells)
