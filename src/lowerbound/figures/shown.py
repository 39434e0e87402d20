"""What the pictures of a run are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure

from lowerbound.chemistry.compared import Molecules
from lowerbound.data.chunks import observed
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source
from lowerbound.data.tables import Columns
from lowerbound.diagnosis.diagnosis import Diagnosis
from lowerbound.evidence.evidence import Evidence
from lowerbound.figures.mosaic import grey_map
from lowerbound.inference.sampling import sample
from lowerbound.models.vae import VAE
from lowerbound.synthetic.aligned import as_columns

__all__ = ["COMPARED", "TABLE", "Drawn", "Shown"]

# Rows that set the grey scale, that samples and their neighbours are counted over, that a heat map holds, and
# that the margins of a table are of; the most columns that have names in a picture.
_GREY, COMPARED, _HEAT, TABLE, _COLUMNS = 1000, 500, 60, 2000, 128
# Molecules that are drawn for a report, in which their uniqueness is stated.
_DRAWN = 10_000

# A figure, or none with the reason as its caption; what it shows in words; its caption.
Drawn = tuple[Figure | None, str, str]


@dataclass(frozen=True)
class Shown:
    """What the pictures of a run are of.

    `x`: rows (n, d) in the data's own units, each an image of `image_shape` where that is given, with
    `labels` where they are known; `held_out`: whether none of them trained the model; `history`: of the
    training; `train`: the rows that trained the model; `evidence`, `diagnosis`: of x; `columns`: images
    beside each other; `seed`: of the samples; `schema`: what the columns are where x is of a table: one of
    at most 128 columns is shown as such.
    """

    model: VAE
    x: np.ndarray
    image_shape: tuple[int, ...] | None = None
    labels: np.ndarray | None = None
    held_out: bool = True
    history: Sequence[Mapping[str, Any]] = ()
    train: np.ndarray | None = None
    evidence: Evidence | None = None
    diagnosis: Diagnosis | None = None
    columns: int = 12
    seed: int = 0
    schema: Schema | None = None

    @classmethod
    def of(cls, model: VAE, source: Source, **options: Any) -> Self:
        """The rows of a source, with what it knows of them."""
        return cls(model, source.x, source.image_shape, source.labels, schema=source.schema, **options)

    @property
    def table(self) -> Schema | None:
        """The schema of rows that are shown as a table: no images, nor more columns than can be named, nor
        text alone."""
        schema = self.schema
        if schema is None or self.image_shape is not None or len(schema.encoded) > _COLUMNS:
            return None
        return schema if any(column.tokens is None for column in schema.encoded) else None

    @cached_property
    def molecules(self) -> Molecules | None:
        """The molecules of the rows and of the model, where a column is of such."""
        draws = COMPARED if self.diagnosis is None else _DRAWN
        return Molecules.of(self.model, self.schema, self.x, self.train, draws=draws, seed=self.seed)

    @cached_property
    def real_and_drawn(self) -> dict[str, Columns]:
        """The first rows and as many samples, with the holes of the rows, as tables in their columns' own
        units."""
        real = self.x[:TABLE]
        drawn = np.where(np.isnan(real), np.nan, sample(self.model, len(real), key=self.seed))
        return {"real": as_columns(self.schema, real), "synthetic": as_columns(self.schema, drawn)}

    @cached_property
    def rows(self) -> np.ndarray:
        """The first rows as what the model gives a probability to."""
        return observed(self.model, self.x[:_GREY], self.seed)

    @cached_property
    def look(self) -> dict[str, Any]:
        """One grey scale for every picture of images, from what is drawn."""
        if self.image_shape is None:
            return {}
        span = min(0.0, float(np.nanmin(self.rows))), float(np.nanmax(self.rows))
        return {"value_range": span, "cmap": grey_map(self.x[:_GREY])}

    @cached_property
    def samples(self) -> np.ndarray:
        """Samples of the model, observations with their noise."""
        return sample(self.model, COMPARED, key=self.seed)

    def filling(self, lines: int) -> int:
        """How many rows fill so many lines of a picture."""
        return _HEAT if self.image_shape is None else lines * self.columns
