"""Rows that are done, kept on disk, so that a call that was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

import lowerbound
from lowerbound.archive.store import read, write

__all__ = ["Unfinished", "fingerprint"]

Columns = dict[str, np.ndarray]

# Seconds between two writes: what an interruption may cost.
_INTERVAL = 5.0


class Unfinished:
    """The file of an unfinished call: its columns, (rows done, …) each, and what call it is of.

    A file of another call, or one that cannot be read, counts as none: it is written over.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Unfinished(f"{folder}/half", "a call").write({"log_prob": np.zeros(3)})
    ...     same, other = (Unfinished(f"{folder}/half", call).read() for call in ("a call", "another"))
    >>> same["log_prob"].shape, other
    ((3,), None)
    """

    def __init__(self, path: str | Path, call: str):
        self.path, self.call, self.written = Path(path), call, time.monotonic()

    def read(self) -> Columns | None:
        """The columns of the rows that are done; `None` where there are none of this call."""
        try:
            kept = read(self.path, "unfinished")
            return dict(kept["columns"]) if kept["call"] == self.call else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def write(self, columns: Columns) -> None:
        """The columns of the rows that are done; the file appears whole or not at all."""
        write({"call": self.call, "columns": columns}, self.path, "unfinished")
        self.written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() - self.written > _INTERVAL

    def finish(self) -> None:
        """The call is finished: nothing is kept."""
        self.path.unlink(missing_ok=True)


def fingerprint(*values: PyTree) -> str:
    """What tells one call from another: the content of all arrays, the form of everything else, and this
    version of the library.

    >>> fingerprint(np.zeros(3), 1) == fingerprint(np.zeros(3), 1), fingerprint(np.zeros(3)) == fingerprint(0)
    (True, False)
    """
    digest = hashlib.sha256(lowerbound.__version__.encode())
    for leaf in jax.tree.leaves(values):
        if eqx.is_array(leaf) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        content: Any = np.asarray(leaf) if eqx.is_array_like(leaf) else repr(leaf).encode()
        if isinstance(content, np.ndarray):
            digest.update(f"{content.shape}{content.dtype}".encode())
            for block in _pieces(content):
                digest.update(block.tobytes())
            continue
        digest.update(content)
    digest.update(str(jax.tree.structure(values)).encode())
    return digest.hexdigest()


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """An array some rows at a time: it may be larger than memory."""
    if array.ndim == 0 or not array.size:
        yield array
        return
    step = max(1, len(array) * _PIECE // array.nbytes)
    yield from (array[first : first + step] for first in range(0, len(array), step))


_PIECE = 1 << 24  # bytes
