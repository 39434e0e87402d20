"""Latent classes of a table whose columns are of several kinds: a mixture of products over cells, by EM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lowerbound.baselines.density import Array, log_sum_exp
from lowerbound.baselines.em import alternation, converged, nearest_of
from lowerbound.families.cells import Cells
from lowerbound.families.family import Family

__all__ = ["CellMixture", "expectation_maximization", "fit_cells"]


@dataclass(frozen=True, eq=False)
class CellMixture:
    """p(x) = Σ_k w_k Π_j θ_kj[cell(x_j)] p(x_j ∣ cell(x_j)): latent classes, within which columns are
    independent (Lazarsfeld & Henry 1968), over the cells of a family: levels, values that stand alone, bins.

    `weights` (k,); `log_cells` (k, cells): log θ, one column's cells after another's. A value that was not
    observed is left out. Nats, in the measure of the family.

    >>> import lowerbound as lb
    >>> coin = CellMixture(lb.Bernoulli(1), np.ones(1), np.log([[0.25, 0.75]]), note="a coin")
    >>> np.exp(coin.log_prob([[0], [1]])).round(2).tolist()
    [0.25, 0.75]
    """

    family: Family
    weights: Float[np.ndarray, " k"]
    log_cells: Float[np.ndarray, "k cells"]
    note: str

    def log_prob(self, x: ArrayLike) -> Array:
        """Log-density per row, in nats, in the measure of the family."""
        cells = _cells(self.family, x)
        joint = _indicators(cells) @ self.log_cells.T + np.log(self.weights)
        return log_sum_exp(joint) + cells.log_within.sum(1)


def _cells(family: Family, x: ArrayLike) -> Cells:
    cells = family.cells(np.asarray(x, np.float64))
    if cells is None:
        raise TypeError(f"cells: {type(family).__name__} has none")
    return cells


def _indicators(cells: Cells) -> Any:
    """(n, cells): 1 where a value lies, for each column that was observed."""
    from scipy.sparse import csr_array

    first = np.cumsum([0, *cells.counts])
    rows, columns = np.nonzero(cells.place >= 0)
    places = first[columns] + cells.place[rows, columns]
    return csr_array((np.ones(len(rows)), (rows, places)), shape=(len(cells.place), first[-1]))


def expectation_maximization(
    mixture: CellMixture, cells: Cells, responsibilities: Array, pseudo_rows: float = 1.0
) -> Iterator[tuple[CellMixture, float]]:
    """EM: yields (mixture, objective) after each step, without end. The objective is a penalised
    log-likelihood, with `pseudo_rows` in each class, spread as all rows are with an equal share besides. No
    step lowers it."""
    seen = _indicators(cells)
    ends = np.cumsum([0, *cells.counts])
    columns = [slice(low, high) for low, high in pairwise(ends)]
    overall = np.asarray(seen.sum(0)) + 0.5
    prior = np.concatenate([overall[column] / overall[column].sum() for column in columns]) * pseudo_rows

    def maximized(mixture: CellMixture, responsibilities: Array) -> tuple[CellMixture, Array, float]:
        weights = responsibilities.sum(0) + pseudo_rows
        counts = np.asarray((seen.T @ responsibilities).T) + prior
        shares = [counts[:, column] / counts[:, column].sum(1, keepdims=True) for column in columns]
        log_cells = np.log(np.concatenate(shares, 1))
        mixture = replace(mixture, weights=weights / weights.sum(), log_cells=log_cells)
        joint = seen @ log_cells.T + np.log(mixture.weights)
        return mixture, joint, float(pseudo_rows * np.log(mixture.weights).sum() + (log_cells @ prior).sum())

    return alternation(maximized, mixture, responsibilities)


def fit_cells(x: Array, components: int, *, family: Family, seed: int, steps: int = 100) -> CellMixture:
    """EM from the nearest of `components` random rows, until a step gains under 1e-4 nats a row."""
    cells = _cells(family, x)
    start = CellMixture(family, np.full(components, 1 / components), np.zeros((components, 0)), note="")
    share = cells.place / np.maximum(np.asarray(cells.counts) - 1, 1)
    nearest = nearest_of(np.where(cells.place < 0, 0.5, share), components, seed)
    return converged(expectation_maximization(start, cells, nearest), len(x), steps)
