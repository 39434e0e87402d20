"""What is evaluated and reported on: a model, an estimator or a run, with what is known of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lowerbound.archive.records import HistoryRecord, Provenance
from lowerbound.baselines import Density
from lowerbound.baselines.comparison import TrainedOn
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source
from lowerbound.models.vae import VAE
from lowerbound.runs import RunFolder, as_source

if TYPE_CHECKING:
    from lowerbound.estimator.estimator import VariationalAutoencoder

__all__ = ["Subject"]

_NO_ROWS = TrainedOn()


@dataclass(frozen=True)
class Subject:
    """A model with what is known of how it was trained: what is evaluated and reported on."""

    model: VAE
    trained_on: TrainedOn = _NO_ROWS
    history: Sequence[HistoryRecord] = ()
    baselines: Mapping[str, Density] | None = None
    provenance: Provenance | None = None
    settings: Mapping[str, Any] | None = None  # an estimator's
    folder: RunFolder | None = None
    schema: Schema | None = None  # an estimator's

    @classmethod
    def of(cls, what: VAE | VariationalAutoencoder | RunFolder | str | os.PathLike[str]) -> Subject:
        """A model, a fitted estimator, or a run, which may be named by its folder.

        **Raises:** `TypeError` for anything else.
        """
        if isinstance(what, Subject):
            return what
        if isinstance(what, VAE):
            schema = what.schema if isinstance(what.schema, Schema) else None
            return cls(replace(what, schema=None), schema=schema)  # by which rows are encoded here
        if isinstance(what, (str, os.PathLike)):
            what = RunFolder.read(what)
        if isinstance(what, RunFolder):
            run = what
            return cls(run.model, run.trained_on, run.history, run.baselines, run.provenance, folder=run)
        from lowerbound.estimator.estimator import VariationalAutoencoder

        if isinstance(what, VariationalAutoencoder):
            return cls(
                what.model_,
                what.trained_on_,
                what.history_,
                settings=what.get_params(),
                schema=what.schema_,
            )
        raise TypeError(
            f"expected a model, a fitted estimator, or a run or its folder, found {type(what).__name__}"
        )

    def rows(self, x: Any) -> Source:
        """Rows as the model was trained on: a run finds its columns by name."""
        if self.folder is not None:
            return self.folder.rows(x)
        if self.schema is not None:
            return as_source(x, schema=self.schema)
        return as_source(x, missing=self.model.takes_missing)
