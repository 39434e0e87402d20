"""Which dimensions of z are in use."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lowerbound.diagnosis.diagnosis import Notes
from lowerbound.diagnosis.looked import Looked

__all__ = ["ACTIVE", "Activity", "activity_of"]

# Share of a dimension's variance that its posterior means must have for it to be active. At a N(0, 1) prior
# it is the 0.01 of Burda, Grosse & Salakhutdinov (2016, appendix C).
ACTIVE = 0.01


class Activity(NamedTuple):
    """How much of each dimension of z depends on x."""

    of_means: Float[np.ndarray, " d"]  # Var E[zᵢ∣x]
    share: Float[np.ndarray, " d"]  # of Var zᵢ


def activity_of(looked: Looked, notes: Notes) -> Activity | None:
    """Var E[zᵢ∣x] over rows, and its share of Var zᵢ; `None` where the posterior does not know its mean."""
    if looked.mean is None or looked.mean.ndim != 2 or not np.isfinite(looked.mean).all():
        notes.append("active dimensions: not defined, the posterior does not know its mean")
        return None
    of_means, of_draws = looked.mean.var(0, ddof=1), looked.z.var((0, 1))
    return Activity(of_means, of_means / np.maximum(of_draws, np.finfo(np.float64).tiny))
