"""Arrow's own formats, Parquet, Feather (IPC) and ORC, and JSON lines, read by pyarrow."""

from __future__ import annotations

from typing import IO, Any

from lowerbound.archive.documents import check_depth
from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.sources import ipc
from lowerbound.data.sources.encoding import pieces_of
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import check_unpacked, check_width, size_of, whole
from lowerbound.data.sources.names import named
from lowerbound.data.tables import Columns, from_arrow

__all__ = ["flat", "read_feather", "read_json_lines", "read_orc", "read_parquet", "unnamed"]


def read_parquet(file: File, reading: Reading) -> Columns:
    """The columns of a `.parquet`, less those that pandas wrote for its index."""
    from pyarrow import parquet

    with whole(file.path, ".parquet"), file.whole() as stream:
        with parquet.ParquetFile(stream) as found:
            about = found.metadata
            plain = _flattened(found.schema_arrow.empty_table(), file).schema
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        sizes = [part.column(j).total_uncompressed_size for part in groups for j in range(part.num_columns)]
        rows = max([about.num_rows, *(part.num_rows for part in groups)])
        _check_size(file, stream, plain, rows, sum(sizes))
        # A text may be there once, and a row each a reference to it.
        texts = [field.name for field in plain if _is_text(field.type)]
        with parquet.ParquetFile(stream, read_dictionary=texts) as found:
            table = _flattened(found.read(), file)
        _check_size(file, stream, plain, rows, sum(_bytes_of(table[name]) for name in texts))
        return flat(_without_index(table.cast(plain.with_metadata(table.schema.metadata))), file)


def _is_text(kind: Any) -> bool:
    import pyarrow.types as types

    return any(of(kind) for of in (types.is_string, types.is_large_string, types.is_binary))


def _bytes_of(column: Any) -> int:
    """The bytes of the texts of a column that has them in a dictionary."""
    import pyarrow.compute as compute

    lengths = (compute.binary_length(part.dictionary).take(part.indices) for part in column.chunks)
    return sum(compute.sum(each).as_py() or 0 for each in lengths)


def read_feather(file: File, reading: Reading) -> Columns:
    """The columns of a `.feather` or `.arrow`, Arrow's IPC as a file or as a stream, less those that pandas
    wrote for its index."""
    import pyarrow as pa

    with whole(file.path, file.ending), file.whole() as stream:
        if stream.read(4) == b"FEA1":
            from pyarrow import feather

            stream.seek(0)
            table = feather.read_table(stream)
        else:
            rows, unpacked = ipc.rows_and_bytes(stream)
            with pa.ipc.open_stream(ipc.opened(stream)) as batches:
                _check_size(file, stream, batches.schema, rows, unpacked)
            with pa.ipc.open_stream(ipc.opened(stream)) as batches:
                table = batches.read_all()
        table.validate(full=True)  # places of text beyond its end would be read
        return flat(_without_index(table), file)


def read_orc(file: File, reading: Reading) -> Columns:
    """The columns of an `.orc`."""
    from pyarrow import orc

    with whole(file.path, ".orc"), file.whole() as stream:
        found = orc.ORCFile(stream)
        _check_size(file, stream, found.schema, found.nrows)
        return flat(found.read(), file)


def read_json_lines(file: File, reading: Reading) -> Columns:
    """The columns of JSON of a record a line."""
    import pyarrow.json

    with whole(file.path, "JSON lines"):
        # pyarrow's parser ends the process where lists and records stand in each other too deep.
        with file.open() as stream:
            check_depth(pieces_of(stream))
        with file.open() as stream:
            return flat(pyarrow.json.read_json(stream), file)


def _check_size(file: File, stream: IO[bytes], schema: Any, rows: int, unpacked: int = 0) -> None:
    """Whether a file may hold so many rows and bytes as it says, where a few may stand for the values of a
    whole column. The stream is then at its beginning."""
    check_width(file.path, len(schema))
    values = 8 * rows * len(schema)
    check_unpacked(file.path, size_of(stream), max(values, unpacked), "write it in parts")


def flat(table: Any, file: File) -> Columns:
    """The columns of a pyarrow table, of records as well: `place.x` of a record `place`.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for columns of lists, all of them named.
    """
    return named(from_arrow(_flattened(table, file)))


def unnamed(table: Any, file: File) -> Columns:
    """The same by the names that they have in the file, less those that pandas wrote for its index."""
    return from_arrow(_flattened(_without_index(table), file))


def _flattened(table: Any, file: File) -> Any:
    import pyarrow.types as types

    while any(types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    nested = [field.name for field in table.schema if types.is_nested(field.type)]
    if nested:
        way_out = f"make a column of each value, or leave them out: --drop {','.join(nested)}"
        raise DataError(file.path, "one value a cell", f"lists in {_listed(nested)}", way_out=way_out)
    return table


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _without_index(table: Any) -> Any:
    index = (table.schema.pandas_metadata or {}).get("index_columns", ())
    return table.select([name for name in table.column_names if name not in index])
