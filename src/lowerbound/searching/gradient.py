"""Gradient ascent in latent space."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.searching.method import Method, Space
from lowerbound.searching.surrogate import Surrogate
from lowerbound.searching.told import Told, normal_scores

__all__ = ["Gradient"]


class Gradient(Method):
    """Ascent by gradients, from a batch of the best codes.

    Of a column of the model, z ← z + η ∇E[x_c∣z]/∥∇E[x_c∣z]∥: a step of each code is a call. At first η
    is .3 standard deviations of the aggregate posterior; it grows by a half with a step that gains, and is
    a third of it after one that does not, which is taken back. A code whose steps have become small begins
    again at a code of the aggregate posterior.

    Of a black box there are no gradients: ascent is on the mean of a [`Surrogate`][], the Gaussian process of
    all scores so far, from the best codes and some of the aggregate posterior, for 50 steps that cost no
    call, and the codes where it ends are asked.
    """

    def __init__(self, space: Space, batch: int, random: np.random.Generator):
        super().__init__(space, batch, random)
        self.told = Told()
        self.surrogate: Surrogate | None = None
        self.z: Any = None
        self.value = self.step = np.zeros(0)

    def ask(self) -> np.ndarray:
        return self._ends() if self.space.slope is None else self._steps()

    def tell(self, z: Any, scores: Any) -> None:
        self.told.add(z, scores)
        if self.z is None or self.space.slope is None:
            return
        gained = scores > self.value  # NaN gains nothing
        self.z = np.where(gained[:, None], z, self.z)
        self.value = np.where(gained, scores, self.value)
        self.step = self.step * np.where(gained, 1.5, 1 / 3)
        if (ended := self.step < _SHORTEST).any():
            self.z[ended] = self.space.mass.sample(int(ended.sum()), self.random)
            self.value[ended], self.step[ended] = -np.inf, _STEP

    def _steps(self) -> np.ndarray:
        """A step of each code by the column's gradient."""
        assert self.space.slope is not None
        if self.z is None:
            self.z = self.told.best(self.batch)
            self.value = np.full(len(self.z), -np.inf)
            self.step = np.full(len(self.z), _STEP)
        begun = np.isfinite(self.value)  # the others have no value yet to compare with
        way = self._way(self.space.slope(self.z), np.where(begun, self.step, 0.0)[:, None])
        return self.space.within(self.z + way, self.z)

    def _ends(self) -> np.ndarray:
        """Where ascent on the surrogate's mean ends."""
        scale = self.space.scale
        self.surrogate = Surrogate.of(
            self.told.z / scale, normal_scores(self.told.scores), self.random, self.surrogate
        )
        best, count = self.told.best(2 * self.batch), 2 * self.batch
        some = best[self.random.permutation(len(best))[: count - count // 4]]
        start = np.concatenate([some, self.space.mass.sample(count - len(some), self.random)])
        start = self.random.permutation(start)
        z = start + _SPREAD * scale * self.random.standard_normal(start.shape)
        for _ in range(_STEPS):
            z = z + self._way(self.surrogate.slope(z / scale) / scale, _EACH)
        return self.space.new(self.space.within(z, start), self.batch)

    def _way(self, slope: np.ndarray, step: Any) -> np.ndarray:
        """A step of this length up the slope, with lengths in the standard deviations of the space."""
        up = slope * self.space.scale
        return step * self.space.scale * up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-30)


# In standard deviations of the aggregate posterior: the first step and the shortest of a column's ascent;
# how far from the best codes ascent on a surrogate begins, and its steps.
_STEP, _SHORTEST = 0.3, 1e-2
_SPREAD, _EACH, _STEPS = 0.1, 0.1, 50
