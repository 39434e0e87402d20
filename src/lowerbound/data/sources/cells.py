"""Cells of text: which stand for no value, and which columns of them are numbers after all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from lowerbound.data.numbers import NUMBER
from lowerbound.data.times import kind_of

__all__ = ["MISSING", "settled", "trimmed", "without_codes"]

# Cells that stand for a value that was not observed.
MISSING = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NULL", "null", "None", "?"),
    *("<NA>", "#N/A", "#N/A N/A", "#NA"),
)
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_THOUSANDS = {
    ".": re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?"),
    ",": re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?"),
}


def settled(array: np.ndarray, missing: Sequence[str], decimal: str = ".") -> tuple[np.ndarray, bool]:
    """A column of text without the blanks around its cells, None where one is `missing`; as numbers where
    all are, such as 1,234,567; and whether thousands were marked so. Any other column as it is.

    >>> settled(np.array([" 1,234", "5", "? "], object), ["?"])
    (array([1234.,    5.,   nan]), True)
    """
    if array.dtype.kind != "O" or kind_of(array) is not None:
        return array, False
    cells = trimmed(array, missing)
    numbers = _numbers(cells.tolist(), decimal)
    return (cells, False) if numbers is None else numbers


def trimmed(array: np.ndarray, missing: Sequence[str]) -> np.ndarray:
    """A column of text without the blanks around its cells, None where one is `missing`.

    >>> trimmed(np.array([" 01", "? "], object), ["?"]).tolist()
    ['01', None]
    """
    absent = frozenset(missing)
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in array.tolist()]
    kept = np.empty(len(cells), object)
    kept[:] = [None if cell is None or cell in absent else cell for cell in cells]
    return kept


def _numbers(cells: Sequence[Any], decimal: str) -> tuple[np.ndarray, bool] | None:
    thousands, plain = _THOUSANDS[decimal], []
    marked = False
    for cell in cells:
        if cell is None:
            plain.append("nan")
        elif not isinstance(cell, str):
            return None
        elif thousands.fullmatch(cell):
            marked = True
            plain.append(cell.replace("," if decimal == "." else ".", "").replace(",", "."))
        elif NUMBER.fullmatch(point := cell.replace(",", ".") if decimal == "," else cell):
            plain.append(point)
        else:
            return None
    if all(cell == "nan" for cell in plain):
        return None
    if all(map(_WHOLE.fullmatch, plain)):
        return np.array(plain).astype(np.int64), marked
    return np.array(plain).astype(np.float64), marked


def without_codes(array: np.ndarray, missing: Sequence[str] | None) -> np.ndarray:
    """A column with NaN (None in text) where a cell is one of `missing`, numbers among them by their value.

    >>> without_codes(np.array([3, -200, 5]), ["-200"]).tolist()
    [3.0, nan, 5.0]
    """
    if not missing:
        return array
    if array.dtype.kind == "O":
        absent = frozenset(missing)
        kept = np.empty(len(array), object)
        kept[:] = [
            None if isinstance(cell, str) and cell.strip() in absent else cell for cell in array.tolist()
        ]
        return kept
    codes = [float(code) for code in missing if NUMBER.fullmatch(code)]
    if array.dtype.kind not in "iuf" or not (held := np.isin(array, codes)).any():
        return array
    return np.where(held, np.nan, array)
