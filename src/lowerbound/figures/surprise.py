"""Why a row is odd: the surprise of its columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lowerbound.figures.style import FAINT, TRAINING, WARNING, chart, number, positive, vector

__all__ = ["surprise"]


def surprise(
    nats: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    usual: ArrayLike | None = None,
    most: int = 12,
) -> Figure:
    """The surprise of each column of one row given its others, (d,), in nats, as [`lowerbound.surprise`][]
    gives it: bars, the `most` greatest from the top. A value that is missing has none, and an infinite one's
    bar goes to the end.

    With `usual`, the surprises of usual rows, (n, d), a grey bar behind each goes up to what 95 of 100 of
    them stay below in that column, and a bar that is longer is in the colour of a warning.

    >>> figure = surprise([0.5, 7.0, -1.0], names=["age", "weight", "height"])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['weight', 'age', 'height']
    """
    values = vector(nats, "nats")
    labels = [f"x{j}" for j in range(len(values))] if names is None else list(map(str, names))
    if len(labels) != len(values):
        raise ValueError(f"names must be one for each of {len(values)} columns, got {len(labels)}")
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        raise ValueError("nats must have at least one number: every value of the row is missing")
    shown = known[np.argsort(-values[known], kind="stable")][: positive(most, "most")]
    limit = np.full(len(values), np.inf)
    if usual is not None:
        table = np.asarray(usual, float)
        if table.ndim != 2 or table.shape[1] != len(values) or not len(table):
            raise ValueError(f"usual must be rows of {len(values)} columns, got the shape {table.shape}")
        limit = np.array([_below(column) for column in table.T])
    title, label = "Surprise of each column given the others", "−log p(column | the others) [nats]"
    figure, axes = chart(title, label, "", (7.0, 1.4 + 0.28 * len(shown)))
    place = np.arange(len(shown))
    finite = values[shown][np.isfinite(values[shown])]
    end = 1.1 * max(finite.max(initial=1.0), 1.0)
    length = np.where(np.isfinite(values[shown]), values[shown], end)
    if usual is not None:
        axes.barh(place, np.clip(limit[shown], None, end), 0.8, color=TRAINING, alpha=0.5)
    colours = [WARNING if values[j] > limit[j] or usual is None else FAINT for j in shown]
    axes.barh(place, length, 0.4, color=colours)
    for at, (j, to) in enumerate(zip(shown, length, strict=True)):
        said = number(values[j]) if np.isfinite(values[j]) else "∞"
        axes.annotate(said, (max(to, 0.0), at), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(list(place), [labels[j] for j in shown])
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    axes.margins(x=0.1)
    return figure


def _below(column: np.ndarray) -> float:
    """What 95 of 100 of the numbers stay below."""
    known = column[np.isfinite(column)]
    return float(np.quantile(known, 0.95)) if len(known) else np.inf
