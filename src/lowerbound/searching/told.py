"""What a method was told: codes and scores, and the scores as normal quantiles."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, rankdata

__all__ = ["Told", "normal_scores"]


class Told:
    """Codes and what they scored, as they came in."""

    def __init__(self) -> None:
        self._z: list[np.ndarray] = []
        self._scores: list[np.ndarray] = []

    def add(self, z: Float[np.ndarray, "n d"], scores: Float[np.ndarray, " n"]) -> None:
        """Some more."""
        self._z.append(np.asarray(z, np.float64))
        self._scores.append(np.asarray(scores, np.float64))

    @property
    def z(self) -> Float[np.ndarray, "n d"]:
        """All codes."""
        return np.concatenate(self._z)

    @property
    def scores(self) -> Float[np.ndarray, " n"]:
        """Their scores."""
        return np.concatenate(self._scores)

    def best(self, n: int) -> Float[np.ndarray, "n d"]:
        """The codes with the best scores, the best first."""
        scores = self.scores
        order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
        return self.z[order[:n]]


def normal_scores(scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Scores as the quantiles of a normal distribution at their ranks (van der Waerden), equal ones alike;
    NaN is the least. A few scores far out then do not set the scale of all others.

    >>> normal_scores(np.array([1.0, 100.0, np.nan])).round(2).tolist()
    [0.0, 0.67, -0.67]
    """
    least = np.where(np.isnan(scores), -np.inf, scores)
    return np.asarray(norm.ppf(rankdata(least) / (len(scores) + 1)))
