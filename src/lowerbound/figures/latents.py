"""Codes and where they lie: the scatter of rows, and the learned manifold of two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from lowerbound.classes import COLOURS, classes_of
from lowerbound.figures.mosaic import images_of, mosaic, picture
from lowerbound.figures.style import (
    INK,
    OTHER,
    VALIDATION,
    Array,
    ImageShape,
    Range,
    chart,
    number,
    positive,
    table,
)
from lowerbound.statistics import principal_axes

__all__ = ["latent_grid", "latent_scatter", "manifold"]


def latent_scatter(z: ArrayLike, labels: ArrayLike | None = None, *, name: str = "label") -> Figure:
    """Latent codes, (n, d), one point a row, coloured by `labels`, (n,), where they are given.

    Up to ten classes are coloured by class with a legend (of more, the nine most frequent) and named at
    their median, so that colour is not all that tells; real numbers are coloured by value with a colour
    bar; `name` says what they are. Of more than two latent dimensions the first two principal components
    are drawn, and the axes say so; of one dimension, its cumulative distribution.

    >>> figure = latent_scatter([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], labels=["a", "b", "a"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['a', 'b']
    """
    codes = table(z, "z")
    points, x_label, y_label = _two_dimensions(codes)
    classes, colours = _colours(labels, len(codes))
    figure, axes = chart("Latent codes, one point a row", x_label, y_label, (6.4, 5.2))
    (x, y), size = points.T, float(np.clip(2e4 / len(codes), 3, 22))
    drawn = axes.scatter(x, y, size, colours, linewidths=0, alpha=0.85, rasterized=True)
    if codes.shape[1] > 1:
        axes.set_aspect("equal", adjustable="datalim")
    dots, halo = [], [withStroke(linewidth=3, foreground="white")]
    for kind, colour in classes.items():
        dots.append(Line2D([], [], linestyle="", marker="o", markersize=6, color=colour, label=_short(kind)))
        if colour != OTHER:
            x, y = np.median(points[np.array(colours) == colour], axis=0)
            name_at = axes.text(x, y, _short(kind), color=INK, weight="bold", ha="center", va="center")
            name_at.set(path_effects=halo, clip_on=True)
            name_at.set_in_layout(False)  # a long name is cut off and does not push the axes away
    if dots:
        figure.legend(handles=dots, title=name, loc="outside right upper", frameon=False, labelcolor=INK)
    elif labels is not None:
        figure.colorbar(drawn, ax=axes, label=name, pad=0.02).outline.set_visible(False)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a label's "$" is no mathematics
    return figure


def latent_grid(side: int) -> Array:
    """A grid over a two-dimensional standard-normal latent, (side², 2), from the top left.

    z = Φ⁻¹(u), where u are the midpoints of side × side equal squares of the unit square: every point
    stands for the same mass of the prior. z₁ grows to the right and z₂ grows upwards.

    >>> latent_grid(2).round(2).tolist()
    [[-0.67, 0.67], [0.67, 0.67], [-0.67, -0.67], [0.67, -0.67]]
    """
    z = ndtri((np.arange(positive(side, "side")) + 0.5) / side)
    right, up = np.meshgrid(z, z[::-1])
    return np.stack([right.ravel(), up.ravel()], axis=1)


def manifold(
    decode: Callable[[Array], ArrayLike],
    image_shape: ImageShape,
    side: int = 20,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """The learned two-dimensional manifold: the likelihood's means over `latent_grid(side)`.

    `decode` maps latents (n, 2) to the means of the likelihood and is called once. One seamless mosaic, as
    figure 4 of Kingma and Welling (2014), Auto-Encoding Variational Bayes, draws it: neighbours on the page
    are neighbours in the latent space.

    >>> figure = manifold(lambda z: np.repeat(np.exp(z[:, :1]), 4, axis=1), (2, 2), side=3)
    >>> figure.axes[0].images[0].get_array().shape
    (6, 6)
    """
    x = images_of(decode(latent_grid(side)), image_shape, "the output of decode")
    if len(x) != side**2:
        raise ValueError(f"decode must return one row for each of the {side**2} latents, got {len(x)} rows")
    canvas = mosaic(x, side, (0, 0))
    figure, axes = picture("The learned manifold", canvas, x, value_range, cmap, (0.5, 0.5))
    z = np.arange(-1.5, 2.0, 0.5)  # lies at the fraction Φ(z)
    axes.set_xticks(list(ndtr(z) * canvas.shape[1] - 0.5), map(number, z))
    axes.set_yticks(list(ndtr(-z) * canvas.shape[0] - 0.5), map(number, z))
    axes.set(xlabel="z₁", ylabel="z₂")
    return figure


def _short(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _two_dimensions(z: Array) -> tuple[Array, str, str]:
    """Codes (n, d) as points of the plane, and what its two axes are."""
    n, d = z.shape
    if d == 1:
        rank = z[:, 0].argsort(kind="stable").argsort(kind="stable")
        return np.stack([z[:, 0], (rank + 0.5) / n], axis=1), "z₁", "fraction of rows below"
    if d == 2:
        return z, "z₁", "z₂"
    if n < 2:
        raise ValueError(f"the principal components of z need at least 2 rows, got {n}: pass more rows")
    mean, axes, share = principal_axes(z)
    first, second = (f"principal component {i + 1} of {d} ({share[i]:.0%} of the variance)" for i in (0, 1))
    return (z - mean) @ axes[:2].T, first, second


def _colours(labels: ArrayLike | None, n: int) -> tuple[dict[str, str], Any]:
    """What the colours mean, class → colour (empty for real labels), and each row's colour."""
    if labels is None:
        return {}, [VALIDATION] * n
    values = np.asarray(labels)
    if values.shape != (n,):
        raise ValueError(f"labels must be one for each of the {n} rows of z, got the shape {values.shape}")
    found = classes_of(values)
    if found is None:
        return {}, values.astype(float)
    colours = [COLOURS[place] if place >= 0 else OTHER for place in found.place]
    classes = dict(zip(found.names, COLOURS, strict=False))
    return classes | ({"other": OTHER} if OTHER in colours else {}), colours
