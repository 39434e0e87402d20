"""The offset and the unit in which real numbers keep their digits in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["plain", "relative"]

# Real numbers lose no more than 4 of float32's 24 bits where none is so many times their spread.
_SPREADS = 16
# Magnitudes between which sums and squares stay inside float32's range.
_LEAST, _GREATEST = 1e-30, 1e30


def plain(low: float, high: float) -> bool:
    """Whether real numbers between these keep their digits in float32 whatever lies between."""
    far = max(abs(low), abs(high))
    return _LEAST <= far <= 2**20 and far <= _SPREADS * (high - low)


def relative(values: np.ndarray, whole: bool) -> dict[str, Any]:
    """The offset and the unit of real numbers: one of them, and a power of two, where they are needed."""
    middle = len(values) // 2
    quarter = len(values) // 4
    ordered = np.partition(values, (quarter, middle, len(values) - 1 - quarter))
    spread = ordered[len(values) - 1 - quarter] - ordered[quarter] or values.max() - values.min()
    offset: float | int = ordered[middle].item() if abs(ordered[middle]) / _SPREADS > spread else 0
    reach = float(np.abs(values - offset).max())
    unit: float | int = 1 if _LEAST <= reach <= _GREATEST else 2.0 ** round(min(math.log2(reach), 1023))
    return {"offset": int(offset) if whole else offset, "unit": unit}
