"""What the explorer shows, in words and numbers: what a row is, its columns, the coordinates of the plane."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any, Literal, Self

import numpy as np

from lowerbound.archive.records import Metrics, Provenance
from lowerbound.chemistry.compared import is_of_molecules
from lowerbound.data.columns import Column
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source
from lowerbound.serve.cells import json_cells
from lowerbound.serve.service import Service
from lowerbound.text import counted

__all__ = ["Form", "Scene"]

Form = Literal["images", "counts", "table"]

# Whole numbers from 0 are shown as bars where there are so many columns of them.
_BARS = 5
# Rows that set the grey scale.
_GREY = 1000


@dataclass(frozen=True)
class Scene:
    """What is shown: `name`, of the run; its `schema`, of `width` encoded columns, each row an image of
    `image_shape` where that is given; `rows`, whose codes are shown; what is known of the run."""

    name: str
    width: int
    schema: Schema | None = None
    image_shape: tuple[int, ...] | None = None
    rows: Source | None = None
    provenance: Provenance | None = None
    metrics: Metrics | None = None

    @classmethod
    def of(cls, service: Service) -> Self:
        """The scene of a service."""
        run = service.run
        known = (service.schema, service.image_shape, service.source, run.provenance, run.metrics)
        return cls(service.name, service.width, *known)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of the table; of a model without a schema plain numbers."""
        if self.schema is not None:
            return self.schema.columns
        return tuple(Column(f"x{j}", "number", "float64") for j in range(self.width))

    @property
    def form(self) -> Form:
        """As what rows are shown."""
        if self.image_shape is not None:
            return "images"
        columns = self.columns
        counts = all(column.whole and column.numeric and (column.low or 0) >= 0 for column in columns)
        return "counts" if counts and len(columns) >= _BARS else "table"

    @property
    def grey(self) -> tuple[float, float, bool]:
        """The values that are shown as blank and as full, and whether full is ink on paper."""
        from lowerbound.figures import grey_map  # Matplotlib, which tables need not wait for

        columns = [column for column in self.columns if column.encoded]
        low = min((float(column.low) for column in columns if column.low is not None), default=0.0)
        high = max((float(column.high) for column in columns if column.high is not None), default=1.0)
        shown = np.zeros((1, 1)) if self.rows is None else self.rows.x[:_GREY]
        return min(low, 0.0), high, grey_map(shown, (min(low, 0.0), high)) == "gray_r"

    @property
    def words(self) -> str:
        """What the model is, in a sentence."""
        what = f"A variational auto-encoder of {counted(len(self.columns), 'column')}"
        if self.provenance is not None:
            what += f", trained on {_file(self.provenance.data.source)}"
        if self.rows is not None:
            what += f"; the codes of {counted(len(self.rows.x), 'row')} of {_file(self.rows.name)}"
        return what + "."

    @property
    def colourings(self) -> list[dict[str, str]]:
        """What points can be coloured by: labels, and, unless rows are images, any column."""
        if self.rows is None:
            return []
        found = []
        if self.rows.labels is not None:
            found.append({"key": "label", "name": self.rows.label or "label"})
        if self.form != "images":
            found += [
                {"key": str(place), "name": column.name}
                for place, column in enumerate(self.columns)
                if column.encoded and column.tokens is None
            ]
        return found

    def values_of(self, key: str, order: np.ndarray) -> np.ndarray | None:
        """The labels, or the column, of this key, of the rows of the numbers `order`; None where there is no
        such."""
        if self.rows is None or key not in {found["key"] for found in self.colourings}:
            return None
        if key == "label":
            return np.asarray(self.rows.labels)[order]
        place = int(key)
        if self.schema is None:
            return np.asarray(self.rows.x[order, place], float)
        encoded = [number for number, column in enumerate(self.columns) if column.encoded]
        kept = [*self.schema.apart(self.rows.x[order])][encoded.index(place)]
        return self.columns[place].restored(kept)

    def to_json(self) -> dict[str, Any]:
        """The scene as the page takes it."""
        low, high, ink = self.grey
        return {
            "name": self.name,
            "words": self.words,
            "form": self.form,
            "image_shape": self.image_shape,
            "grey": {"low": low, "high": high, "ink": ink},
            "named": self.schema is not None and self.schema.named,
            "columns": [_column(column) for column in self.columns],
            "rows": 0 if self.rows is None else len(self.rows.x),
            "colourings": self.colourings,
            "evidence": None if self.metrics is None else _evidence(self.metrics),
        }


def _file(source: str) -> str:
    """What a source is called, without the folders that it lies in."""
    return PurePath(source).name.removesuffix(" (trained on)")


def _evidence(metrics: Metrics) -> dict[str, Any]:
    return {
        "mean": metrics.log_likelihood,
        "standard_error": metrics.log_likelihood_standard_error,
        "rows": metrics.n_rows,
    }


def _column(column: Column) -> dict[str, Any]:
    """What a page must know of a column to show it and to ask for it."""
    ends: list[Any] = [None, None]
    if column.timed and column.low is not None and column.high is not None:
        dtype = column.dtype if column.time != "time" else "timedelta64[us]"
        ends = json_cells(np.array([column.low, column.high], np.int64).astype(dtype))
    elif column.numeric:
        ends = [column.low, column.high]
    return {
        "name": column.name,
        "kind": column.kind,
        "words": column.words,
        "encoded": column.encoded,
        "low": ends[0],
        "high": ends[1],
        "levels": column.levels,
        "whole": column.whole and column.numeric,
        "decimals": column.decimals,
        "molecules": is_of_molecules(column) and find_spec("rdkit") is not None,
    }
