"""One flat file of rows, a `.npy` that is written a few rows at a time and hashed on the way."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

__all__ = ["FlatFile", "Unwritten", "Writing"]


class Writing(AbstractContextManager["Writing"], ABC):
    """Where encoded rows go; the SHA-256 of their bytes."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    @abstractmethod
    def add(self, x: np.ndarray) -> None:
        """More rows."""


class Unwritten(Writing):
    """Nowhere: they are in a file already."""

    def add(self, x: np.ndarray) -> None:
        self.digest.update(_bytes_of(x))

    def __exit__(self, *_: object) -> None:
        pass


class FlatFile(Writing):
    """A `.npy` of rows of one type and width; on the disk, to the last byte, when it is left.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "x.npy"
    ...     with FlatFile(path, np.dtype(np.int8), 2) as file:
    ...         file.add(np.array([[1, 2]], np.int8))
    ...         file.add(np.array([[3, 4]], np.int8))
    ...     np.load(path).tolist()
    [[1, 2], [3, 4]]
    """

    def __init__(self, path: Path, dtype: np.dtype, width: int):
        super().__init__()
        self.dtype, self.width, self.rows = dtype, width, 0
        self.stream = path.open("wb")
        self._write_header()
        self.start = self.stream.tell()

    def _write_header(self) -> None:
        shape = (self.rows, self.width)
        about = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self.stream, about)

    def add(self, x: np.ndarray) -> None:
        content = _bytes_of(x)
        self.digest.update(content)
        self.stream.write(content)
        self.rows += len(x)

    def __exit__(self, *error: object) -> None:
        with self.stream:
            if error[0] is None:
                # NumPy leaves room for any number of rows, so that the header keeps its length.
                self.stream.seek(0)
                self._write_header()
                assert self.stream.tell() == self.start
                self.stream.flush()
                os.fsync(self.stream.fileno())


def _bytes_of(x: np.ndarray) -> memoryview:
    return np.ascontiguousarray(x).data.cast("B")
