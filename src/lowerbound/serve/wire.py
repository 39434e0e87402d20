"""Arrays and tables as they travel between a client and a service: `.npy` and Arrow streams."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lowerbound.data.sources import arrays
from lowerbound.data.tables import Columns, from_arrow

__all__ = ["array_in", "bytes_of_array", "bytes_of_table", "columns_in"]


def bytes_of_array(array: np.ndarray) -> bytes:
    """An array as a `.npy`.

    >>> array_in(bytes_of_array(np.eye(2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def array_in(body: bytes) -> np.ndarray:
    """The array of a `.npy` that the service wrote.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for anything else.
    """
    return arrays.array_in(body, Path("answer")).copy()


def bytes_of_table(table: Any) -> bytes:
    """A pyarrow table as an Arrow stream.

    >>> import pyarrow
    >>> table = pyarrow.table({"mass": [1.5, None], "color": ["red", "blue"]})
    >>> [column.tolist() for column in columns_in(bytes_of_table(table)).arrays]
    [[1.5, nan], ['red', 'blue']]
    """
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def columns_in(body: bytes) -> Columns:
    """The columns of an Arrow stream that the service wrote; one without any value is of objects.

    >>> import pyarrow
    >>> columns_in(bytes_of_table(pyarrow.table({"outside": [None, None]}))).arrays[0].tolist()
    [None, None]
    """
    import pyarrow as pa

    with pa.ipc.open_stream(body) as batches:
        table = batches.read_all()
    read = from_arrow(table)
    columns = [
        np.full(read.length, None, object) if pa.types.is_null(kind) else array
        for kind, array in zip(table.schema.types, read.arrays, strict=True)
    ]
    return replace(read, arrays=columns)
