"""The columns of a table apart from one another, as histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float

__all__ = ["Histograms"]

# Bins of a column; whole numbers of a range of less than so many have one each.
_BINS, _WHOLE = 20, 64


@dataclass(frozen=True)
class Histograms:
    """Σⱼ log of the share of the rows whose value lies in the bin of xⱼ, with one row more in each bin: what
    is odd about a row column by column. Bins are of equal width a column. A missing value adds nothing.

    >>> histograms = Histograms.of(np.array([[0, 0.1], [0, 0.2], [0, 0.9], [1, 0.2]]))
    >>> histograms.log_share(np.array([[0, 0.2], [1, 5.0], [1, np.nan]])).round(2).tolist()
    [-0.29, -2.08, -0.69]
    """

    edges: tuple[Float[np.ndarray, " bins+1"], ...]
    counts: tuple[Float[np.ndarray, " bins"], ...]
    rows: int

    @classmethod
    def of(cls, x: Float[np.ndarray, "n d"]) -> Self:
        """Those of the rows of `x`."""
        edges = tuple(map(_edges, x.T))
        counts = tuple(
            np.histogram(column[~np.isnan(column)], edge)[0] + 1.0
            for column, edge in zip(x.T.astype(float), edges, strict=True)
        )
        return cls(edges, counts, len(x))

    def log_share(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The sum over columns, a row each; outside of all bins there is the one row more."""
        total = np.zeros(len(x))
        for column, edges, counts in zip(x.T.astype(float), self.edges, self.counts, strict=True):
            inside = (edges[0] <= column) & (column <= edges[-1])
            place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(counts) - 1)
            share = np.log(np.where(inside, counts[place], 1.0) / self.rows)
            total += np.where(np.isnan(column), 0.0, share)
        return total


def _edges(column: np.ndarray) -> Float[np.ndarray, " bins+1"]:
    seen = column.astype(float)
    seen = seen[~np.isnan(seen)]
    if not len(seen):
        return np.array([-0.5, 0.5])
    low, high = seen.min(), seen.max()
    if high - low < _WHOLE and (seen == np.floor(seen)).all():
        return np.arange(low - 0.5, high + 1.0)
    return np.linspace(low, high, _BINS + 1)
