"""Rows of data and of a model: samples, reconstructions, neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lowerbound.figures.heat_maps import heat_maps
from lowerbound.figures.mosaic import gap_between, images_of, mosaic, picture
from lowerbound.figures.style import (
    ImageShape,
    Range,
    table,
)

__all__ = ["nearest_rows", "reconstructions", "samples"]


def reconstructions(
    originals: ArrayLike,
    means: ArrayLike,
    image_shape: ImageShape | None,
    columns: int = 12,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """Originals over their reconstructions, the likelihood's `means`: pairs of rows, `columns` a row.

    The grey scale is that of the originals; of rows that are not images, so is the standardisation, and two
    heat maps stand side by side.

    >>> x = np.arange(20.0).reshape(5, 4)
    >>> figure = reconstructions(x, x + 0.1, image_shape=(2, 2), columns=5)
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['original', 'reconstruction']
    """
    return _pairs(
        {"original": originals, "reconstruction": means},
        "Originals over their reconstructions", image_shape, columns, value_range, cmap,
    )  # fmt: skip


def nearest_rows(
    generated: ArrayLike,
    nearest: ArrayLike,
    image_shape: ImageShape | None,
    columns: int = 12,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """Samples over the training rows that are nearest to them: a model that copies shows each row twice.

    Laid out as [`reconstructions`][] is, on the samples' grey scale.

    >>> figure = nearest_rows(np.eye(4), np.eye(4), image_shape=(2, 2))
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['sample', 'nearest row']
    """
    return _pairs(
        {"sample": generated, "nearest row": nearest},
        "Samples over their nearest training rows", image_shape, columns, value_range, cmap,
    )  # fmt: skip


def samples(
    images: ArrayLike,
    image_shape: ImageShape | None,
    columns: int = 10,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """Samples, `columns` a row.

    >>> figure = samples(np.eye(4), image_shape=(2, 2), columns=2)
    >>> figure.axes[0].images[0].get_array().shape        # 2 × 2 cells, a gap of 1 between them
    (5, 5)
    """
    if image_shape is None:
        return heat_maps({"Samples": table(images, "images")}, value_range, cmap)
    x = images_of(images, image_shape, "images")
    return picture("Samples", mosaic(x, columns, (gap_between(x), gap_between(x))), x, value_range, cmap)[0]


def _pairs(
    two: Mapping[str, ArrayLike],
    title: str,
    image_shape: ImageShape | None,
    columns: int,
    value_range: Range | None,
    cmap: str | None,
) -> Figure:
    """Rows of one kind over as many of another, by the names of the kinds, on the first's grey scale; of rows
    that are not images, two heat maps side by side."""
    (above, first), (below, second) = two.items()
    if np.shape(first) != np.shape(second):
        raise ValueError(
            f"{above} and {below} must be rows of one shape, got {np.shape(first)} and {np.shape(second)}"
        )
    if image_shape is None:
        tables = {f"{name.capitalize()}s": table(rows, f"{name}s") for name, rows in two.items()}
        return heat_maps(tables, value_range, cmap)
    x, y = (images_of(rows, image_shape, f"{name}s") for name, rows in two.items())
    gap, height = gap_between(x), x.shape[1]
    space = np.full_like(x[:, :1], np.nan).repeat(gap, axis=1)
    canvas = mosaic(np.concatenate([x, space, y], axis=1), columns, (4 * gap, gap))
    figure, axes = picture(title, canvas, x, value_range, cmap, (1.05, 0))
    tops = np.arange(0, len(canvas), 2 * height + 5 * gap)
    centres = np.add.outer(tops, [0, height + gap]).ravel() + (height - 1) / 2
    axes.set_yticks(list(centres), [above, below] * len(tops))
    return figure
