"""Labels as at most ten classes, for the ten colours there are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

__all__ = ["COLOURS", "Classes", "classes_of"]

# Ten colours that stay apart for colour-blind readers: Petroff (2021), arXiv:2107.02270.
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadb",
)  # fmt: skip


class Classes(NamedTuple):
    """The names of classes, in their order, and the `place` of each label among them: −1 of a label that is
    none of them, since there are more kinds than colours, or since it is missing."""

    names: tuple[str, ...]
    place: Int[np.ndarray, " n"]


def classes_of(labels: np.ndarray) -> Classes | None:
    """Labels, (n,), as classes: all kinds where there are at most ten, else the nine most frequent; None of
    real numbers, and of more whole ones than there are colours, which are told apart by their value.

    >>> classes_of(np.array(["b", "a", "b"]))
    Classes(names=('a', 'b'), place=array([1, 0, 1]))
    >>> classes_of(np.array([0.5, 1.0])) is None
    True
    """
    if labels.dtype.kind == "O":
        named = np.array([label is not None and label == label for label in labels])
        labels = np.where(named, labels, "").astype(str)
    else:
        named = labels == labels  # NaN and NaT are not
    if not named.any():
        return Classes((), np.full(len(labels), -1))
    kinds, inverse, counts = np.unique(labels[named], return_inverse=True, return_counts=True)
    numeric, many = labels.dtype.kind in "iuf", len(kinds) > len(COLOURS)
    if numeric and (many or np.any(kinds != np.round(kinds))):
        return None
    shown = np.sort(np.argsort(-counts, kind="stable")[: len(COLOURS) - many])
    rank = np.full(len(kinds), -1)
    rank[shown] = np.arange(len(shown))
    place = np.full(len(labels), -1)
    place[named] = rank[inverse]
    names = [f"{kind:.0f}" if numeric else str(kind) for kind in kinds[shown].tolist()]
    return Classes(tuple(names), place)
