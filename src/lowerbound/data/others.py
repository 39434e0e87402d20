"""The numbers of all rows but for some, in the memory of the some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

__all__ = ["Others"]


@dataclass(frozen=True, eq=False)
class Others:
    """The whole numbers from 0 to `n` − 1 without those of `left_out`, which are sorted, as an array of them
    would be, whose elements are computed when they are asked for: the k-th is k and as many as are left out
    below it.

    >>> others = Others(8, np.array([0, 3, 4]))
    >>> len(others), others[1:].tolist(), others[np.array([4, 0])].tolist(), np.asarray(others).tolist()
    (5, [2, 5, 6, 7], [7, 1], [1, 2, 5, 6, 7])
    """

    n: int
    left_out: Int[np.ndarray, " m"]

    def __len__(self) -> int:
        return self.n - len(self.left_out)

    @property
    def dtype(self) -> np.dtype:
        """That of the numbers."""
        return np.dtype(np.int32 if self.n < 2**31 else np.int64)

    @property
    def shape(self) -> tuple[int]:
        """That of the array that they would be."""
        return (len(self),)

    def __getitem__(self, places: Any) -> Any:
        if isinstance(places, slice):
            places = np.arange(*places.indices(len(self)))
        places = np.asarray(places)
        # How many kept numbers lie below each that is left out.
        below = self.left_out - np.arange(len(self.left_out))
        found = places + np.searchsorted(below, places, side="right")
        return found.astype(self.dtype)

    def __iter__(self) -> Iterator[int]:
        return iter(np.asarray(self).tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        kept = np.ones(self.n, bool)
        kept[self.left_out] = False
        return np.flatnonzero(kept).astype(self.dtype if dtype is None else dtype, copy=False)
