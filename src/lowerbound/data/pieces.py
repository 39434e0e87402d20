"""Rows of a file on a disk, read in pieces."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int, Shaped

__all__ = ["PIECE", "in_pieces", "is_mapped", "mapping_of", "rows_of"]

# Bytes that a disk gives about as fast as more of them at once: neighbours are read together so far.
PIECE = 256 * 1024
# A gap of less is read as well, and a read ends after so much.
_GAP, _MOST = 16 * 1024, 4 * 1024 * 1024


def is_mapped(x: np.ndarray) -> bool:
    """Whether `x` is a view of a file that is mapped into memory.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/x.npy", np.zeros((3, 2)))
    ...     x = np.load(f"{folder}/x.npy", mmap_mode="r")
    ...     is_mapped(x[1:]), is_mapped(np.asarray(x)), is_mapped(x + 1)
    (True, True, False)
    """
    return mapping_of(x) is not None


def mapping_of(x: np.ndarray | None) -> np.memmap | None:
    """The map of a file that `x` is a view of; None of an array in memory."""
    found = None
    while isinstance(x, np.ndarray):
        if isinstance(x, np.memmap) and x.filename is not None:
            found = x  # the last is the map itself, the others are views of it
        x = x.base
    return found


def rows_of(x: Shaped[np.ndarray, "n d"], numbers: Int[np.ndarray, " k"]) -> Shaped[np.ndarray, "k d"]:
    """x[numbers], in memory. Of a mapped file rows that lie near each other are read in one piece, and not
    through the map, whose pages would count as the process's memory.

    >>> rows_of(np.arange(6).reshape(3, 2), np.array([2, 0])).tolist()
    [[4, 5], [0, 1]]
    """
    mapping = mapping_of(x)
    if mapping is None or not x.flags.c_contiguous or x.size == 0:
        return np.take(x, numbers, axis=0)
    taken = np.empty((len(numbers), *x.shape[1:]), x.dtype)
    if len(numbers) == 0:
        return taken
    size = x.nbytes // len(x)
    begin = int(mapping.offset) + x.ctypes.data - mapping.ctypes.data
    by_number = np.argsort(numbers, kind="stable")
    ascending = numbers[by_number]
    file = os.open(str(mapping.filename), os.O_RDONLY)
    try:
        for first, last in _pieces(ascending, size):
            low, high = int(ascending[first]), int(ascending[last - 1]) + 1
            piece = np.empty((high - low) * size, np.uint8)
            _read(file, piece, begin + low * size)
            among = piece.view(x.dtype).reshape(high - low, *x.shape[1:])
            taken[by_number[first:last]] = among[ascending[first:last] - low]
    finally:
        os.close(file)
    return taken


def in_pieces(x: np.ndarray) -> Iterator[np.ndarray]:
    """All rows, in order, a few megabytes of them at a time.

    >>> [len(piece) for piece in in_pieces(np.zeros((3, 2)))]
    [3]
    """
    step = max(1, _MOST // max(x[:1].nbytes, 1))
    return (rows_of(x, np.arange(first, min(first + step, len(x)))) for first in range(0, len(x), step))


def _pieces(ascending: np.ndarray, size: int) -> list[tuple[int, int]]:
    """Where the numbers are cut: at gaps, and where a piece is long."""
    gap = max(_GAP // size, 1)
    cuts = np.flatnonzero(np.diff(ascending) > gap) + 1
    most = max(_MOST // size, 1)
    pieces = []
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(ascending)], strict=True):
        while ascending[last - 1] - ascending[first] >= most:
            middle = first + int(np.searchsorted(ascending[first:last], ascending[first] + most))
            pieces.append((first, middle))
            first = middle
        pieces.append((first, last))
    return pieces


def _read(file: int, into: np.ndarray, offset: int) -> None:
    view = memoryview(into.data)
    while len(view):
        count = os.preadv(file, [view], offset)
        if count == 0:
            short = f"{len(view)} bytes shorter than when it was opened"
            raise OSError(f"the file of the rows is {short}; read it anew")
        view, offset = view[count:], offset + count
