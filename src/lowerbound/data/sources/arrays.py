"""Files of arrays: `.npy` and `.npz`, of which nothing is read before its header is believed."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from lowerbound.data.errors import DataError
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.held import DEFLATE, check_held, check_unpacked, whole

__all__ = ["array_in", "read_npy", "read_npz", "x_and_y"]

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npy(path: Path) -> np.ndarray:
    """The array in a `.npy`, mapped and not yet read."""
    with whole(path, ".npy"), path.open("rb") as stream:
        shape, fortran, dtype = _header(stream, path, str(path), path.stat().st_size)
        if 0 in shape:
            return np.empty(shape, dtype)  # which cannot be mapped
        return np.memmap(stream, dtype, "r", stream.tell(), shape, "F" if fortran else "C")


def read_npz(path: Path, name: str) -> Contents:
    """The array called `name` in a `.npz`; where `name` is empty its only one, or X with y, the labels."""
    with whole(path, ".npz"), zipfile.ZipFile(path) as archive:
        names = [member.removesuffix(".npy") for member in archive.namelist() if member.endswith(".npy")]
        if not name and (pair := x_and_y(names)):
            x, y = (_member(archive, path, one) for one in pair)
            return Contents.apart(x, y, pair[1], f"{pair[0]} is the rows, {pair[1]} their labels")
        if not name and len(names) == 1:
            name = names[0]
        if name not in names:
            wanted = f"an array {name!r}" if name else "one array"
            choice = f"name one: {', '.join(f':{name}' for name in names)}" if names else ""
            raise DataError(path, wanted, f"{len(names)} arrays in it", way_out=choice)
        return Contents(_member(archive, path, name))


def x_and_y(names: Iterable[str]) -> tuple[str, str] | None:
    """The names of the rows and of their labels, where these two are all.

    >>> x_and_y(["y", "X"]), x_and_y(["X", "y", "z"])
    (('X', 'y'), None)
    """
    found = sorted(names, key=str.lower)
    return (found[0], found[1]) if [name.lower() for name in found] == ["x", "y"] else None


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> np.ndarray:
    member = archive.getinfo(f"{name}.npy")
    packed = min(member.compress_size, path.stat().st_size)
    with archive.open(member) as stream:
        _header(stream, path, f"{path}:{name}", min(member.file_size, DEFLATE * packed))
    check_unpacked(f"{path}:{name}", packed, member.file_size, "save it without compression, numpy.savez")
    with archive.open(member) as stream:
        return npy.read_array(stream, allow_pickle=False)


def _header(stream: IO[bytes], path: Path, where: str, held: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of the array in `stream`, whose file holds at most `held` bytes."""
    found = "Python objects in a pickle, which could run code and is not loaded"
    pickled = DataError(path, "an array", found, way_out="save an array of numbers")
    start = stream.read(npy.MAGIC_LEN)
    if not start.startswith(npy.MAGIC_PREFIX):
        if start[:1] == b"\x80":  # how a pickle begins
            raise pickled
        raise ValueError(f"it begins with {start!r}" if start else "it is empty")
    version = (start[-2], start[-1])
    if version not in _HEADERS:
        raise ValueError(f"its format is {version[0]}.{version[1]}, and 1.0 and 2.0 are read")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        shape, fortran, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise pickled
    check_held(where, shape, max(dtype.itemsize, 1), held - stream.tell())
    return shape, fortran, dtype


def array_in(data: bytes, name: Path) -> np.ndarray:
    """The array in the bytes of a `.npy`, which are called `name` in errors; it shares their memory.

    >>> import io
    >>> np.save(stream := io.BytesIO(), np.eye(2))
    >>> array_in(stream.getvalue(), Path("x")).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    with whole(name, ".npy"):
        stream = io.BytesIO(data)
        shape, fortran, dtype = _header(stream, name, str(name), len(data))
        count = math.prod(shape)
        values = np.frombuffer(data, dtype, count, stream.tell()) if count else np.empty(0, dtype)
        return values.reshape(shape, order="F" if fortran else "C")
