"""Arrow's IPC, as a stream or as a file: what it unpacks to is asked before any of it is unpacked.

A file is its stream behind 8 bytes, with an index at its end, and is read as the stream that it is: what an
index of a stranger's points at is not looked for. https://arrow.apache.org/docs/format/Columnar.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any

__all__ = ["opened", "rows_and_bytes"]

_MAGIC = b"ARROW1\0\0"
# The kinds of message that hold values, and the places of fields in the flatbuffers that describe them.
_DICTIONARY, _BATCH = 2, 3
_KIND, _HEADER, _DATA = 1, 2, 1
_LENGTH, _BUFFERS, _COMPRESSION = 0, 2, 3


def opened(stream: IO[bytes]) -> IO[bytes]:
    """The stream where its messages begin."""
    stream.seek(0)
    if stream.read(len(_MAGIC)) != _MAGIC:
        stream.seek(0)
    return stream


def rows_and_bytes(stream: IO[bytes]) -> tuple[int, int]:
    """The rows that the messages promise, and the bytes that their buffers become.

    >>> import io, pyarrow as pa
    >>> with pa.ipc.new_stream(written := io.BytesIO(), pa.schema({"x": pa.int64()})) as writer:
    ...     writer.write_table(pa.table({"x": [1, 2, 3]}))
    >>> rows_and_bytes(written)
    (3, 24)
    """
    import pyarrow as pa

    rows = size = 0
    for message in pa.ipc.MessageReader.open_stream(opened(stream)):
        described, body = memoryview(message.metadata), memoryview(message.body or b"")
        (start,) = struct.unpack_from("<I", described)
        kind = _field(described, start, _KIND)
        batch = _table(described, start, _HEADER)
        if kind is None or batch is None or described[kind] not in (_DICTIONARY, _BATCH):
            continue
        if described[kind] == _DICTIONARY and (batch := _table(described, batch, _DATA)) is None:
            continue
        if described[kind] == _BATCH and (length := _field(described, batch, _LENGTH)) is not None:
            rows += struct.unpack_from("<q", described, length)[0]
        size += sum(_sizes(described, batch, body))
    return rows, size


def _sizes(described: memoryview, batch: int, body: memoryview) -> Iterator[int]:
    """The bytes that each buffer of a batch becomes: those that are packed say it in their first eight."""
    packed = _field(described, batch, _COMPRESSION) is not None
    buffers = _table(described, batch, _BUFFERS)
    if buffers is None:
        return
    (count,) = struct.unpack_from("<I", described, buffers)
    for number in range(count):
        place, size = struct.unpack_from("<qq", described, buffers + 4 + 16 * number)
        (unpacked,) = struct.unpack_from("<q", body, place) if packed and size else (-1,)
        yield size if unpacked < 0 else unpacked


def _field(described: Any, table: int, number: int) -> int | None:
    """Where a field of a table of a flatbuffer is; None where it has none."""
    (back,) = struct.unpack_from("<i", described, table)
    places = table - back
    (size,) = struct.unpack_from("<H", described, places)
    entry = 4 + 2 * number
    (place,) = struct.unpack_from("<H", described, places + entry) if entry < size else (0,)
    return table + place if place else None


def _table(described: Any, table: int, number: int) -> int | None:
    """Where the table or the vector is that a field refers to."""
    place = _field(described, table, number)
    return None if place is None else place + struct.unpack_from("<I", described, place)[0]
