"""What is kept of the rows that trained a model, so that they are known again."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt32

from lowerbound.baselines.comparison import TrainedOn
from lowerbound.data.others import Others
from lowerbound.data.rows import Rows
from lowerbound.inference.fingerprints import in_blocks, numbers_of

__all__ = ["Traces", "sha256_of"]

# Fingerprints of rows beyond memory that are kept: 8 MB of them.
_MOST = 1_000_000


class Traces(NamedTuple):
    """The fingerprints of the rows that trained a model, and the SHA-256 of those of all rows that took part,
    in their order."""

    trained_on: TrainedOn
    sha256: str

    @classmethod
    def of(
        cls, rows: Rows, train_rows: Int[np.ndarray, " n"] | Others, validation_rows: np.ndarray | None
    ) -> Traces:
        """Those of rows of which these trained the model, and these chose it, in one look at each; of rows
        beyond memory a share of the fingerprints, the least of all, is kept.

        >>> rows = Rows(np.arange(6).reshape(3, 2))
        >>> traces = Traces.of(rows, np.array([0, 2]), np.array([1]))
        >>> len(traces.trained_on.train), len(traces.trained_on.validation)
        (2, 1)
        """
        share = min(1.0, _MOST / len(rows)) if rows.mapped else 1.0
        digest = hashlib.sha256()
        train: list[UInt32[np.ndarray, "k 2"]] = []
        chose: list[UInt32[np.ndarray, "k 2"]] = []
        for first, prints in in_blocks(rows.x):
            numbers = np.arange(first, first + len(prints))
            if rows.kept_back is None:
                digest.update(prints.tobytes())
            else:
                digest.update(prints[~_held(numbers, rows.kept_back)].tobytes())
            kept = _least(prints, share)
            train.append(prints[kept & _held(numbers, train_rows)])
            if validation_rows is not None:
                chose.append(prints[kept & _held(numbers, validation_rows)])
        none = np.zeros((0, 2), np.uint32)
        trained_on = TrainedOn(np.concatenate([none, *train]), np.concatenate([none, *chose]), share)
        return cls(trained_on, digest.hexdigest())


def sha256_of(rows: Rows) -> str:
    """The SHA-256 of the fingerprints of all rows that take part, in their order."""
    none = np.zeros(0, np.int64)
    return Traces.of(rows, none, none).sha256


def _least(prints: UInt32[np.ndarray, "n 2"], share: float) -> Bool[np.ndarray, " n"]:
    """Which of these are among the least of all fingerprints, a share of them."""
    return np.ones(len(prints), bool) if share == 1 else numbers_of(prints) < np.uint64(share * 2.0**64)


def _held(numbers: Int[np.ndarray, " m"], among: Int[np.ndarray, " n"] | Others) -> Bool[np.ndarray, " m"]:
    """Which of some numbers in a row are among others, which are sorted."""
    if isinstance(among, Others):
        return ~_held(numbers, among.left_out)
    first, last = np.searchsorted(among, [numbers[0], numbers[-1] + 1])
    found = np.zeros(len(numbers), bool)
    found[among[first:last] - numbers[0]] = True
    return found
