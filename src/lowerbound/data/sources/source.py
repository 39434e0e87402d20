"""A source of rows by name, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowerbound.data.sources.arrays import read_npy, read_npz
from lowerbound.data.sources.idx import is_idx, read_idx
from lowerbound.data.sources.images import read_images
from lowerbound.data.sources.tables import read_csv, read_parquet
from lowerbound.data.tables import Columns, as_rows, stack

__all__ = ["Source", "open_labels", "open_source"]

_READERS: dict[str, Callable[[Path], np.ndarray | Columns]] = {
    ".npy": read_npy,
    ".csv": read_csv,
    ".parquet": read_parquet,
}
_KNOWN = (
    "digits[:train|:test], .npy, .npz[:name], .csv, .parquet, IDX (.idx or a name that ends as "
    "train-images-idx3-ubyte does; .gz of these), a folder of images"
)


@dataclass(frozen=True)
class Source:
    """Rows (n, d) with where they came from; the shape of an image where a row is one; labels and the names
    of columns where the source has them; `label`, the column that the labels were."""

    x: np.ndarray
    name: str
    image_shape: tuple[int, ...] | None = None
    labels: np.ndarray | None = None
    columns: tuple[str, ...] | None = None
    label: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, x0, x1, … where the source has none."""
        return self.columns or tuple(f"x{i}" for i in range(self.x.shape[1]))


def open_source(data: str, label_column: str | None = None) -> Source:
    """The rows that `data` names: `digits`, `digits:train`, `digits:test`, or a path of a `.npy`, a
    `.npz[:name]`, a `.csv`, a `.parquet`, an IDX file (`.gz` too), a folder of images.

    Of a table that has a column `label_column`, that column is the labels, of any type, and not data.

    **Raises:** `ValueError`, `TypeError` or `FileNotFoundError` in one line that names the file, the place
    (rows and columns counted from 0), what was expected and what was found. No memory is taken on the word
    of a header alone, and a file that holds a pickle is refused without loading it.

    >>> open_source("digits:train").x.shape, open_source("digits:test").x.shape
    ((1437, 64), (360, 64))
    """
    if data.split(":")[0] == "digits":
        return _digits(data)
    found = _read(data)
    if isinstance(found, Columns):
        labels = None
        if label_column is not None and label_column in (found.names or ()):
            place = (found.names or ()).index(label_column)
            labels = _plain(found.arrays[place])
            found = Columns(
                [array for i, array in enumerate(found.arrays) if i != place],
                tuple(name for name in found.names or () if name != label_column),
            )
        label = None if labels is None else label_column
        return Source(stack(found, data), data, labels=labels, columns=found.names, label=label)
    array, image_shape = found, None
    if array.ndim in (3, 4):
        image_shape = array.shape[1:]
        array = array.reshape(len(array), -1)
    elif array.ndim == 2 and (side := round(array.shape[1] ** 0.5)) ** 2 == array.shape[1] and side >= 8:
        image_shape = (side, side) if array.dtype == np.uint8 else None
    rows = as_rows(array, data)
    # Rows own their memory: were they a map of the file, writing the file anew would end the process.
    mapped = isinstance(array, np.memmap) and np.may_share_memory(rows, array)
    return Source(rows.copy() if mapped else rows, data, image_shape)


def open_labels(data: str, rows: int) -> np.ndarray:
    """A label for each of `rows` rows, from a one-dimensional array or a table of one column, named as a
    source is."""
    found = _read(data)
    if isinstance(found, Columns):
        if len(found.arrays) != 1:
            raise ValueError(f"{data}: expected one column of labels, found {len(found.arrays)} columns")
        labels = _plain(found.arrays[0])
    else:
        labels = found
    if labels.shape != (rows,):
        raise ValueError(f"{data}: expected a label for each of {rows} rows, found shape {labels.shape}")
    return np.array(labels)


def _plain(labels: np.ndarray) -> np.ndarray:
    """Labels as numbers, or as text."""
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def _digits(data: str) -> Source:
    """scikit-learn's 8×8 digits, whole numbers 0 … 16; a fifth, drawn once, is for the test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.data))
    parts = {"digits": order, "digits:train": order[:1437], "digits:test": order[1437:]}
    if data not in parts:
        raise ValueError(f"{data}: expected one of {', '.join(parts)}")
    rows = parts[data]
    return Source(digits.data[rows].astype(np.uint8), data, (8, 8), digits.target[rows])


def _read(data: str) -> np.ndarray | Columns:
    """What the file or folder at `data` holds, by its ending."""
    file, _, member = data.partition(".npz:")
    path = Path(f"{file}.npz" if member else data)
    ending = path.suffix.lower()
    known = ending in _READERS or ending == ".npz" or is_idx(path.name)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file{'' if known else f'; known are {_KNOWN}'}")
    if path.is_dir():
        if known:
            raise ValueError(f"{path}: expected a file, found a folder")
        return read_images(path)
    if not known:
        raise ValueError(f"{path}: unknown ending {ending!r}; known are {_KNOWN}")
    if not path.is_file():
        raise ValueError(f"{path}: expected a file, found a device or a pipe")
    if ending == ".npz":
        return read_npz(path, member)
    return _READERS.get(ending, read_idx)(path)
