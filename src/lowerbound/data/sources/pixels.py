"""Columns of a table that are the pixels of an image, told by their names."""

from __future__ import annotations

import math
import re

import numpy as np

from lowerbound.data.tables import Columns

__all__ = ["pixels_of"]

_NUMBERED = re.compile(r"(?:pixel|pix|px)[_ .-]?(\d+)", re.IGNORECASE)
_PLACED = re.compile(r"(?:pixel|pix|px)?[_ .-]?(\d+)[x×](\d+)", re.IGNORECASE)
_LEAST = 16  # pixels that an image has


def pixels_of(read: Columns) -> tuple[int, int] | None:
    """The height and the width of images whose pixels are all columns in order, each a level of 8 bits,
    called `1x1`, `1x2`, …, or `pixel0`, `pixel1`, …, as many as a square has; None of other columns.

    >>> columns = Columns(np.full((16, 2), 200), tuple(f"pixel{i}" for i in range(16)))
    >>> pixels_of(columns), pixels_of(Columns(columns.arrays, tuple(map(str, range(16)))))
    ((4, 4), None)
    """
    names = read.names or ()
    if len(names) < _LEAST or not all(map(_is_of_levels, read.arrays)):
        return None
    if all(placed := [_PLACED.fullmatch(name) for name in names]):
        places = np.array([[int(part) for part in match.groups()] for match in placed if match])
        height, width = (places.max(0) - places.min(0) + 1).tolist()
        ordered = np.stack(np.divmod(np.arange(len(names)), width), axis=1) + places[0]
        return (height, width) if height * width == len(names) and (places == ordered).all() else None
    if not all(numbered := [_NUMBERED.fullmatch(name) for name in names]):
        return None
    numbers = np.array([int(match[1]) for match in numbered if match])
    side = math.isqrt(len(names))
    return (side, side) if side**2 == len(names) and (np.diff(numbers) == 1).all() else None


def _is_of_levels(array: np.ndarray) -> bool:
    """Whether all values are whole numbers from 0 to 255, none missing."""
    if array.dtype.kind not in "uif" or not ((array >= 0) & (array <= 255)).all():
        return False
    return array.dtype.kind != "f" or bool((array == np.floor(array)).all())
