"""The molecules of a model beside those of data: drawn, reconstructed, held out, trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from typing import Self

import numpy as np

from lowerbound.chemistry.measures import Mean, Nearest, Share, distance, nearest, same
from lowerbound.chemistry.properties import property_of
from lowerbound.data.columns import Column
from lowerbound.data.schema import Schema
from lowerbound.inference.codes import reconstruct
from lowerbound.inference.sampling import sample
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.vae import VAE

__all__ = ["COMPARED", "Molecules", "is_of_molecules", "on_encoded", "texts_of"]

# Properties that distributions are compared by; molecules of which they are computed, those whose neighbours
# are looked for, and those that are reconstructed.
COMPARED = ("logp", "qed", "sa", "weight")
_PROPERTIES, _NEAREST, _AGAIN = 2_000, 200, 2_000


@dataclass(frozen=True)
class Molecules:
    """The molecules of a model and of rows, SMILES each, of the first column of molecules; what is asked for
    is computed then, once.

    `x`: encoded rows of data; `train`: those that trained the model, where they are known; `draws`: how many
    molecules are drawn; `seed`: of these.
    """

    model: LatentModel
    schema: Schema
    x: np.ndarray
    train: np.ndarray | None = None
    draws: int = 10_000
    seed: int = 0

    @classmethod
    def of(
        cls,
        model: LatentModel,
        schema: Schema | None,
        x: np.ndarray,
        train: np.ndarray | None = None,
        *,
        draws: int = 10_000,
        seed: int = 0,
    ) -> Self | None:
        """Those of a model; None where no column is of molecules, or RDKit is not there to read them."""
        if schema is None or not any(map(is_of_molecules, schema.encoded)) or find_spec("rdkit") is None:
            return None
        return cls(on_encoded(model), schema, x, train, draws, seed)

    @property
    def column(self) -> str:
        """What the column is called."""
        return next(column.name for column in self.schema.encoded if is_of_molecules(column))

    @cached_property
    def data(self) -> list[str | None]:
        """Those of the rows."""
        return _listed(texts_of(self.schema, self.x))

    @cached_property
    def trained(self) -> list[str | None] | None:
        """Those that trained the model."""
        return None if self.train is None else _listed(texts_of(self.schema, self.train))

    @cached_property
    def drawn(self) -> list[str | None]:
        """Samples: observations of the model, not means."""
        return self.first(self.draws)

    def first(self, n: int) -> list[str | None]:
        """The first of the samples."""
        return _listed(texts_of(self.schema, sample(self.model, n, key=self.seed)))

    @cached_property
    def again(self) -> list[str | None]:
        """The likelihood's most probable molecule at the posterior mean of each of the first 2,000 rows."""
        return _listed(texts_of(self.schema, reconstruct(self.model, self.x[:_AGAIN], key=self.seed)))

    @property
    def reconstructed(self) -> Share:
        """How many of the rows come back exactly."""
        return same(self.data[: len(self.again)], self.again)

    @cached_property
    def near(self) -> Nearest | None:
        """Of the first 200 samples the most alike molecule that trained; None where those are not known."""
        return None if self.trained is None else nearest(self.drawn[:_NEAREST], self.trained)

    @cached_property
    def data_near(self) -> Nearest | None:
        """The same of the first 200 rows."""
        return None if self.trained is None else nearest(self.data[:_NEAREST], self.trained)

    @cached_property
    def properties(self) -> dict[str, dict[str, np.ndarray]]:
        """logP, QED, SA and weight of at most 2,000 `drawn` molecules, of the `data`, and of those that
        `trained` where they are known, by these names."""
        sets = {"drawn": self.drawn, "data": self.data, "trained": self.trained}
        return {
            of: {name: property_of(name, _texts(smiles)) for name in COMPARED}
            for of, smiles in sets.items()
            if smiles is not None
        }

    def apart(self, name: str, of: str) -> Mean:
        """How far the distribution of a property of `drawn` ones, or of those that `trained`, is from that
        of the data."""
        return distance(self.properties[of][name], self.properties["data"][name])


def on_encoded(model: LatentModel) -> LatentModel:
    """The model of encoded rows: without the schema by which one that was loaded reads tables."""
    return replace(model, schema=None) if isinstance(model, VAE) else model


def is_of_molecules(column: Column) -> bool:
    """Whether a column is text that is molecules."""
    return column.tokens is not None and column.tokens.of_molecules


def texts_of(schema: Schema, x: np.ndarray) -> np.ndarray:
    """The SMILES of encoded rows, of the first column of molecules."""
    for column, kept in zip(schema.encoded, schema.apart(np.asarray(x)), strict=True):
        if is_of_molecules(column):
            return column.restored(kept)
    raise ValueError("expected a column of molecules, found none")


def _listed(texts: np.ndarray) -> list[str | None]:
    return texts.tolist()


def _texts(smiles: Sequence[str | None]) -> list[str]:
    return [each for each in smiles if each is not None][:_PROPERTIES]
