"""Trained on synthetic rows, tested on real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lowerbound.data.errors import DataError
from lowerbound.synthetic.aligned import Aligned
from lowerbound.synthetic.learners import area, boosting
from lowerbound.synthetic.score import Score

__all__ = ["Transfer", "transferred"]


@dataclass(frozen=True)
class Transfer:
    """How well a column `target` of held-out real rows is foretold from their others by gradient boosting
    that is trained on synthetic rows, and by one that is trained on real rows, in `measure`; `difference` is
    the first minus the second, paired over rows."""

    target: str
    measure: str
    on_synthetic: Score
    on_real: Score
    difference: Score


def transferred(rows: Aligned, target: str, seed: int = 0) -> Transfer:
    """Tables called real, held_out and synthetic, of which both learners are tested on the second.

    A category is measured by the area under the ROC curve, of several levels the mean over them, each
    against the rest; a number by R² = 1 − Σ(y − ŷ)²/Σ(y − ȳ)². Rows whose target is missing are left out.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a target that is no column, or that does
    not vary among the held-out rows.
    """
    place = rows.place(target)
    levels = rows.sizes[place]
    kinds = tuple(np.delete(rows.sizes, place).tolist())
    x, y = {}, {}
    for name, table in rows.tables.items():
        known = ~np.isnan(table[:, place])
        x[name], y[name] = np.delete(table[known], place, axis=1), table[known, place]
    if len(np.unique(y["held_out"])) < 2:
        raise DataError("held_out", f"two values of {target!r} at least", "one")
    found = []
    for train in ("synthetic", "real"):
        if len(np.unique(y[train])) < 2:
            raise DataError(train, f"two values of {target!r} at least", "one")
        learner = boosting(kinds, regression=not levels, seed=seed).fit(x[train], y[train])
        if levels:
            probability = np.zeros((len(x["held_out"]), levels))
            probability[:, learner.classes_.astype(int)] = learner.predict_proba(x["held_out"])
            found.append(_areas(probability, y["held_out"]))
        else:
            found.append(_explained(learner.predict(x["held_out"]), y["held_out"]))
    (mine, moved), (theirs, also) = found
    measure = "AUROC" if levels else "R²"
    return Transfer(target, measure, *map(_score, (mine, theirs, mine - theirs), (moved, also, moved - also)))


def _score(value: float, influence: Float[np.ndarray, " n"]) -> Score:
    return Score(value, math.sqrt((influence**2).mean() / len(influence)))


def _areas(
    probability: Float[np.ndarray, "n levels"], y: Float[np.ndarray, " n"]
) -> tuple[float, Float[np.ndarray, " n"]]:
    present = np.unique(y).astype(int)
    if len(present) == 2:
        present = present[1:]  # the other's is the same
    areas = [area(probability[:, level], y == level) for level in present]
    values, influences = zip(*areas, strict=True)
    return float(np.mean(values)), np.mean(influences, axis=0)


def _explained(
    predicted: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]
) -> tuple[float, Float[np.ndarray, " n"]]:
    squares, around = (y - predicted) ** 2, (y - y.mean()) ** 2
    ratio = float(squares.mean() / around.mean())
    return 1 - ratio, -(squares - ratio * around) / around.mean()
