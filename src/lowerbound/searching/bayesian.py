"""Bayesian optimisation: Thompson sampling from a Gaussian process, in batches, about the best codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.searching.method import Method, Space
from lowerbound.searching.surrogate import Surrogate
from lowerbound.searching.told import Told, normal_scores

__all__ = ["Bayesian"]


class Bayesian(Method):
    """A Gaussian process over codes is fitted to all scores, as normal quantiles of their ranks; of each of a
    batch of functions drawn from it the code is asked at which it is greatest among `candidates` within the
    limit (Thompson sampling), if its row is new. The candidates lie about the best codes, in a region whose
    length doubles after rounds that find a better score and halves after rounds that do not (TuRBO, Eriksson
    et al. 2019), on the lines between two of the best, and, a quarter of them, anywhere under the aggregate
    posterior.

    **Arguments:** `candidates`: how many; `elite`: how many of the best codes they lie about.
    """

    def __init__(
        self,
        space: Space,
        batch: int,
        random: np.random.Generator,
        *,
        candidates: int = 1000,
        elite: int = 20,
    ):
        super().__init__(space, batch, random)
        self.candidates, self.elite = candidates, elite
        self.told, self.length, self.best = Told(), _START, -np.inf
        self.better = self.worse = 0
        self.surrogate: Surrogate | None = None

    def tell(self, z: Any, scores: Any) -> None:
        self.told.add(z, scores)
        best = np.nanmax([-np.inf, *scores])
        self.better, self.worse = (self.better + 1, 0) if best > self.best else (0, self.worse + 1)
        self.best = max(best, self.best)
        if self.better == _BETTER or self.worse == _WORSE:
            self.length = self.length * 2 if self.better else self.length / 2
            self.better = self.worse = 0
        if not _SHORTEST <= self.length <= _LONGEST:
            self.length = _START if self.length < _SHORTEST else _LONGEST

    def ask(self) -> np.ndarray:
        scale, z = self.space.scale, self._candidates()
        y = normal_scores(self.told.scores)
        self.surrogate = Surrogate.of(self.told.z / scale, y, self.random, self.surrogate)
        chosen: list[int] = []
        for f in self.surrogate.draws(z / scale, min(_MORE * self.batch, len(z)), self.random):
            f[chosen] = -np.inf
            chosen.append(int(f.argmax()))
        return self.space.new(z[chosen], self.batch)

    def _candidates(self) -> np.ndarray:
        random, best = self.random, self.told.best(self.elite)
        d, near = best.shape[1], 3 * self.candidates // 4
        # The better a code, the more candidates lie about it.
        weight = 1 / np.arange(2, len(best) + 2)
        centre = best[random.choice(len(best), near, p=weight / weight.sum())]
        steps = self.length * self.space.scale * random.standard_normal((near, d))
        moved = random.random((near, d)) < min(1.0, _MOVED / d)
        about = centre + np.where(moved, steps, 0.0)
        crossed = random.random(near) < _CROSSED
        share = random.random((near, 1))
        between = centre + share * (best[random.integers(len(best), size=near)] - centre)
        z = np.where(crossed[:, None], between + 0.1 * (about - centre), about)
        z = np.concatenate([z, self.space.mass.sample(self.candidates - near, self.random)])
        z = z[self.space.mass.inside(z)]
        return z if len(z) > self.batch else self.space.codes[: 2 * self.batch]


# The region's length, in standard deviations of the aggregate posterior: at first, at least, at most; after
# so many rounds with a better score it doubles, after so many without one it halves.
_START, _SHORTEST, _LONGEST = 0.5, 0.05, 1.5
_BETTER, _WORSE = 2, 3
# Functions that are drawn for each code of a batch, since the row of a code may be known.
_MORE = 4
# Dimensions of a code that are moved at once; the share of candidates between two of the best.
_MOVED, _CROSSED = 20, 0.3
