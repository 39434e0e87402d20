"""Random search: codes from the prior."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.searching.method import Method

__all__ = ["FromPrior"]


class FromPrior(Method):
    """z ~ p(z) within the limit, whatever was scored before."""

    begins = False

    def ask(self) -> np.ndarray:
        return self.space.from_prior(self.batch, self.random)

    def tell(self, z: Any, scores: Any) -> None:
        pass
