"""What is known of rows without a look at each: some of them, and the moments of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from lowerbound.data.mapped.moments import Moments

__all__ = ["Sketch"]


@dataclass(frozen=True, eq=False)
class Sketch:
    """Encoded rows larger than memory: a seeded `sample` of them, and the `moments` of all."""

    sample: Shaped[np.ndarray, "k d"]
    moments: Moments

    @property
    def rows(self) -> Shaped[np.ndarray, "m d"]:
        """The sample, and below it a row of the least values and one of the greatest, so that the ends of
        each column are those of all rows.

        >>> x = np.array([[1, 5], [2, 4], [9, 0]])
        >>> Sketch(x[:2], Moments.of(x)).rows.tolist()
        [[1, 5], [2, 4], [1, 0], [9, 5]]
        """
        kind = self.sample.dtype
        ends = np.stack([self.moments.low, self.moments.high]).astype(kind)
        return np.concatenate([self.sample, ends])
