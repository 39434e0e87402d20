"""Scores by name: a column of the model, a property of its molecules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from lowerbound.chemistry.compared import is_of_molecules
from lowerbound.chemistry.properties import PROPERTIES, property_of
from lowerbound.data.schema import Schema
from lowerbound.data.tables import columns_of
from lowerbound.parts import nearest

__all__ = ["Named", "OfMolecules", "score_named"]


class Named(NamedTuple):
    """A score as [`search`][lowerbound.searching.search.search] takes it, and the columns that it is of; None
    for all."""

    score: Callable[[Any], Any] | str
    columns: str | None = None


@dataclass(frozen=True)
class OfMolecules:
    """A property of each molecule of a table whose one column is SMILES: one of
    [`PROPERTIES`][lowerbound.chemistry.properties], NaN of what is no molecule.

    >>> import pyarrow
    >>> OfMolecules("weight")(pyarrow.table({"smiles": ["C", "C(C"]})).round(3).tolist()
    [16.043, nan]
    """

    name: str

    def __call__(self, table: Any) -> Float[np.ndarray, " n"]:
        (smiles,) = columns_of(table).arrays
        return property_of(self.name, smiles.tolist())


def score_named(name: str, schema: Schema | None) -> Named:
    """The score that `name` names: a column of the model, else a property of the molecules in a column of
    it, such as `qed`.

    **Raises:** `ValueError` for what is none of these, with the nearest.
    """
    names = () if schema is None else schema.names
    if name in names or schema is None:
        return Named(name)
    molecules = [column.name for column in schema.columns if is_of_molecules(column)]
    if name in PROPERTIES:
        if len(molecules) != 1:
            found = f"{len(molecules)}" if molecules else "none"
            raise ValueError(f"score: {name} is of the one column of molecules; the model has {found}")
        return Named(OfMolecules(name), molecules[0])
    known = [*names, *(PROPERTIES if molecules else ())]
    raise ValueError(f"score: no column {name!r}; {nearest(name, known)}")
