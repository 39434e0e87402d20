"""The columns of an image: levels of 8 bits, in whatever numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.levels import LEVEL, off_level
from lowerbound.families.fitted import FEW, Image

__all__ = ["as_pixels", "kind_of_image"]


def kind_of_image(shape: tuple[int, ...] | None) -> Image | None:
    """What an image of this shape is: in colour where a pixel has several values; None for no shape.

    >>> kind_of_image((28, 28)), kind_of_image((32, 32, 3)), kind_of_image(None)
    ('grey', 'colour', None)
    """
    if shape is None:
        return None
    return "colour" if math.prod(shape[2:]) > 1 else "grey"


def as_pixels(columns: Sequence[Column], arrays: Sequence[np.ndarray] | np.ndarray) -> tuple[Column, ...]:
    """The columns of an image as levels of 8 bits, where all are: bytes, whole numbers from 0 to 255 (to more
    than 64 in another type), or numbers from 0 to 1 in steps of 1/255, which are kept in that unit."""
    low, high = min(column.low or 0 for column in columns), max(column.high or 0 for column in columns)
    whole = all(column.whole or column.kind == "missing" for column in columns)
    if low < 0 or high > 255 or any(column.levels is not None for column in columns):
        return tuple(columns)
    if all(column.dtype == "uint8" for column in columns) or (whole and high > FEW):
        return tuple(replace(column, kind="grey") for column in columns)
    if high <= 1 and not whole and not any(off_level(array).any() for array in arrays):
        return tuple(replace(column, kind="grey", unit=LEVEL) for column in columns)
    return tuple(columns)
