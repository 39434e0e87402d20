"""What colours the points: labels, or a column of their rows, as a byte each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import UInt8

from lowerbound.classes import classes_of
from lowerbound.data.settled import holes_in
from lowerbound.serve.cells import json_cells

__all__ = ["MISSING", "OTHER", "Colouring"]

# The bytes of a class that has no colour of its own, and of a value that is missing.
OTHER, MISSING = 254, 255
# Numbers are coloured from the one of these quantiles to the other.
_ENDS = (0.01, 0.99)


@dataclass(frozen=True)
class Colouring:
    """A byte a point, `values`: of `classes` the place of its class, of numbers their place between the
    `ends` in 253 steps; 254 for a class that is none of those, 255 for a value that is missing. `ends` are as
    JSON has them, numbers or dates.

    >>> colouring = Colouring.of(np.array([0.0, 1.0, np.nan, 0.25]))
    >>> colouring.values.tolist()
    [0, 253, 255, 63]
    """

    values: UInt8[np.ndarray, " n"]
    classes: tuple[str, ...] | None = None
    ends: tuple[Any, Any] | None = None

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Of labels, or the values of a column."""
        timed = values.dtype.kind in "Mm"
        found, holes = None if timed else classes_of(values), holes_in(values)
        if found is not None:
            place = np.where(found.place < 0, OTHER, found.place)
            return cls(np.where(holes, MISSING, place).astype(np.uint8), classes=found.names)
        numbers = values.astype(np.int64 if timed else float).astype(float)
        low, high = np.quantile(numbers[~holes], _ENDS) if not holes.all() else (0.0, 1.0)
        if low == high:
            low, high = numbers[~holes].min(), numbers[~holes].max()
        steps = np.clip((numbers - low) / max(high - low, np.finfo(float).tiny), 0, 1) * (OTHER - 1)
        shown = np.where(holes, MISSING, np.nan_to_num(steps)).round().astype(np.uint8)
        own = np.array([low, high])
        if timed or values.dtype.kind in "iu":
            own = own.round().astype(np.int64).astype(values.dtype)
        first, last = json_cells(own)
        return cls(shown, ends=(first, last))

    def to_json(self) -> dict[str, Any]:
        """The legend."""
        counts = np.bincount(self.values, minlength=256)
        if self.classes is None:
            return {"kind": "numbers", "ends": self.ends, "missing": int(counts[MISSING])}
        return {
            "kind": "classes",
            "names": self.classes,
            "counts": counts[: len(self.classes)].tolist(),
            "other": int(counts[OTHER]),
            "missing": int(counts[MISSING]),
        }
