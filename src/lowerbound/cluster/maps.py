"""The row maps there are: scores, codes, and completed tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from jaxtyping import Float

from lowerbound.cluster.row_map import RowMap
from lowerbound.cluster.sifted import Sifted
from lowerbound.conformal import conformal_p_values
from lowerbound.data.declared import as_arrow
from lowerbound.data.tables import Columns
from lowerbound.evidence.defaults import CHAINS, SAMPLES, Method
from lowerbound.evidence.ladder import log_evidence
from lowerbound.inference.codes import encode
from lowerbound.inference.completion import completed_columns
from lowerbound.inference.imputation import impute

__all__ = ["MAPS", "Encode", "Impute", "Score", "What", "row_map"]

_SCORES = ("log_prob", "standard_error", "effective_sample_size", "k_hat")


@final
@dataclass(frozen=True, eq=False)
class Score(RowMap):
    """Log p(x) in nats, with its standard error, effective sample size and Pareto k-hat, by
    [`log_evidence`][lowerbound.evidence.ladder.log_evidence]; with the log p(x) of usual rows as its
    `calibration` the conformal p-value besides. Of a row outside the model's support log p(x) is −∞."""

    samples: int = SAMPLES
    chains: int = CHAINS
    method: Method = "auto"
    calibration: Float[np.ndarray, " m"] | None = None

    name: ClassVar[str] = "score"

    @property
    def types(self) -> dict[str, Any]:
        import pyarrow as pa

        names = _SCORES if self.calibration is None else (*_SCORES, "p_value")
        return dict.fromkeys(names, pa.float64())

    def computed(self, read: Columns, rows: Sifted) -> Sequence[np.ndarray]:
        found = None
        if rows.rows is not None:
            budget: dict[str, Any] = {"samples": self.samples, "chains": self.chains, "method": self.method}
            evidence = log_evidence(self.run.model, rows.rows, key=self.seed, **budget)
            found = np.stack([getattr(evidence, name) for name in _SCORES], axis=1).astype(float)
        log_prob, *others = rows.spread(found, len(_SCORES)).T
        log_prob[rows.impossible] = -np.inf
        if self.calibration is not None:
            known = ~np.isnan(log_prob)
            others.append(np.full(len(log_prob), np.nan))
            others[-1][known] = conformal_p_values(log_prob[known], self.calibration)
        return [log_prob, *others]


@final
@dataclass(frozen=True, eq=False)
class Encode(RowMap):
    """The posterior means E[z∣x], `z0`, `z1`, …, or codes fitted in so many `steps`, by
    [`encode`][lowerbound.inference.codes.encode]."""

    steps: int = 0

    name: ClassVar[str] = "encode"

    @property
    def types(self) -> dict[str, Any]:
        import pyarrow as pa

        return {f"z{i}": pa.float32() for i in range(self.run.model.event().latent.size or 0)}

    def computed(self, read: Columns, rows: Sifted) -> Sequence[np.ndarray]:
        codes = None
        if rows.rows is not None:
            codes = encode(self.run.model, rows.rows, steps=self.steps, key=self.seed)
        return [*rows.spread(codes, len(self.types)).T]


@final
@dataclass(frozen=True, eq=False)
class Impute(RowMap):
    """The columns of the run's table with their holes filled by means and most probable levels, as
    [`impute`][lowerbound.inference.imputation.impute] does from `samples` samples a row; what was observed is
    as it was. Numbers are float64, since a mean of whole ones need not be whole; a row that is refused keeps
    its holes."""

    samples: int = 1000

    name: ClassVar[str] = "impute"
    with_holes: ClassVar[bool] = True

    @property
    def types(self) -> dict[str, Any]:
        schema, model = self.encoding, self.run.model
        nothing = np.zeros((1, model.event().shape[0]))
        if schema is None:
            columns, names = self.run.own_units(nothing)
            return {name: _type_of(column, True) for name, column in zip(names, columns, strict=True)}
        return {
            column.name: _type_of(values, column.kind != "identifier")
            for column, values in zip(schema.columns, schema.restored(nothing), strict=True)
        }

    def computed(self, read: Columns, rows: Sifted) -> Sequence[np.ndarray]:
        filled = None
        if rows.rows is not None:
            options: dict[str, Any] = {"samples": self.samples, "key": self.seed, "mean": True}
            filled = impute(self.run.model, rows.rows, **options)
        x = rows.spread(filled, self.run.model.event().shape[0])
        if self.encoding is None:
            return [*x.T]
        return completed_columns(self.encoding, read, x)


def _type_of(column: np.ndarray, real: bool) -> Any:
    """The pyarrow type of a column whose numbers may be filled with `real` ones; text where nothing tells."""
    import pyarrow as pa

    kind = as_arrow(column).type
    if pa.types.is_null(kind):
        return pa.string()
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return pa.float64() if number and real else kind


What = Literal["score", "encode", "impute"]
MAPS: Mapping[str, type[RowMap]] = {each.name: each for each in (Score, Encode, Impute)}


def row_map(what: What, folder: str | os.PathLike[str], **options: Any) -> RowMap:
    """The row map by its name, of a run.

    **Raises:** `ValueError` for another name.

    >>> row_map("scores", "runs/adult")
    Traceback (most recent call last):
    ...
    ValueError: what: expected score, encode, impute, found 'scores'
    """
    if what not in MAPS:
        raise ValueError(f"what: expected {', '.join(MAPS)}, found {what!r}")
    return MAPS[what](folder, **options)
