"""IDX, the format of MNIST and its kin, plain or in gzip.

Two zero bytes, a byte for the type, a byte for the number of dimensions, the sizes as big-endian 32-bit
integers, the values. http://yann.lecun.com/exdb/mnist
"""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path
from typing import IO, cast

import numpy as np

from lowerbound.data.sources.held import DEFLATE, check_held, check_unpacked, whole

__all__ = ["is_idx", "map_idx", "read_idx"]

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def is_idx(name: str) -> bool:
    """Whether a file of this name is one of IDX.

    >>> [is_idx(name) for name in ("train-images-idx3-ubyte", "t10k-labels.idx1-ubyte.gz", "x.idx", "x.gz")]
    [True, True, True, False]
    """
    return re.search(r"(\.idx|[.-]idx\d(-\w+)?|-ubyte)(\.gz)?$", name.lower()) is not None


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, in this machine's byte order."""
    zipped = path.suffix.lower() == ".gz"
    with (
        whole(path, "gzip or IDX" if zipped else "IDX"),
        (gzip.open if zipped else open)(path, "rb") as stream,
    ):
        dtype, shape = _header(cast("IO[bytes]", stream))
        on_disk = path.stat().st_size
        held = on_disk * DEFLATE if zipped else on_disk - stream.tell()
        check_held(str(path), shape, dtype.itemsize, held)
        if zipped:
            check_unpacked(path, on_disk, math.prod(shape) * dtype.itemsize)
        # In pieces, so that memory is taken for what is there and not for what is promised.
        expected, values = math.prod(shape) * dtype.itemsize, bytearray()
        while len(values) <= expected and (piece := stream.read(1 << 20)):
            values += piece
        if len(values) != expected:
            found = f"{len(values):,}" if len(values) < expected else "more"
            raise ValueError(f"expected {expected:,} bytes after its header, found {found}")
    return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def map_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, mapped and not yet read, in the file's byte order; one in gzip is read."""
    if path.suffix.lower() == ".gz":
        return read_idx(path)
    with whole(path, "IDX"), path.open("rb") as stream:
        dtype, shape = _header(stream)
        check_held(str(path), shape, dtype.itemsize, path.stat().st_size - stream.tell())
        if 0 in shape:
            return np.empty(shape, dtype)  # which cannot be mapped
        return np.memmap(stream, dtype, "r", stream.tell(), shape)


def _header(stream: IO[bytes]) -> tuple[np.dtype, tuple[int, ...]]:
    """The type and the shape that a stream says at its beginning."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
        raise ValueError(
            f"it begins with {magic!r}; expected two zero bytes, a type of {sorted(_TYPES)}, and the "
            "number of dimensions"
        )
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError(f"it ends within the sizes of its {magic[3]} dimensions")
    return np.dtype(_TYPES[magic[2]]), tuple(map(int, np.frombuffer(sizes, ">u4")))
