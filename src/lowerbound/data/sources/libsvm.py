"""libsvm's text, `label place:value place:value …`, through scikit-learn."""

from __future__ import annotations

import re

import numpy as np

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.sparse import dense

__all__ = ["is_libsvm", "read_libsvm"]

# Nothing of it is tried again: a line may have a million places.
_LINE = re.compile(
    r"\s*+[+-]?+[\d.eE+-]++(?:,[\d.eE+-]++)*+(?:\s++(?:qid:\d++|\d++:[+-]?+[\d.eE+-]++))++\s*+(?:#.*)?",
    re.ASCII,
)


def is_libsvm(text: str) -> bool:
    """Whether the first lines of a text are libsvm's.

    >>> is_libsvm("+1 3:1 7:0.5\\n-1 2:1\\n"), is_libsvm("1 11:34\\n2 5\\n")
    (True, False)
    """
    lines = [line for line in text.split("\n", 20)[:20] if line.strip() and line[0] != "#"]
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


def read_libsvm(file: File, reading: Reading = AS_FOUND) -> Contents:
    """The rows of a file of libsvm's, and the label of each, `label`; whole numbers where all are (counts). A
    value that a line does not name is 0.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] where the columns, dense, take more than
    [`DENSE`][lowerbound.data.sparse.DENSE] bytes.
    """
    from sklearn.datasets import load_svmlight_file

    with whole(file.path, "libsvm"), file.whole() as stream:
        sparse, labels = load_svmlight_file(stream, zero_based="auto")
    x = dense(sparse, str(file.path))
    note = "libsvm's text: a value that a line does not name is 0, and the first of each line is its label"
    return Contents.apart(_whole(x), _whole(labels), "label", note)


def _whole(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64) if (values == np.rint(values)).all() else values
