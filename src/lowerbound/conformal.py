"""From scores to p-values, and from p-values to a list with few false discoveries: no model is assumed."""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

__all__ = ["conformal_p_values", "conformal_threshold", "flag"]


def conformal_p_values(scores: ArrayLike, calibration: ArrayLike) -> Float[np.ndarray, " m"]:
    """p = (1 + #{i: sᵢ ≤ s})/(n + 1) of each of the `scores` s, (m,), against those of n rows that are known
    to be usual, `calibration` (Vovk et al. 2005; Bates et al. 2023, eq. 2). The lower a score, the odder.

    Where a row is exchangeable with the calibration rows, as a new row from where they come is, P(p ≤ α) ≤ α
    for every α, whatever the scores are and whatever n; with scores that do not tie it is
    ⌊α(n + 1)⌋/(n + 1). For that no calibration row may have had a part in the making of the score: neither in
    training nor in the choice of a model. Ties count against the row, so that p is rather too large. The
    least p is 1/(n + 1): 99 rows are needed for one of 0.01. The guarantee is in the mean over calibration
    sets: with one set of n rows the share of usual rows with p ≤ α is about α ± √(α(1 − α)/n).

    **Raises:** `ValueError` for no calibration score, and for a score that is NaN.

    >>> conformal_p_values([-9.0, -2.0, 3.0], calibration=[-4.0, -2.0, -1.0]).tolist()
    [0.25, 0.75, 1.0]
    """
    known = _sorted(calibration)
    return (1 + np.searchsorted(known, _numbers(scores, "scores"), side="right")) / (len(known) + 1)


def conformal_threshold(calibration: ArrayLike, level: float) -> float:
    """The score below which, and only below which, a row's p-value is at most `level`: the k-th lowest of n
    calibration scores, k = ⌊level·(n + 1)⌋; −∞ where k is 0, since no p-value is so small.

    **Raises:** `ValueError` for a level outside [0, 1], and as [`conformal_p_values`][].

    >>> conformal_threshold([-4.0, -2.0, -1.0], 0.25), conformal_threshold([-4.0, -2.0, -1.0], 0.1)
    (-4.0, -inf)
    """
    known = _sorted(calibration)
    if not 0 <= level <= 1:
        raise ValueError(f"level: expected a share between 0 and 1, found {level}")
    # Counted as p-values are computed, so that neither rounds otherwise.
    k = np.searchsorted(np.arange(1, len(known) + 2) / (len(known) + 1), level, side="right")
    return float([-np.inf, *known, np.inf][k])


def flag(p_values: ArrayLike, false_discovery_rate: float = 0.1) -> Bool[np.ndarray, " m"]:
    """The rows that are called anomalies, by the p-values of all rows that are looked at together: those with
    p ≤ p₍ₖ₎, k the greatest with p₍ₖ₎ ≤ αk/m (Benjamini & Hochberg 1995).

    Of the rows that are flagged, the share that are usual is then at most α = `false_discovery_rate` in the
    mean: conformal p-values against one calibration set depend on one another only positively, which the
    procedure allows (Bates et al. 2023, theorem 2). Since no p is below 1/(n + 1), a single anomaly among m
    rows can be flagged with n + 1 ≥ m/α calibration rows only, and k of them with a k-th of that.

    **Raises:** `ValueError` for p-values outside [0, 1] and for another rate than one in (0, 1].

    >>> flag([0.01, 0.9, 0.04, 0.03], false_discovery_rate=0.1).tolist()
    [True, False, True, True]
    """
    p = _numbers(p_values, "p_values")
    if ((p < 0) | (p > 1)).any():
        outside = p[(p < 0) | (p > 1)][0]
        raise ValueError(f"p_values: expected probabilities, found {outside:g}")
    if not 0 < false_discovery_rate <= 1:
        raise ValueError(
            f"false_discovery_rate: expected a share above 0, at most 1, found {false_discovery_rate}"
        )
    m, ordered = len(p), np.sort(p)
    below = np.flatnonzero(ordered <= false_discovery_rate * np.arange(1, m + 1) / max(m, 1))
    found: np.ndarray = p <= ordered[below[-1]] if len(below) else np.zeros(m, bool)
    return found


def _sorted(calibration: ArrayLike) -> Float[np.ndarray, " n"]:
    known = np.sort(_numbers(calibration, "calibration"))
    if not len(known):
        raise ValueError("calibration: expected the scores of at least one row, found none")
    return known


def _numbers(values: ArrayLike, name: str) -> Float[np.ndarray, " m"]:
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1:
        raise ValueError(f"{name}: expected one number each, found the shape {numbers.shape}")
    if np.isnan(numbers).any():
        raise ValueError(f"{name}: expected numbers, found NaN at {int(np.isnan(numbers).argmax())}")
    return numbers
