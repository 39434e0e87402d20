"""How charts look: colours, axes, numbers; and the checks of what they are given."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "DPI",
    "FAINT",
    "GRID",
    "HEALTHY",
    "INK",
    "OTHER",
    "RULE",
    "TRAINING",
    "UNUSED",
    "VALIDATION",
    "WARNING",
    "Array",
    "ImageShape",
    "Range",
    "chart",
    "number",
    "plain",
    "positive",
    "table",
    "vector",
]

Array = NDArray[np.float64]
ImageShape = tuple[int, ...]
Range = tuple[float, float]
DPI = 150
INK, FAINT, TRAINING, VALIDATION = "#222222", "#777777", "#8fa3b5", "#0072b2"
OTHER = "#dddddd"
RULE, GRID = "#cccccc", "#eeeeee"
UNUSED, WARNING, HEALTHY = "#b3b3b3", "#d55e00", "#1c7a4a"


def chart(title: str, x_label: str, y_label: str, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Empty axes with a faint grid behind what will be drawn."""
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    plain(axes, title, x_label, y_label)
    axes.spines[:].set_color(RULE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def plain(axes: Axes, title: str, x_label: str = "", y_label: str = "") -> None:
    """A title in ink at the left, and quiet tick labels without tick marks."""
    axes.set_title(title, loc="left", fontsize=11, color=INK, pad=8)
    axes.tick_params(length=0, labelsize=9, labelcolor=FAINT)
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)


def number(value: float) -> str:
    """One decimal and a true minus sign."""
    return f"{value:.1f}".replace("-", "−")


def vector(values: ArrayLike, name: str) -> Array:
    """`values` as (n,), or an error."""
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be one number each, not empty, got the shape {vector.shape}")
    return vector


def positive(value: int, name: str) -> int:
    """`value`, or an error."""
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value


def table(rows: ArrayLike, name: str) -> Array:
    """`rows` as (n, d), or an error."""
    table = np.asarray(rows, dtype=float)
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"{name} must be a table (rows, columns), not empty, got the shape {table.shape}")
    return table
