"""Delimited text (`.csv`, `.tsv`, `.txt` and their relatives) as columns, read by pyarrow."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import IO, Any

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.sources.cells import MISSING, settled
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.cuts import WHITE_SPACE, cells_between_blanks
from lowerbound.data.sources.dialect import Dialect, dialect_of
from lowerbound.data.sources.encoding import decoded, encodings_of, head_of, lines_of
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.sources.libsvm import is_libsvm, read_libsvm
from lowerbound.data.sources.names import named
from lowerbound.data.tables import Columns, from_arrow
from lowerbound.data.times import kind_of, parsed

__all__ = [
    "arrow_options",
    "dialect_in",
    "missing_cells",
    "ragged_line",
    "read_delimited",
    "read_rows_of_text",
]


def read_delimited(file: File, reading: Reading) -> Columns | Contents:
    """The columns of a file of delimited text, whose separator, encoding, quotation mark, decimal sign and
    header are found in its first lines (see [`Dialect`][lowerbound.data.sources.dialect.Dialect]).

    A cell of `MISSING` was not observed; blanks around text are no part of it. Dates and times are such where
    all cells of a column are: `2004-03-10`, `2004-03-10 18:00:00`, `11:34`, and `25/03/2004` where some cell
    tells the day from the month.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for lines of another number of cells, with
    the line, and for what is no text.
    """
    with whole(file.path, file.ending or "text"):
        with file.open() as stream:
            head, all_of_it = head_of(stream)
        encodings = encodings_of(head)
        if is_libsvm(decoded(head, encodings[0], all_of_it)):
            return read_libsvm(file, reading)
        missing = missing_cells(reading)
        for encoding in encodings:
            text = decoded(head, encoding, all_of_it)
            dialect = dialect_of(text, header=reading.header, missing=missing, whole=all_of_it)
            try:
                table = _table(file, encoding, dialect, missing)
            except UnicodeDecodeError:
                continue
            if not any(str(kind) == "binary" for kind in table.schema.types):
                break
    return _columns(table, dialect, missing, _encoded_as(encoding))


def dialect_in(file: File, reading: Reading) -> tuple[str, Dialect]:
    """The encoding and the dialect that a file's first lines show."""
    with file.open() as stream:
        head, all_of_it = head_of(stream)
    encoding = encodings_of(head)[0]
    missing = missing_cells(reading)
    text = decoded(head, encoding, all_of_it)
    return encoding, dialect_of(text, header=reading.header, missing=missing, whole=all_of_it)


def read_rows_of_text(
    file: File, text: str, names: Sequence[str] | None, reading: Reading, quote: str = '"'
) -> Columns:
    """The columns of rows of text that are cut at commas, made of another format; the first is a header
    where no `names` are given."""
    missing = missing_cells(reading)
    if names is None:
        dialect = dialect_of(text, header=reading.header, missing=missing, whole=True)
    else:
        dialect = Dialect(",", quote, ".", tuple(names), 0, len(names), max(map(len, text.split("\n"))))
    content = text.encode()
    table = _arrow(io.BytesIO(content), "utf-8", dialect, missing)
    return _columns(table, dialect, missing, ())


def missing_cells(reading: Reading) -> Sequence[str]:
    """The cells that stand for no value."""
    return MISSING if reading.missing_values is None else reading.missing_values


def _columns(table: Any, dialect: Dialect, missing: Sequence[str], notes: tuple[str, ...]) -> Columns:
    read = from_arrow(table)
    arrays, more, dates = [], [], []
    for place, array in enumerate(read.arrays):
        label = repr(dialect.names[place]) if dialect.names else str(place)
        cells, thousands = settled(array, missing, dialect.decimal)
        more += [label] if thousands else []
        if cells.dtype.kind == "O" and kind_of(cells) is None:
            times, words = parsed(cells.tolist())
            dates += [f"{label} has {words}" if times is not None else f"{label} {words}"] if words else []
            cells = cells if times is None else times
        arrays.append(cells)
    said = (f"thousands are marked in {', '.join(more)}",) if more else ()
    found = Columns(arrays, dialect.names, notes=(*notes, *dialect.notes, *said, *dates))
    return named(replace(found, declared=read.declared))


def _table(file: File, encoding: str, dialect: Dialect, missing: Sequence[str]) -> Any:
    with file.open() as stream:
        return _read(file, stream, encoding, dialect, missing)


def _read(
    file: File,
    stream: IO[bytes],
    encoding: str,
    dialect: Dialect,
    missing: Sequence[str],
) -> Any:
    try:
        if dialect.separator == WHITE_SPACE:
            return _arrow(_with_tabs(stream, encoding, dialect), "utf-8", dialect, missing)
        return _arrow(stream, encoding, dialect, missing)
    except _RaggedError:
        raise ragged_line(file, encoding, dialect) from None


class _RaggedError(Exception):
    """A line has another number of cells."""


def _arrow(stream: IO[bytes], encoding: str, dialect: Dialect, missing: Sequence[str]) -> Any:
    import pyarrow.csv as arrow

    ragged: list[Any] = []
    try:
        return arrow.read_csv(stream, *arrow_options(encoding, dialect, missing, ragged))
    except ValueError:
        if not ragged:
            raise
        raise _RaggedError from None


def arrow_options(
    encoding: str, dialect: Dialect, missing: Sequence[str], ragged: list[Any], *, as_text: bool = False
) -> tuple[Any, Any, Any]:
    """What pyarrow is told of a file: how it is read, cut and converted. A row of another number of cells is
    put into `ragged`; `as_text` leaves the cells of all columns as they are."""
    import pyarrow as pa
    import pyarrow.csv as arrow

    def keep(row: Any) -> str:
        ragged.append(row)
        return "error"

    blanks = dialect.separator == WHITE_SPACE
    names = [str(place) for place in range(len(dialect.names) if dialect.names else dialect.width)]
    return (
        # One thread is no slower. A line must fit into a block.
        arrow.ReadOptions(
            use_threads=False,
            column_names=names,
            skip_rows=0 if blanks else dialect.skip,
            block_size=max(1 << 20, 8 * dialect.longest),
            encoding=encoding,
        ),
        arrow.ParseOptions(
            delimiter="\t" if blanks else dialect.separator,
            quote_char=dialect.quote,
            newlines_in_values=True,
            invalid_row_handler=keep,
        ),
        arrow.ConvertOptions(
            null_values=list(missing),
            strings_can_be_null=True,
            decimal_point=dialect.decimal,
            column_types=dict.fromkeys(names, pa.string()) if as_text else None,
        ),
    )


def _with_tabs(stream: IO[bytes], encoding: str, dialect: Dialect) -> IO[bytes]:
    """The rows of text that is cut at white space, cut at tabs."""
    text = io.TextIOWrapper(stream, encoding)
    written = io.StringIO()
    writer = csv.writer(written, delimiter="\t", lineterminator="\n")
    writer.writerows(
        cells_between_blanks(line) for number, line in enumerate(lines_of(text)) if number >= dialect.skip
    )
    text.detach()
    return io.BytesIO(written.getvalue().encode())


def ragged_line(file: File, encoding: str, dialect: Dialect) -> DataError:
    """What is said of the first line that has another number of cells."""
    width = len(dialect.names) if dialect.names else dialect.width
    way_out = "mend the line or take it out"
    expected = f"{width} cell{'s' * (width != 1)} in each line, as in the first"
    with file.open() as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
        below = islice(lines_of(text), dialect.skip, None)
        if dialect.separator == WHITE_SPACE:
            rows = ((i, cells_between_blanks(line)) for i, line in enumerate(below, 1))
        else:
            reader = csv.reader(below, delimiter=dialect.separator, quotechar=dialect.quote)
            rows = ((reader.line_num, row) for row in reader)
        for number, row in rows:
            if row and len(row) != width:
                cells = ("," if dialect.separator == "\t" else dialect.separator).join(row)
                found = f"{len(row)} in line {dialect.skip + number}: {cells[:40]!r}"
                return DataError(file.path, expected, found, way_out=way_out)
    return DataError(file.path, expected, "another number", way_out=way_out)


def _encoded_as(encoding: str) -> tuple[str, ...]:
    if encoding == "utf-8":
        return ()
    name = {"cp1252": "Latin-1 (Windows-1252)", "latin-1": "Latin-1"}.get(encoding, encoding.upper())
    return (f"its bytes are text in {name}",)
