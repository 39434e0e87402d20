"""Which rows are trained on, and which choose the model."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from lowerbound.data.others import Others
from lowerbound.data.rows import Rows, checked
from lowerbound.models.latent_model import LatentModel

__all__ = ["MOST_VALIDATION", "Division"]


@dataclass(frozen=True)
class Division:
    """The rows that are trained on and those that choose the model, by their numbers in `rows` and in
    `held`; `held_name` is what the user calls the latter. Of rows beyond memory the numbers of those that are
    trained on are computed where they are asked for ([`Others`][lowerbound.data.others.Others])."""

    rows: Rows
    train_rows: Any  # Int[np.ndarray, " n"], or what is indexed as one
    held: Rows
    held_rows: Int[np.ndarray, " m"]
    held_name: str

    @classmethod
    def of(cls, model: LatentModel, x: Any, given: Any, validation: Any, key: PRNGKeyArray) -> Self:
        """Rows of `x`, a share of them drawn by `key` to choose the model; or `validation` itself, rows or
        the pair (rows, given). A row whose weight is 0, or that is kept back, does neither."""
        rows = checked(model, x, given)
        if isinstance(validation, Real):
            train_rows, held_rows = (
                _counting(rows, numbers) for numbers in _drawn(rows, float(validation), key)
            )
            return cls(rows, train_rows, rows, held_rows, "x")
        held_x, held_given = validation if isinstance(validation, tuple) else (validation, None)
        held = checked(model, held_x, held_given, "validation")
        train_rows, held_rows = (_counting(each, _without(each)) for each in (rows, held))
        return cls(rows, train_rows, held, held_rows, "validation")

    @property
    def drawn(self) -> Int[np.ndarray, " m"] | None:
        """The numbers of the validation rows where they are rows of x."""
        return self.held_rows if self.held_name == "x" and len(self.held_rows) else None


def _counting(rows: Rows, numbers: Any) -> Any:
    """Those of the numbers whose rows have a weight above 0."""
    return numbers if rows.weight is None else np.asarray(numbers)[rows.weight[np.asarray(numbers)] > 0]


def _without(rows: Rows, *more: np.ndarray) -> Any:
    """The numbers of all rows but of those that are kept back, and of `more`; of rows beyond memory as many
    numbers would be much."""
    kept_back = [] if rows.kept_back is None else [rows.kept_back]
    others = Others(len(rows), np.sort(np.concatenate([*kept_back, *more])) if kept_back or more else _NONE)
    return others if rows.mapped else np.asarray(others, np.int64)


def _drawn(rows: Rows, share: float, key: PRNGKeyArray) -> tuple[Any, np.ndarray]:
    """The numbers of the rows that are trained on, and a share of them, drawn, that chooses the model; of
    rows beyond memory so many as tell two models apart."""
    among = _without(rows)
    n = len(among)
    held = round(share * n)
    if held == n:
        raise ValueError(
            f"validation: a share of {share} of {n} rows leaves none to train on; take a smaller"
        )
    if held == 0:
        return among, np.arange(0)
    if rows.mapped:
        held = min(held, MOST_VALIDATION)
    # NumPy's generator, since JAX's would compile a program for every n.
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    places = random.permutation(n)[:held] if n <= _PERMUTED else random.choice(n, held, replace=False)
    chosen = np.sort(among[places])
    return _without(rows, chosen), chosen


_NONE = np.zeros(0, np.int64)
# A permutation of more rows takes more than 80 MB.
_PERMUTED = 10_000_000
# Validation rows of rows beyond memory: the error of their mean bound is a three-hundredth of its spread.
MOST_VALIDATION = 100_000
