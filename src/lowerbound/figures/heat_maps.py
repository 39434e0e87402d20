"""Rows that are no images: a heat map of rows over columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lowerbound.figures.style import (
    DPI,
    INK,
    Array,
    Range,
    plain,
)

__all__ = ["heat_maps"]


def heat_maps(tables: Mapping[str, Array], value_range: Range | None, cmap: str | None) -> Figure:
    """Tables (n, d) on one colour scale: without a `value_range` the first's standard deviations, −3 to 3."""
    centre, scale, meaning, usual = np.zeros(1), np.ones(1), "value", "viridis"
    if value_range is None:
        first = next(iter(tables.values()))
        centre, scale = first.mean(axis=0), np.where(first.std(axis=0) > 0, first.std(axis=0), 1.0)
        meaning, usual = "standard deviations from the mean", "RdBu_r"
    low, high = value_range or (-3.0, 3.0)
    look: dict[str, Any] = {"cmap": cmap or usual, "vmin": low, "vmax": high, "interpolation": "nearest"}
    figure = Figure(figsize=(3.4 * len(tables) + 1.0, 3.6), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for axes, (title, table) in zip(panels, tables.items(), strict=True):
        drawn = axes.imshow((table - centre) / scale, aspect="auto", **look)
        plain(axes, title, "column")
        axes.spines[:].set_visible(False)
    panels[0].set_ylabel("row", color=INK)
    figure.colorbar(drawn, ax=list(panels), label=meaning, pad=0.02).outline.set_visible(False)
    return figure
