"""MATLAB's `.mat`, by SciPy, which is given the arrays of numbers of a file alone, unpacked and looked over.

SciPy believes the types that a file names, which are places in memory to it, and calls itself for each cell
in a cell. https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.sources.arrays import x_and_y
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import check_unpacked, whole
from lowerbound.data.sparse import dense
from lowerbound.limits import most_unpacked

__all__ = ["read_mat"]

_HEADER, _MATRIX, _COMPRESSED = 128, 14, 15
# The types of values, whole numbers of 8 to 64 bits and real ones, and the classes of arrays of numbers, of
# which the first is sparse.
_VALUES, _NUMERIC = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13), range(5, 16)


def read_mat(file: File, member: str = "") -> Contents:
    """The array called `member` in MATLAB's `.mat`; its only one, or X with y, the labels, by SciPy."""
    from scipy.io import loadmat
    from scipy.sparse import issparse

    with whole(file.path, ".mat"), file.open() as stream:
        held = loadmat(io.BytesIO(_of_numbers(stream.read(), file)))
        arrays = {
            name: dense(value, str(file.path)) if issparse(value) else value
            for name, value in held.items()
            if issparse(value) or (isinstance(value, np.ndarray) and value.dtype.kind in "biuf")
        }
        if not member and (pair := x_and_y(arrays)):
            note = f"{pair[0]} is the rows, {pair[1]} their labels"
            return Contents.apart(arrays[pair[0]], arrays[pair[1]], pair[1], note)
        if not member and len(arrays) == 1:
            member = next(iter(arrays))
        if member not in arrays:
            wanted = f"an array {member!r}" if member else "one array of numbers"
            choice = f"name one: {', '.join(f':{name}' for name in arrays)}" if arrays else ""
            raise DataError(file.path, wanted, f"{len(arrays)} in it", way_out=choice)
        return Contents(arrays[member])


def _of_numbers(content: bytes, file: File) -> bytes:
    """The file with its arrays of numbers alone, unpacked; one of version 4 has no others."""
    if len(content) < _HEADER or 0 in content[:4]:
        return content
    order = "<" if content[126:128] == b"IM" else ">"
    if content[125 if order == "<" else 124] == 2:
        expected, found = "a .mat up to version 7", "version 7.3, which is HDF5"
        raise DataError(file.path, expected, found, way_out="in MATLAB: save(name, '-v7')")
    kept, packed, unpacked = [content[:_HEADER]], 0, 0
    for kind, body in _elements(memoryview(content)[_HEADER:], order):
        if kind == _COMPRESSED:
            packed += len(body)
            plain = zlib.decompressobj().decompress(body, max(most_unpacked(packed) - unpacked, 0) + 1)
            unpacked += len(plain)
            check_unpacked(file.path, packed, unpacked)
            kind, body = next(_elements(memoryview(plain), order), (0, body))
        if kind == _MATRIX and _is_numeric(body, order):
            kept += [struct.pack(f"{order}II", _MATRIX, len(body)), bytes(body)]
    return b"".join(kept)


def _elements(view: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The types of elements and what is in them, one behind the other."""
    place = 0
    while place < len(view):
        kind, size = struct.unpack_from(f"{order}II", view, place)
        if size == 0 or place + 8 + size > len(view):
            raise ValueError(f"an element of it says that it has {size:,} bytes, and there are fewer")
        yield kind, view[place + 8 : place + 8 + size]
        place += 8 + size


def _is_numeric(body: memoryview, order: str) -> bool:
    """Whether an array is one of numbers; then all that is in it are values.

    **Raises:** `ValueError` where they are of a type that there is not.
    """
    if len(body) < 16 or body[8 if order == "<" else 11] not in _NUMERIC:
        return False
    place = 0
    while place < len(body):
        kind, size = struct.unpack_from(f"{order}II", body, place)
        if short := kind >> 16:  # up to four bytes, in the place of the size
            kind, size = kind & 0xFFFF, 0
        if kind not in _VALUES or short > 4 or place + 8 + size > len(body):
            raise ValueError(
                f"an array of it has values of the type {kind} in {size:,} bytes, which it has not"
            )
        place += 8 + -(-size // 8) * 8
    return True
