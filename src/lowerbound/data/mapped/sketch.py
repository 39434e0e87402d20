"""What is known of rows without a look at each: some of them, and the moments of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Int, Shaped

from lowerbound.data.mapped.moments import Moments
from lowerbound.data.numbers import blocks
from lowerbound.data.pieces import rows_of

__all__ = ["Sketch"]


@dataclass(frozen=True, eq=False)
class Sketch:
    """Rows larger than memory: a seeded `sample` of them, with their `numbers`, in order, and the `moments`
    of all."""

    sample: Shaped[np.ndarray, "k d"]
    numbers: Int[np.ndarray, " k"]
    moments: Moments

    @classmethod
    def of(cls, x: Shaped[np.ndarray, "n d"], seed: int = 0) -> Sketch:
        """That of rows which are mapped from a file, in one look at all of them.

        >>> Sketch.of(np.arange(6).reshape(3, 2)).sample.tolist()
        [[0, 1], [2, 3], [4, 5]]
        """
        parts = [Moments.of(block) for block in blocks(x)]
        most = max(_FEWEST, _BYTES * len(x) // max(x.nbytes, 1))
        random = np.random.default_rng(seed)
        numbers = np.arange(len(x)) if len(x) <= most else np.sort(random.choice(len(x), most, replace=False))
        return cls(rows_of(x, numbers), numbers, reduce(Moments.with_those, parts))

    @property
    def rows(self) -> Shaped[np.ndarray, "m d"]:
        """The sample, and below it a row of the least values and one of the greatest, so that the ends of
        each column are those of all rows.

        >>> x = np.array([[1, 5], [2, 4], [9, 0]])
        >>> Sketch(x[:2], np.arange(2), Moments.of(x)).rows.tolist()
        [[1, 5], [2, 4], [1, 0], [9, 5]]
        """
        ends = np.stack([self.moments.low, self.moments.high]).astype(self.sample.dtype)
        return np.concatenate([self.sample, ends])

    def sample_without(self, numbers: Int[np.ndarray, " m"] | None) -> Shaped[np.ndarray, "k d"]:
        """Those rows of the sample that are none of these numbers."""
        return self.sample if numbers is None else self.sample[~np.isin(self.numbers, numbers)]


# Bytes, and the fewest rows, of a sample.
_BYTES, _FEWEST = 1 << 26, 1000
