"""Screening: rows of the data as they are, without a model. What a method has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.search.method import Method

__all__ = ["Screening"]


class Screening(Method):
    """One row of the data after the other, in an order drawn at random."""

    begins = False
    of_data = True
    _next = 0

    def ask(self) -> np.ndarray:
        first, self._next = self._next, self._next + self.batch
        return self.space.codes[first : self._next]

    def tell(self, z: Any, scores: Any) -> None:
        pass
