"""Weka's ARFF: what its columns are called stands above its rows, which are delimited text."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

from lowerbound.archive.records import Reading
from lowerbound.data.sources.delimited import read_rows_of_text
from lowerbound.data.sources.encoding import decoded, encodings_of
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import Columns

__all__ = ["read_arff"]

# A cell, in quotation marks or not, behind the start of a line or a comma.
_CELL = re.compile(r"""(?:(?<=,)|^)(\s*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*|[^,]*)""")
_ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s{]+)\s*(.*)", re.I)


def read_arff(file: File, reading: Reading) -> Columns:
    """The columns of a `.arff`; `?` is missing. Rows that name their values by place ({0 1, 3 2}) are
    refused."""
    with whole(file.path, ".arff"):
        with file.open() as stream:
            content = stream.read()
        text = decoded(content, encodings_of(content)[0], True)
        names, rows = _parts(text)
        if not names or rows is None:
            raise ValueError("it has no @attribute, or no @data")
        if rows.lstrip().startswith("{"):
            raise ValueError("its rows name their values by place; save it as a dense ARFF or as CSV")
        return read_rows_of_text(file, _as_csv(rows), names, replace(reading, header=False))


def _as_csv(rows: str) -> str:
    """Rows whose quoted cells are in ' or \", with \\ before what is meant literally, as those of CSV are."""
    if not {"'", '"', "\\"} & set(rows):
        return rows
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    for row in rows.splitlines():
        if row.strip():
            writer.writerow([_literal(cell) for cell in _CELL.findall(row.strip())])
    return written.getvalue()


def _literal(cell: str) -> str:
    cell = cell.strip()
    quoted = len(cell) > 1 and cell[0] == cell[-1] in "'\""
    return re.sub(r"\\(.)", r"\1", cell[1:-1]) if quoted else cell


def _parts(text: str) -> tuple[list[str], str | None]:
    """The names of the columns, and what is below @data without comments."""
    names: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        words = line.strip()
        if found := _ATTRIBUTE.match(words):
            names.append(found[1].strip("'\"").replace("\\'", "'"))
        elif words.lower().startswith("@data"):
            rows = (row for row in lines[number + 1 :] if not row.lstrip().startswith("%"))
            return names, "\n".join(rows) + "\n"
    return names, None
