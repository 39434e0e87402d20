"""Evolution: CMA-ES over codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.searching.method import Method, Space
from lowerbound.searching.told import Told

__all__ = ["Evolution"]


class Evolution(Method):
    """The covariance matrix adaptation evolution strategy (Hansen and Ostermeier 2001), of the package `cma`:
    a batch is a generation, of codes from a Gaussian whose mean and covariance go with those that scored
    best. It begins at the best of the codes that it is told first, as wide as a third of the aggregate
    posterior, and again at another of them where a population has come to its end. Codes beyond the limit
    count as the worst.

    **Raises:** `ImportError` without `cma`, with what installs it.
    """

    def __init__(self, space: Space, batch: int, random: np.random.Generator):
        super().__init__(space, batch, random)
        self.package, self.first = _cma(), Told()
        self.strategy: Any = None
        self.asked, self.runs = np.zeros(0), 0

    def tell(self, z: Any, scores: Any) -> None:
        if self.strategy is None:
            self.first.add(z, scores)
            return
        worst = np.nanmin(scores) - 1 if np.isfinite(scores).any() else 0.0
        self.strategy.tell([*self.asked], [*-np.where(np.isnan(scores), worst, scores)])
        if self.strategy.stop():
            self.strategy = None

    def ask(self) -> np.ndarray:
        if self.strategy is None:
            self.strategy = self._begun()
        self.asked = np.asarray(self.strategy.ask())
        return self.asked * self.space.scale

    def _begun(self) -> Any:
        best = self.first.best(self.runs + 1)[-1]
        self.runs += 1
        options = {
            "popsize": max(self.batch, 2),
            "seed": np.nan,  # NumPy's global state is left alone
            "randn": lambda *shape: self.random.standard_normal(shape),
            "verbose": -9,
            "verb_log": 0,
        }
        return self.package.CMAEvolutionStrategy(best / self.space.scale, 1 / 3, options)


def _cma() -> Any:
    try:
        import cma
    except ImportError as error:
        raise ImportError(
            "method evolution needs cma: pip install 'lowerbound[search]'", name="cma"
        ) from error
    return cma
