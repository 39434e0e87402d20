"""What a file is found to hold: rows, and the labels of them where its format says which they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lowerbound.data.tables import Columns

__all__ = ["Contents"]


@dataclass(frozen=True)
class Contents:
    """An array or columns, and `labels`, one a row, by the name `label`, where the file sets them apart;
    `files`, the names of the files that rows are of, where each has one; `kinds`, what the format says that
    columns are, by name."""

    data: np.ndarray | Columns
    labels: np.ndarray | None = None
    label: str | None = None
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def apart(cls, x: np.ndarray, y: np.ndarray, label: str, note: str) -> Contents:
        """Rows `x` with the labels `y`, where there is one a row; else `x` alone."""
        if y.ndim == 2 and 1 in y.shape:
            y = y.ravel()
        if y.ndim != 1 or len(y) != len(x):
            return cls(x)
        return cls(x, y, label, (note,))
