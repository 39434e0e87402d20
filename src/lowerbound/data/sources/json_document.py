"""A JSON document that is a table: a list of records, columns by name, or one of the forms of pandas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lowerbound.archive.documents import check_depth
from lowerbound.archive.records import Reading
from lowerbound.data.sources.arrow import flat, read_json_lines
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import check_width, whole
from lowerbound.data.tables import Columns
from lowerbound.limits import DOCUMENT

__all__ = ["read_json"]


def read_json(file: File, reading: Reading) -> Columns:
    """The columns of a `.json`: `[{"a": 1}, …]`, `{"a": [1, …]}`, `{"a": {"0": 1, …}}`, or
    `{"columns": ["a"], "data": [[1], …]}`; a file of a record a line is read as JSON lines."""
    import pyarrow as pa

    with whole(file.path, ".json"):
        with file.open() as stream:
            content = stream.read(DOCUMENT + 1)
        if len(content) > DOCUMENT:
            raise ValueError(f"it has more than {DOCUMENT:,} bytes; write its records a line each, as .jsonl")
        if not (encoding := json.detect_encoding(content)).startswith("utf-8"):
            content = content.decode(encoding).encode()
        check_depth([content])
        try:
            document = json.loads(content)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise
            return read_json_lines(file, reading)
        columns = _columns(document)
        check_width(file.path, len(columns))
        return flat(pa.table({name: _column(name, cells) for name, cells in columns}), file)


def _column(name: str, cells: Sequence[Any]) -> Any:
    """The pyarrow array of a column; text where its cells are of several types but of no records or lists.

    **Raises:** `ValueError` that names it for others.
    """
    import pyarrow as pa

    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if any(isinstance(cell, list | dict) for cell in cells):
            raise ValueError(f"column {name!r} has lists or records beside other values") from None
        return pa.array([None if cell is None else str(cell) for cell in cells])


def _columns(document: Any) -> list[tuple[str, Sequence[Any]]]:
    """The columns of a document by name.

    **Raises:** `ValueError` for a document that is no table.
    """
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        rows = document["data"]
        if isinstance(document.get("columns"), list):
            return _of_rows(rows, [*map(str, document["columns"])])
        document = rows
    if isinstance(document, list) and document and all(isinstance(row, list) for row in document):
        return _of_rows(document, [f"x{j}" for j in range(len(document[0]))])
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        every = dict.fromkeys(name for row in document for name in row)
        return [(name, [row.get(name) for row in document]) for name in every]
    if isinstance(document, dict) and document:
        columns = [(name, [*v.values()] if isinstance(v, dict) else v) for name, v in document.items()]
        lengths = {len(cells) if isinstance(cells, list) else -1 for _, cells in columns}
        if len(lengths) == 1 and -1 not in lengths:
            return columns
    raise ValueError("it is no table: expected a list of records, or columns by name")


def _of_rows(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> list[tuple[str, Sequence[Any]]]:
    return [*zip(names, map(list, zip(*rows, strict=True)), strict=True)]
