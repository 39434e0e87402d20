"""Gradient boosting on aligned rows, and the area under its ROC curve with the influence of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

__all__ = ["area", "boosting", "one_thread"]

_BINS = 255  # of a column that scikit-learn's boosting tells apart at most


def boosting(levels: tuple[int, ...], *, regression: bool = False, seed: int = 0) -> Any:
    """scikit-learn's histogram gradient boosting at its defaults: levels as such, holes as they are. Levels
    of a column that has more than 255 are taken for numbers."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(categorical_features=[0 < n <= _BINS for n in levels], random_state=seed)


def one_thread() -> Any:
    """A context in which boosting takes one thread: threads that wait for each other on a core that is shared
    took twenty times as long, and win little at ten thousand rows."""
    import sklearn.ensemble  # noqa: F401  (what is loaded later is not limited)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1, user_api="openmp")


def area(
    score: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]
) -> tuple[float, Float[np.ndarray, " n"]]:
    """The area under the ROC curve, P(s⁺ > s⁻) + ½ P(s⁺ = s⁻), and its influence at each row: (its share of
    the other kind that it is on the right side of − the area) over the share of its own kind. The mean of
    their squares over n is the variance of DeLong et al. (1988).

    >>> value, influence = area(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    >>> value, influence.tolist()
    (0.875, [0.25, -0.25, -0.25, 0.25])
    """
    from scipy.stats import rankdata

    share = float(positive.mean())
    ranks, placed = rankdata(score), np.empty(len(score))
    for own in (positive, ~positive):
        below = (ranks[own] - rankdata(score[own])) / (~own).sum()
        placed[own] = below if own is positive else 1 - below
    value = float(placed[positive].mean())
    return value, (placed - value) / np.where(positive, share, 1 - share)
