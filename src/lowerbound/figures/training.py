"""What a model was trained to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lowerbound.figures.style import (
    INK,
    TRAINING,
    VALIDATION,
    Array,
    Range,
    chart,
    number,
)

__all__ = ["bound_over_training"]


def bound_over_training(history: Sequence[Mapping[str, Any]]) -> Figure:
    """The bound over training and, where there is one, over validation rows, in nats per row.

    `history` has a record an epoch with the keys "epoch", "bound" (the mean over the training rows) and
    "validation_bound" (may be None or absent). The best validation bound is marked. The first steep epochs
    are cut off, so that what happens later can be seen.

    >>> figure = bound_over_training([{"epoch": 1, "bound": -120.0, "validation_bound": -121.0}])
    >>> figure.axes[0].get_ylabel()
    'nats per row'
    """
    if not len(history):
        raise ValueError("history must have at least one record, got none: train for an epoch")
    epochs, training, validation = (_column(history, key) for key in ("epoch", "bound", "validation_bound"))
    figure, axes = chart("The bound over training", "epoch", "nats per row", (7.0, 3.6))
    dots: dict[str, Any] = {"marker": "o" if len(epochs) <= 20 else "", "markersize": 4}
    axes.plot(epochs, training, color=TRAINING, label="training", **dots)
    finite = np.isfinite(validation)
    if finite.any():
        x, y = epochs[finite], validation[finite]
        best = int(y.argmax())
        axes.plot(x, y, color=VALIDATION, label="validation", **dots)
        axes.plot(
            x[best], y[best], "o", color="white", markeredgecolor=VALIDATION, markeredgewidth=1.8,
            markersize=7, label=f"best: {number(y[best])} at epoch {x[best]:.0f}", clip_on=False, zorder=3,
        )  # fmt: skip
    axes.set_ylim(*_late_range(training, validation))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="lower right", frameon=False, labelcolor=INK)
    return figure


def _column(history: Sequence[Mapping[str, Any]], key: str) -> Array:
    """One key of every record, as (epochs,); NaN where "validation_bound" is None or absent."""
    values = [record.get(key) for record in history]
    if key != "validation_bound" and None in values:
        place = values.index(None)
        raise ValueError(f"record {place} of history must have the key {key!r}, got {sorted(history[place])}")
    return np.array(values, dtype=float)


def _late_range(*curves: Array) -> Range:
    """The y-range of the curves without the first, steep epochs: the lowest tenth of more than ten."""
    finite = [kept for curve in curves if len(kept := curve[np.isfinite(curve)])]
    if not finite:
        return (-1.0, 0.0)
    low = min(float(np.quantile(curve, 0.1 if len(curve) > 10 else 0.0)) for curve in finite)
    high = max(float(curve.max()) for curve in finite)
    margin = 0.08 * (high - low) or 1.0
    return (low - margin, high + margin)
