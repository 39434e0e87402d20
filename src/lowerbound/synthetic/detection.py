"""Whether a classifier can tell synthetic rows from real ones."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from lowerbound.synthetic.learners import area, boosting
from lowerbound.synthetic.score import Score

__all__ = ["detected", "undetected"]


def detected(
    real: Float[np.ndarray, "n d"],
    synthetic: Float[np.ndarray, "m d"],
    levels: tuple[int, ...],
    *,
    folds: int = 3,
    seed: int = 0,
) -> Score:
    """The area under the ROC curve of gradient boosting that tells synthetic rows from real ones: the mean
    over `folds`, each judged by the trees of the others; ½ where they cannot be told apart, 1 where each can.
    Its error is that of DeLong et al. (1988) in each fold."""
    from sklearn.model_selection import StratifiedKFold

    x, y = np.concatenate([real, synthetic]), np.repeat([False, True], [len(real), len(synthetic)])
    values, variances = [], []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y):
        told = boosting(levels, seed=seed).fit(x[train], y[train]).predict_proba(x[test])[:, 1]
        value, influence = area(told, y[test])
        values.append(value)
        variances.append((influence**2).mean() / len(test))
    return Score(float(np.mean(values)), math.sqrt(sum(variances)) / folds)


def undetected(auroc: Score) -> Score:
    """2 − 2 max(½, AUROC), as SDMetrics has it, the C2ST of TabSyn's and TabPC's tables: 1 where synthetic
    rows cannot be told from real ones, 0 where each can.

    >>> print(undetected(Score(0.58, 0.01)))
    0.840 ± 0.020
    """
    return Score(2 - 2 * max(0.5, auroc.value), 2 * auroc.standard_error)
