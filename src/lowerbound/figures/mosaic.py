"""Many images as one."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lowerbound.figures.style import (
    DPI,
    Array,
    ImageShape,
    Range,
    plain,
    positive,
)

__all__ = ["gap_between", "grey_map", "images_of", "mosaic", "picture", "shape_of_images"]


def grey_map(images: ArrayLike, value_range: Range | None = None) -> str:
    """The grey scale that suits images: "gray_r", ink on paper, where most pixels are blank.

    They are where the median lies in the lowest quarter of `value_range`, as in handwriting; else, as in
    photographs, "gray": the greatest is lightest. Pictures choose by this from what they draw; pass one
    `cmap` for several to look alike.

    >>> grey_map([[0, 0, 0, 16]]), grey_map([[90, 120, 200, 255]])
    ('gray_r', 'gray')
    """
    values = np.asarray(images, dtype=float)
    low, high = value_range or range_of(values)
    return "gray_r" if np.nanmedian(values) < low + (high - low) / 4 else "gray"


def shape_of_images(image_shape: ImageShape) -> ImageShape:
    """(h, w) or (h, w, 3), or an error.

    >>> shape_of_images((8, 8, 1))
    (8, 8)
    """
    shape = tuple(image_shape)
    shape = shape[:2] if shape[2:] == (1,) else shape
    if len(shape) < 2 or shape[2:] not in ((), (3,)) or min(shape) < 1:
        raise ValueError(f"image_shape must be (height, width) or (height, width, 3), got {image_shape}")
    return shape


def images_of(rows: ArrayLike, image_shape: ImageShape, name: str) -> Array:
    """`rows` as (n, h, w) or (n, h, w, 3), or an error."""
    shape = shape_of_images(image_shape)
    images, size = np.asarray(rows, dtype=float), int(np.prod(shape))
    if images.ndim < 2 or not len(images) or images[0].size != size:
        raise ValueError(
            f"{name} must have rows of {size} values for images of {shape}, got the shape {images.shape}"
        )
    return images.reshape(-1, *shape)


def range_of(images: Array) -> Range:
    """From 0 (or the least value, where it is less) to the greatest."""
    low, high = min(0.0, float(np.nanmin(images))), float(np.nanmax(images))
    return (low, high if high > low else low + 1.0)


def gap_between(images: Array) -> int:
    """The pixels between two images: about a sixteenth of their width, at least one."""
    return max(1, int(images.shape[2]) // 16)


def mosaic(images: Array, columns: int, gaps: tuple[int, int]) -> Array:
    """Images (n, h, w, ...) as one, `columns` a row; NaN where none is and in the `gaps` below and beside."""
    (n, height, width, *colours), (below, beside) = images.shape, gaps
    columns = min(positive(columns, "columns"), n)
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + below, width + beside, *colours), np.nan)
    cells[:n, :height, :width] = images
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    joined = cells.reshape(rows * (height + below), columns * (width + beside), *colours)
    return joined[: len(joined) - below, : joined.shape[1] - beside]


def picture(
    title: str, canvas: Array, images: Array, value_range: Range | None, cmap: str | None, pad: Range = (0, 0)
) -> tuple[Figure, Axes]:
    """A canvas of `images`, each at most 0.75 inches wide, in a figure of 7 with `pad` left and below."""
    low, high = value_range or range_of(images)
    width = min(7.0 - pad[0], 0.75 * canvas.shape[1] / images.shape[2])
    extent = np.array([width, width * canvas.shape[0] / canvas.shape[1]])
    corner = np.array(pad) + 0.12
    size = corner + extent + [0.12, 0.4]  # room for the title
    figure = Figure(figsize=tuple(size), dpi=DPI)
    axes = figure.add_axes((*(corner / size), *(extent / size)))
    if canvas.ndim == 3:
        canvas = np.nan_to_num(np.clip((canvas - low) / (high - low), 0.0, 1.0), nan=1.0)
    cmap = cmap or grey_map(images, value_range)
    axes.imshow(canvas, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    plain(axes, title)
    axes.spines[:].set_visible(False)
    return figure, axes
