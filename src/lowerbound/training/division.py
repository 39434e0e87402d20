"""Which rows are trained on, and which choose the model."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from lowerbound.data.rows import Rows, checked
from lowerbound.models.latent_model import LatentModel

__all__ = ["Division"]


@dataclass(frozen=True)
class Division:
    """The rows that are trained on and those that choose the model, by their numbers in `rows` and in
    `held`; `held_name` is what the user calls the latter."""

    rows: Rows
    train_rows: Int[np.ndarray, " n"]
    held: Rows
    held_rows: Int[np.ndarray, " m"]
    held_name: str

    @classmethod
    def of(cls, model: LatentModel, x: Any, given: Any, validation: Any, key: PRNGKeyArray) -> Self:
        """Rows of `x`, a share of them drawn by `key` to choose the model; or `validation` itself, rows or
        the pair (rows, given). A row whose weight is 0 does neither."""
        rows = checked(model, x, given)
        if isinstance(validation, Real):
            train_rows, held_rows = (
                _counting(rows, numbers) for numbers in _drawn(len(rows), float(validation), key)
            )
            return cls(rows, train_rows, rows, held_rows, "x")
        held_x, held_given = validation if isinstance(validation, tuple) else (validation, None)
        held = checked(model, held_x, held_given, "validation")
        train_rows, held_rows = (_counting(each, np.arange(len(each))) for each in (rows, held))
        return cls(rows, train_rows, held, held_rows, "validation")

    @property
    def drawn(self) -> Int[np.ndarray, " m"] | None:
        """The numbers of the validation rows where they are rows of x."""
        return self.held_rows if self.held_name == "x" and len(self.held_rows) else None


def _counting(rows: Rows, numbers: np.ndarray) -> np.ndarray:
    """Those of the numbers whose rows have a weight above 0."""
    return numbers if rows.weight is None else numbers[rows.weight[numbers] > 0]


def _drawn(n: int, share: float, key: PRNGKeyArray) -> tuple[np.ndarray, np.ndarray]:
    held = round(share * n)
    if held == n:
        raise ValueError(
            f"validation: a share of {share} of {n} rows leaves none to train on; take a smaller"
        )
    if held == 0:
        return np.arange(n), np.arange(0)
    # NumPy's generator, since JAX's would compile a program for every n.
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(n)
    is_held = np.zeros(n, bool)
    is_held[order[:held]] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)
