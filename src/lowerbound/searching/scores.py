"""What is to be made large: a function of decoded rows, or a column of the model, E[x_c∣z]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np
from jaxtyping import Array, Float

from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.data.schema import Schema
from lowerbound.models.latent_model import LatentModel
from lowerbound.parts import nearest
from lowerbound.searching.decoded import Decoded

__all__ = ["BlackBox", "ColumnMean", "Score"]


class Score(Protocol):
    """The score of codes and their decoded rows."""

    def __call__(self, z: Float[np.ndarray, "n d"], rows: Decoded) -> Float[np.ndarray, " n"]:
        """A number a row, NaN of one that is worth nothing."""


@dataclass(frozen=True)
class BlackBox:
    """A Python function of a table of decoded rows, which gives a number a row; one that is not finite says
    that the row is worth nothing."""

    function: Callable[[Any], Any]

    def __call__(self, z: Float[np.ndarray, "n d"], rows: Decoded) -> Float[np.ndarray, " n"]:
        """**Raises:** `ValueError` for anything but a number a row."""
        found = np.asarray(self.function(rows.table))
        if found.shape != (len(z),) or found.dtype.kind not in "biuf":
            raise ValueError(
                f"score: expected a number for each of {len(z)} rows, found shape {found.shape} of "
                f"{found.dtype}; it is handed a table of rows, and gives a number a row"
            )
        return np.where(np.isfinite(found), found, np.nan).astype(np.float64)


@dataclass(frozen=True)
class ColumnMean:
    """E[x_c∣z] under the likelihood, of the column c of numbers at a `place` of the encoded rows, in its own
    unit: `unit` times what is encoded, and the `offset`."""

    model: LatentModel
    place: int
    unit: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, model: LatentModel, schema: Schema | None, name: str) -> ColumnMean:
        """That of the column called so.

        **Raises:** `ValueError` for a column that the model has not, or of which there is no mean.
        """
        if schema is None:
            names = [f"x{i}" for i in range(model.event().shape[0])]
            if name not in names:
                raise ValueError(f"score: no column {name!r}; {nearest(name, names)}")
            return cls(model, names.index(name))
        if name not in schema.names:
            raise ValueError(f"score: no column {name!r}; {nearest(name, schema.names)}")
        column = schema.columns[schema.names.index(name)]
        if not column.encoded or not column.numeric:
            raise ValueError(
                f"score: expected a column of numbers, found {name!r}, {column.words}; hand in a function of "
                "the decoded rows, which gives a number a row"
            )
        place = schema.firsts[[each.name for each in schema.encoded].index(name)]
        low, high = column.in_own_unit(np.array([0.0, 1.0]))
        return cls(model, place, float(high - low), float(low))

    def __call__(self, z: Float[np.ndarray, "n d"], rows: Decoded) -> Float[np.ndarray, " n"]:
        means = in_chunks(_mean, (self.model, self.place), np.asarray(z, np.float32), chunk=CHUNK)
        return np.asarray(means, np.float64) * self.unit + self.offset

    def slope(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """∇E[x_c∣z] at each code."""
        slopes = in_chunks(_slope, (self.model, self.place), np.asarray(z, np.float32), chunk=CHUNK)
        return np.asarray(slopes, np.float64) * self.unit


def _mean(constants: tuple[LatentModel, int], z: Array) -> Array:
    model, place = constants
    return model.transform.inverse(model.point(z))[place]


def _slope(constants: tuple[LatentModel, int], z: Array) -> Array:
    return jax.grad(lambda z: _mean(constants, z))(z)
