"""A JSON document that is a table: a list of records, columns by name, or one of the forms of pandas."""

from __future__ import annotations

import json
from typing import Any

from lowerbound.archive.records import Reading
from lowerbound.data.sources.arrow import flat, read_json_lines
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import Columns

__all__ = ["read_json"]


def read_json(file: File, reading: Reading) -> Columns:
    """The columns of a `.json`: `[{"a": 1}, …]`, `{"a": [1, …]}`, `{"a": {"0": 1, …}}`, or
    `{"columns": ["a"], "data": [[1], …]}`; a file of a record a line is read as JSON lines."""
    import pyarrow as pa

    with whole(file.path, ".json"):
        with file.open() as stream:
            content = stream.read()
        try:
            document = json.loads(content)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise
            return read_json_lines(file, reading)
        return flat(_table(document, pa), file)


def _table(document: Any, pa: Any) -> Any:
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        rows = document["data"]
        if isinstance(document.get("columns"), list):
            names = [str(name) for name in document["columns"]]
            return pa.table([list(column) for column in zip(*rows, strict=True)], names=names)
        document = rows
    if isinstance(document, dict) and document:
        columns = {
            name: list(values.values()) if isinstance(values, dict) else values
            for name, values in document.items()
        }
        if all(isinstance(values, list) for values in columns.values()):
            return pa.table(columns)
        if len(document) == 1 or not any(isinstance(values, list) for values in document.values()):
            raise ValueError("it is no table: expected a list of records, or columns by name")
        raise ValueError("it is no table: some of its columns are lists, and others are not")
    if isinstance(document, list) and document and all(isinstance(row, list) for row in document):
        names = [f"x{j}" for j in range(len(document[0]))]
        return pa.table([list(column) for column in zip(*document, strict=True)], names=names)
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        every = dict.fromkeys(name for row in document for name in row)
        return pa.table({name: [row.get(name) for row in document] for name in every})
    raise ValueError("it is no table: expected a list of records, or columns by name")
