"""How alike pairs of columns of real and synthetic rows go together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Float

from lowerbound.synthetic.aligned import Aligned
from lowerbound.synthetic.margins import frequencies_alike
from lowerbound.synthetic.score import Influences

__all__ = ["correlations_alike", "in_bins", "pair_alike", "pairs_alike"]

_BINS = 10


def pairs_alike(rows: Aligned, most: int, seed: int = 0) -> dict[tuple[str, str], Influences]:
    """Of each two columns, by their names, of the tables called real and synthetic; of more than `most` pairs
    so many that are drawn at random."""
    known = list(combinations(range(len(rows.names)), 2))
    some = np.sort(np.random.default_rng(seed).permutation(len(known))[:most])
    x, y, found = rows.tables["real"], rows.tables["synthetic"], {}
    for a, b in (known[i] for i in some):
        sizes = rows.sizes[a], rows.sizes[b]
        found[rows.names[a], rows.names[b]] = pair_alike(x[:, [a, b]], y[:, [a, b]], sizes)
    return found


def pair_alike(
    real: Float[np.ndarray, "n 2"], synthetic: Float[np.ndarray, "m 2"], levels: tuple[int, int]
) -> Influences:
    """Of two columns: [`correlations_alike`][] of two numbers; else one minus the total variation of the
    frequencies of the pairs, numbers in 10 bins of equal width, what is missing a level of its own
    (SDMetrics' CorrelationSimilarity and ContingencySimilarity)."""
    if not any(levels):
        return correlations_alike(real, synthetic)
    codes = np.zeros((2, max(len(real), len(synthetic))), int)
    for place, size in enumerate(levels):
        placed = in_bins(real[:, place], synthetic[:, place], size)
        for row, found in enumerate(placed):
            codes[row, : len(found)] = codes[row, : len(found)] * (max(size, _BINS) + 1) + found
    return frequencies_alike(codes[0, : len(real)], codes[1, : len(synthetic)])


def in_bins(
    real: Float[np.ndarray, " n"], synthetic: Float[np.ndarray, " m"], levels: int
) -> list[np.ndarray]:
    """Two columns as places among levels, or among 10 bins of equal width of both together; what is missing
    is one more."""
    if levels:
        return [np.nan_to_num(x, nan=levels).astype(int) for x in (real, synthetic)]
    known = np.concatenate([x[~np.isnan(x)] for x in (real, synthetic)])
    ends = np.histogram_bin_edges(known, _BINS)[1:-1]
    return [np.where(np.isnan(x), _BINS, np.digitize(x, ends)).astype(int) for x in (real, synthetic)]


def correlations_alike(real: Float[np.ndarray, "n 2"], synthetic: Float[np.ndarray, "m 2"]) -> Influences:
    """1 − ½ |r − s|, r and s the correlations of two columns among real and among synthetic rows in which
    both are observed; one that is not defined counts as 0. The influence of r at a row with the standardised
    values u, v is uv − r(u² + v²)/2.

    >>> x = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> correlations_alike(x, x * [1, -1]).value
    0.0
    """
    (r, moved), (s, also) = _correlation(real), _correlation(synthetic)
    sign = np.sign(r - s)
    return Influences(1 - abs(r - s) / 2, -sign * moved / 2, sign * also / 2)


def _correlation(x: Float[np.ndarray, "n 2"]) -> tuple[float, Float[np.ndarray, " n"]]:
    """The correlation of two columns, and its influence at each row."""
    known = ~np.isnan(x).any(1)
    moved, rows = np.zeros(len(x)), x[known]
    spread = rows.std(0) if len(rows) > 1 else np.zeros(2)
    if not (spread > 0).all():
        return 0.0, moved
    u, v = ((rows - rows.mean(0)) / spread).T
    r = float((u * v).mean())
    moved[known] = (u * v - r * (u**2 + v**2) / 2) / known.mean()
    return r, moved
