"""Where rows come from: the embedded digits, and files."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowerbound.data.rows import as_rows

__all__ = ["Source", "open_labels", "open_source"]


@dataclass(frozen=True)
class Source:
    """Rows (n, d) with where they came from; the shape of an image where a row is one; labels where the
    source has them."""

    x: np.ndarray
    name: str
    image_shape: tuple[int, ...] | None = None
    labels: np.ndarray | None = None


def open_source(data: str) -> Source:
    """The rows that `data` names: `digits`, `digits:train`, `digits:test`, a `.npy`, or a `.npz[:name]`.

    **Raises:** `ValueError` or `FileNotFoundError` in one line that names the file, what was expected and
    what was found. A file that holds a pickle is refused without loading it.

    >>> open_source("digits:train").x.shape, open_source("digits:test").x.shape
    ((1437, 64), (360, 64))
    """
    if data.split(":")[0] == "digits":
        return _digits(data)
    array = _array(data)
    image_shape = None
    if array.ndim in (3, 4):
        image_shape = array.shape[1:]
        array = array.reshape(len(array), -1)
    elif array.ndim == 2 and (side := round(array.shape[1] ** 0.5)) ** 2 == array.shape[1] and side >= 8:
        image_shape = (side, side) if array.dtype == np.uint8 else None
    return Source(as_rows(array, data), data, image_shape)


def open_labels(data: str, rows: int) -> np.ndarray:
    """A label for each of `rows` rows, from a one-dimensional array named as a source is."""
    labels = _array(data)
    if labels.shape != (rows,):
        raise ValueError(f"{data}: expected a label for each of {rows} rows, found shape {labels.shape}")
    return labels


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


def _array(data: str) -> np.ndarray:
    """The array in a `.npy`, or the one that `.npz:name` names."""
    file, _, member = data.partition(".npz:")
    path = Path(f"{file}.npz" if member else data)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix not in (".npy", ".npz"):
        raise ValueError(f"{data}: expected digits, or a file .npy or .npz[:name]")
    try:
        with path.open("rb") as stream:
            found = np.load(stream, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            return found[_member(data, member, found.files)]
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, ValueError) and str(error).startswith(data):
            raise
        if "pickle" in str(error).lower():
            raise ValueError(
                f"{path}: holds Python objects in a pickle, which could run code and is not loaded; save "
                "an array of numbers"
            ) from None
        raise ValueError(f"{path}: not a whole {path.suffix} file ({error})") from None


def _member(data: str, member: str, names: list[str]) -> str:
    if member in names:
        return member
    if not member and len(names) == 1:
        return names[0]
    wanted = f"no array {member!r}" if member else "several arrays"
    raise ValueError(f"{data}: {wanted} in it; name one: {', '.join(f':{name}' for name in names)}")
