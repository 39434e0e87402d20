"""Files of tables: `.csv` and `.parquet`, read by pyarrow."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from lowerbound.data.errors import DataError
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import NUMBER, Columns, from_arrow

__all__ = ["read_csv", "read_parquet"]

_MISSING = {"", "na", "n/a", "nan", "null", "none", "inf", "-inf"}


def read_csv(path: Path) -> Columns:
    """The columns of a `.csv` in UTF-8, split at commas, semicolons or tabs, whichever its first line has.

    The first line is a header where it is all words, or counts 0, 1, 2, …, as pandas writes for columns
    without names (three at least: 0, 1 is a row); it is a row where it is all numbers. A mixture is refused.
    """
    import pyarrow.csv as arrow

    ragged: list[Any] = []

    def keep(row: Any) -> str:
        ragged.append(row)
        return "error"

    with whole(path, ".csv"):
        line = _first_line(path)
        delimiter = max(",;\t", key=re.sub(r'"[^"]*"', "", line).count)
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
        named = _is_header(cells, path)
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
            )
        except ValueError:
            if not ragged:
                raise
            row = ragged[0]
            expected = f"{row.expected_columns} cells in each line, as in the first"
            found = f"{row.actual_columns} in line {row.number}: {row.text[:40]!r}"
            raise DataError(path, expected, found) from None
    names = tuple(name.strip() for name in table.column_names) if named else None
    return Columns(from_arrow(table).arrays, names)


def read_parquet(path: Path) -> Columns:
    """The columns of a `.parquet`, less those that pandas wrote for its index."""
    from pyarrow import parquet

    with whole(path, ".parquet"), parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        index = (schema.pandas_metadata or {}).get("index_columns", ())
        return from_arrow(file.read(columns=[name for name in schema.names if name not in index]))


def _first_line(path: Path) -> str:
    """The first line that is not empty."""
    with path.open(encoding="utf-8-sig") as stream:
        try:
            head = stream.read(1 << 16) + stream.readline()
        except UnicodeDecodeError:
            head = "\0"
    if "\0" in head:
        raise ValueError("it holds bytes that are not text in UTF-8")
    line = next(filter(None, head.split("\n")), None)
    if line is None:
        raise ValueError("it is empty")
    return line


def _is_header(cells: list[str], path: Path) -> bool:
    counted = cells if cells[0] else cells[1:]  # pandas leaves the name of its index empty
    if len(counted) > 2 and counted == [str(j) for j in range(len(counted))]:
        words, numbers = cells, []
    else:
        numbers = [cell for cell in cells if NUMBER.fullmatch(cell)]
        words = [cell for cell in cells if cell.lower() not in _MISSING and not NUMBER.fullmatch(cell)]
    if words and numbers:
        found = f"both, {words[0][:40]!r} and {numbers[0]!r}"
        way_out = "name every column in words, or leave out columns of text"
        raise DataError(path, "a first line of names or one of numbers", found, way_out=way_out)
    if words and "" in cells:
        way_out = "name it, or leave it out (pandas writes its index so: to_csv(index=False) does not)"
        raise DataError(path, "a name for each column", f"none for column {cells.index('')}", way_out=way_out)
    return bool(words)
