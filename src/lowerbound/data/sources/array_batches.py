"""Arrays in files, `.npy` and plain IDX, mapped one below the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.numbers import check_shape
from lowerbound.data.pages import let_go
from lowerbound.data.sources.arrays import read_npy
from lowerbound.data.sources.batches import CELLS, Batches
from lowerbound.data.sources.file import File
from lowerbound.data.sources.idx import is_idx, map_idx
from lowerbound.data.tables import Columns

__all__ = ["ArrayBatches"]


@dataclass
class ArrayBatches(Batches):
    """The rows of arrays (n, d), or of images (n, height, width[, channels]), which are read as they are
    asked for."""

    arrays: Sequence[np.ndarray] = field(default_factory=tuple)

    @classmethod
    def of(cls, files: tuple[Path, ...], reading: Reading) -> ArrayBatches:
        """The arrays of these files.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for anything but numbers, and for rows of
        another shape than the first file's.
        """
        arrays = [map_idx(path) if is_idx(path.name) else read_npy(path) for path in files]
        for path, array in zip(files, arrays, strict=True):
            row, first = array.shape[1:], arrays[0].shape[1:]
            if row != first or array.ndim < 2:
                shapes = [" × ".join(map(str, shape)) or "one value" for shape in (first, row)]
                raise DataError(path, f"rows of {shapes[0]}, as in {files[0]}", shapes[1])
            check_shape(array.reshape(len(array), math.prod(row)), str(path))
        return cls(files, reading, arrays=arrays)

    @property
    def rows(self) -> int:
        return sum(map(len, self.arrays))

    @property
    def size(self) -> int:
        width = min(np.result_type(*self.arrays).itemsize, 4)
        return width * sum(array.size for array in self.arrays)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        shape = self.arrays[0].shape[1:]
        return shape if len(shape) in (2, 3) else None

    @property
    def as_it_is(self) -> np.memmap | None:
        """The array of a single file that a device takes as it stands, (n, d): it need not be written
        again."""
        array = self.arrays[0]
        plain = array.dtype.isnative and array.dtype.itemsize <= 4 and array.flags.c_contiguous
        if len(self.arrays) > 1 or not plain or not isinstance(array, np.memmap):
            return None
        rows = array.reshape(len(array), -1)
        return rows if isinstance(rows, np.memmap) else None

    def of_file(self, file: File) -> Iterator[Columns]:
        array = self.arrays[self.files.index(file.path)]
        rows = array.reshape(len(array), -1)
        step = max(1, CELLS // rows.shape[1])
        common = np.result_type(*self.arrays).newbyteorder("=")
        for first in range(0, len(rows), step):
            some = rows[first : first + step]
            # Copied, so that what follows reads memory and not a file.
            copied = np.array(some, common)
            let_go(some)
            yield Columns(copied.T, None)
