"""Files that are not what they seem: what a header promises against what is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lowerbound.data.errors import DataError

__all__ = ["DEFLATE", "DENSE", "check_held", "dense", "whole"]

# No byte of a deflate stream (gzip, zip) can hold more than this many.
DEFLATE = 1032
# A sparse matrix is made dense where it then takes no more bytes than this.
DENSE = 2**30


@contextmanager
def whole(path: Path, kind: str) -> Iterator[None]:
    """Whatever a parser says of a broken file, as a [`DataError`][lowerbound.data.errors.DataError] that
    names it.

    >>> with whole(Path("x.npy"), ".npy"):
    ...     raise EOFError("no more")
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x.npy: expected a whole .npy file, found one that is not (no more)
    """
    try:
        yield
    except PermissionError:
        raise
    except Exception as error:  # on broken bytes parsers raise nearly anything
        words = " ".join(str(error).split())
        if words.startswith(f"{path}:"):
            raise
        found = f"one that is not ({words[:200] or type(error).__name__})"
        raise DataError(path, f"a whole {kind} file", found) from None


def check_held(where: str, shape: tuple[int, ...], itemsize: int, held: int) -> None:
    """Whether `held` bytes can hold an array of `shape`, asked before memory is taken for it.

    >>> check_held("x.npy", (10**9, 1000), 8, held=800)
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x.npy: expected the 1000000000 × 1000 values that its header promises, \
8,000,000,000,000 bytes, found a file that can hold 800 at most; it is cut short, or its header is wrong: \
write it anew
    """
    promised = itemsize
    for size in shape:
        promised *= size
    if promised > held or min(shape, default=0) < 0:
        expected = f"the {' × '.join(map(str, shape))} values that its header promises, {promised:,} bytes"
        way_out = "it is cut short, or its header is wrong: write it anew"
        raise DataError(where, expected, f"a file that can hold {held:,} at most", way_out=way_out)


def dense(matrix: Any, where: str) -> np.ndarray:
    """A sparse matrix as an array, whose size is looked at first.

    >>> import scipy.sparse
    >>> dense(scipy.sparse.csr_array((10**6, 10**4)), "x.svm")
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x.svm: expected a table of at most 1.07 GB, found a sparse one of \
1000000 × 10000, which takes 80 GB when it is dense; take fewer of its columns
    """
    rows, columns = matrix.shape
    size = rows * columns * matrix.dtype.itemsize
    if size > DENSE:
        found = f"a sparse one of {rows} × {columns}, which takes {size / 1e9:.3g} GB when it is dense"
        expected = f"a table of at most {DENSE / 1e9:.3g} GB"
        raise DataError(where, expected, found, way_out="take fewer of its columns")
    return np.asarray(matrix.toarray())
