"""Sparse matrices, as SciPy has them, made dense where that is small."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.data.errors import DataError

__all__ = ["DENSE", "dense"]

# A sparse matrix is made dense where it then takes no more bytes than this.
DENSE = 2**30


def dense(matrix: Any, where: str) -> np.ndarray:
    """A sparse matrix as an array, whose size is looked at first; counts in the least type that holds them.

    >>> import scipy.sparse
    >>> dense(scipy.sparse.csr_array((10**6, 10**4)), "x.svm")
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x.svm: expected a table of at most 1.07 GB, found a sparse one of \
1000000 × 10000, which takes 10 GB when it is dense; take fewer of its columns
    """
    if matrix.format in ("csr", "csc", "bsr"):
        matrix.check_format()  # places beyond the matrix would be written to
    rows, columns = matrix.shape
    _check_size(rows, columns, 1, where)  # before rows that hold nothing are numbered
    matrix = matrix.tocsr()
    values = matrix.data
    if values.dtype.kind in "iuf" and (values >= 0).all() and (values == np.rint(values)).all():
        matrix = matrix.astype(np.min_scalar_type(int(values.max(initial=0))))
    _check_size(rows, columns, matrix.dtype.itemsize, where)
    return np.asarray(matrix.toarray())


def _check_size(rows: int, columns: int, itemsize: int, where: str) -> None:
    size = rows * columns * itemsize
    if max(size, rows) > DENSE:
        found = f"a sparse one of {rows} × {columns}, which takes {size / 1e9:.3g} GB when it is dense"
        expected = f"a table of at most {DENSE / 1e9:.3g} GB"
        raise DataError(where, expected, found, way_out="take fewer of its columns")
