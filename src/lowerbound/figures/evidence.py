"""What the bound is made of, and whether its estimate can be relied on."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from lowerbound.figures.style import (
    INK,
    TRAINING,
    UNUSED,
    VALIDATION,
    WARNING,
    chart,
    number,
    vector,
)
from lowerbound.text import counted

__all__ = ["k_hat_histogram", "kl_per_dimension", "rate_distortion"]


def kl_per_dimension(kl: ArrayLike, active: ArrayLike | None = None) -> Figure:
    """The KL of each latent dimension from the prior, (d,), in nats per row: bars, the largest first.

    `active`, (d,), says which dimensions are in use; the others' bars are grey. Up to 24 bars bear the number
    of their dimension, counted from 0 as in the table that `lowerbound encode` writes.

    >>> figure = kl_per_dimension([0.0, 2.5, 1.0], active=[False, True, True])
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['z1', 'z2', 'z0']
    """
    heights = vector(kl, "kl")
    used = np.ones(len(heights), bool) if active is None else np.asarray(active, bool)
    if used.shape != heights.shape:
        raise ValueError(f"active must say of each of the {len(heights)} dimensions, got {used.shape}")
    order = np.argsort(-heights, kind="stable")
    figure, axes = chart("KL per latent dimension", "latent dimension", "nats per row", (7.0, 3.6))
    place = np.arange(len(order))
    for kind, colour, name in ((used, VALIDATION, "active"), (~used, UNUSED, "not active")):
        if kind.any():
            shown = kind[order]
            axes.bar(place[shown], heights[order][shown], 0.8, color=colour, label=f"{name}: {kind.sum()}")
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.6, len(order) - 0.4)
    if len(order) <= 24:
        axes.set_xticks(list(place), [f"z{i}" for i in order])
    else:
        axes.set_xlabel("latent dimensions by their KL")
    if active is not None:
        axes.legend(loc="upper right", frameon=False, labelcolor=INK)
    return figure


def rate_distortion(rate: ArrayLike, distortion: ArrayLike) -> Figure:
    """Rate and distortion of each row, (n,), in nats, and their means, where every model of the same bound
    lies on one line: rate + distortion = −bound (Alemi et al. 2018, Fixing a Broken ELBO, figure 1).

    >>> figure = rate_distortion([14.0, 16.0], [70.0, 74.0])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['a row', 'mean: rate 15.0, distortion 72.0', 'the same bound: −87.0']
    """
    x, y = vector(rate, "rate"), vector(distortion, "distortion")
    if x.shape != y.shape:
        raise ValueError(f"rate and distortion must be of the same rows, got {x.shape} and {y.shape}")
    labels = "rate [nats per row]", "distortion [nats per row]"
    figure, axes = chart("Rate and distortion", *labels, (7.0, 3.6))
    size, middle = float(np.clip(2e4 / len(x), 2, 12)), (float(x.mean()), float(y.mean()))
    axes.scatter(x, y, size, TRAINING, linewidths=0, alpha=0.7, rasterized=True, label="a row")
    axes.autoscale_view()
    axes.autoscale(False)  # the line does not set the range
    axes.plot(
        *middle, "o", color=VALIDATION, markeredgecolor="white", markeredgewidth=1.5, markersize=9, zorder=3,
        label=f"mean: rate {number(middle[0])}, distortion {number(middle[1])}",
    )  # fmt: skip
    label = f"the same bound: {number(-sum(middle))}"
    axes.axline(middle, slope=-1, color=VALIDATION, linewidth=1.2, linestyle="--", label=label)
    axes.legend(loc="best", frameon=False, labelcolor=INK)
    return figure


def k_hat_histogram(k_hat: ArrayLike, limit: float = 0.7) -> Figure:
    """How heavy the tails of the importance weights are: rows by their Pareto k-hat, (n,), NaN left out.

    Above `limit` neither log p(x) nor its error can be relied on (Vehtari et al. 2024).

    >>> figure = k_hat_histogram([0.1, 0.2, 0.9, float("nan")])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['at most 0.7: 2 rows', 'above: 1 row']
    """
    values = vector(k_hat, "k_hat")
    values = values[np.isfinite(values)]
    if not len(values):
        raise ValueError("k_hat must have at least one finite value: draw at least 21 samples a row")
    figure, axes = chart("Calibration of the evidence", "Pareto k-hat", "rows", (7.0, 3.6))
    low, high = min(values.min(), 0.0), max(values.max(), 1.0)
    edges = limit + np.arange(np.floor((low - limit) / 0.05), np.ceil((high - limit) / 0.05) + 1) * 0.05
    parts = {f"at most {limit:g}": values[values <= limit], "above": values[values > limit]}
    for (name, part), colour in zip(parts.items(), (VALIDATION, WARNING), strict=True):
        axes.hist(
            part, edges.tolist(), color=colour, rwidth=0.9, label=f"{name}: {counted(len(part), 'row')}"
        )
    axes.axvline(limit, color=INK, linewidth=1.2, linestyle="--")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper right", ncols=2, frameon=False, labelcolor=INK)
    return figure
