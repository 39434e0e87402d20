"""Screening: rows of the data as they are, without a model. What a method has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.searching.method import Method

__all__ = ["Screening"]


class Screening(Method):
    """One row of the data after the other, in an order drawn at random."""

    begins = False
    of_data = True
    _place = slice(0)

    def ask(self) -> np.ndarray:
        self._place = slice(self._place.stop, self._place.stop + self.batch)
        return self.space.codes[self._place]

    def rows(self, z: Any) -> np.ndarray:
        """Those rows themselves."""
        return self.space.x[self._place]

    def tell(self, z: Any, scores: Any) -> None:
        pass
