"""Cells: a finite partition of what columns may hold, and how a value is spread within its cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Cells"]


@dataclass(frozen=True)
class Cells:
    """Where values lie: a column's value is in one of its cells, and in it with a density that is fixed, so
    that p(x) = Π_j P(cell_j) p(x_j ∣ cell_j) is a distribution whatever the P are.

    - `counts`: how many cells each column has;
    - `place`, (n, d): the cells of the values, −1 of one that was not observed;
    - `log_within`, (n, d): log p(x_j ∣ cell_j), 0 where a cell is a value and of one that was not observed.
    """

    counts: tuple[int, ...]
    place: Int[np.ndarray, "n d"]
    log_within: Float[np.ndarray, "n d"]

    @classmethod
    def levels(cls, x: Float[np.ndarray, "n d"], levels: int) -> Cells:
        """Of columns whose values are 0, 1, …, levels − 1: a cell is a value."""
        place = np.where(np.isnan(x), -1, x).astype(int)
        return cls((levels,) * x.shape[1], place, np.zeros(x.shape))

    @classmethod
    def in_columns(cls, blocks: list[Cells], columns: tuple[tuple[int, ...], ...]) -> Cells:
        """The cells of blocks, each in its columns."""
        order = np.argsort([column for block in columns for column in block])
        counts = [count for block in blocks for count in block.counts]
        return cls(
            tuple(counts[i] for i in order),
            np.concatenate([block.place for block in blocks], 1)[:, order],
            np.concatenate([block.log_within for block in blocks], 1)[:, order],
        )
