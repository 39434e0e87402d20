"""A loaded run: the verbs over rows, each in a fixed shape, and the programs that they need."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.refused import never_held
from lowerbound.data.rows import Rows, checked, with_mass
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source
from lowerbound.data.tables import Columns
from lowerbound.evidence.defaults import ERROR, SAMPLES
from lowerbound.evidence.evidence import Evidence
from lowerbound.evidence.ladder import ladder as ladder_of
from lowerbound.evidence.ladder import log_evidence
from lowerbound.evidence.rungs import Rung
from lowerbound.models.vae import VAE
from lowerbound.runs import RunFolder
from lowerbound.serve.errors import Refused, of_data
from lowerbound.serve.row_form import RowForm, matrix_of
from lowerbound.serve.table import Table

if TYPE_CHECKING:
    from lowerbound.inference.imputation import Imputation

__all__ = ["DRAWS", "Scored", "Service"]

# Of an imputation so many are drawn always, since another number would be another program.
DRAWS = 20

_LARGEST = float(np.finfo(np.float32).max)

Raw = Sequence[Any] | Columns


@dataclass(frozen=True)
class Scored:
    """log p(x) of n rows, and why that is −∞ where it is, by the row's number."""

    evidence: Evidence
    outside: Mapping[int, str]


@dataclass(frozen=True)
class Service:
    """A run that is served: its rows as requests have them, and what is computed of them.

    `source` are rows whose codes the explorer shows; `calibration` the log p(x) of usual rows, sorted, among
    which p-values are ranks; `key` and `budget` are those of the estimator, where the run is of one, so that
    numbers are those that it gives.
    """

    run: RunFolder
    source: Source | None = None
    calibration: np.ndarray | None = None
    key: int = 0
    method: Any = "auto"
    samples: int = SAMPLES
    error: float | None = ERROR

    @classmethod
    def of(
        cls, folder: Path | RunFolder, source: Source | None = None, calibration: Source | None = None
    ) -> Self:
        """The run in a folder, with rows to show and usual rows.

        **Raises:** as [`RunFolder`][lowerbound.runs.RunFolder]; `ValueError` for a model that receives a
        condition.
        """
        run = folder if isinstance(folder, RunFolder) else RunFolder.read(folder)
        if run.model.takes_given:
            raise ValueError(f"{run.path}: expected a model without a condition of its own, found one")
        estimator = run.estimator
        made = cls(run, source)
        if estimator is not None:
            made = replace(
                made,
                key=estimator.seed_,
                method=estimator.evidence_method,
                samples=estimator.evidence_samples,
                error=estimator.evidence_error,
                calibration=estimator.calibration_scores_ if len(estimator.calibration_scores_) else None,
            )
        if calibration is not None:
            usual = made.log_evidence(calibration.rows)
            made = replace(made, calibration=np.sort(usual.log_prob.astype(np.float64)))
        return made

    @property
    def name(self) -> str:
        """What the run is called: its folder."""
        return self.run.path.resolve().name

    @property
    def model(self) -> VAE:
        """The model, whose rows are encoded ones."""
        return self.run.model

    @property
    def schema(self) -> Schema | None:
        """What the columns are; None where the run keeps none."""
        return self.run.schema

    @cached_property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return int(self.model.event().shape[0])

    @cached_property
    def latent_dim(self) -> int:
        """How many numbers a code has."""
        return int(self.model.event().latent.size or 0)

    @cached_property
    def form(self) -> RowForm:
        """What a row is in JSON."""
        return RowForm(self.schema, self.width)

    @cached_property
    def _plain(self) -> bool:
        """Whether an encoded row is the numbers of a request as they are, whichever they are."""
        return (
            self.schema is not None
            and not self.schema.named
            and self.schema.as_it_is
            and all(column.kind in ("number", "whole", "bit", "grey") for column in self.schema.columns)
        )

    @cached_property
    def with_holes(self) -> tuple[VAE, Schema | None]:
        """Model and schema that take missing values.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where the model has no such thing.
        """
        schema = None if self.schema is None else self.schema.taking_missing()
        try:
            return cast(VAE, self.model.taking_missing()), schema
        except TypeError as error:
            raise Refused("not_possible", str(error)) from None

    def read(self, raw: Raw) -> Columns:
        """Rows of a request as columns, typed."""
        return raw if isinstance(raw, Columns) else self.form.read(raw)

    def rows(self, read: Columns, *, holes: bool = False, impossible: bool = False) -> Rows:
        """Columns as encoded rows that are looked at once; with `impossible` some may have probability 0.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for values that the columns cannot have;
        [`DataError`][lowerbound.data.errors.DataError] for those outside the model's support.
        """
        if self._plain and not holes and isinstance(read.arrays, np.ndarray):
            x = _in_range(read.arrays.T)
            if x is not None:  # else the way that finds what is wrong
                rows = Rows(x, schema=self.schema)
                return rows if impossible else checked(self.model, rows, name="rows")
        model, schema = self.with_holes if holes else (self.model, self.schema)
        if schema is None:
            return checked(model, _as_float(Rows(np.asarray(read.arrays).T)), name="rows")
        held = schema.held_against(read, "rows")
        rows = schema.rows(held, name="rows")
        if len(rows.impossible):
            self._check_levels(schema, held)
            if not impossible:
                raise of_data(never_held(schema, held, int(rows.impossible[0]), len(rows.impossible), "rows"))
        rows = _as_float(rows)
        return rows if impossible else checked(model, rows, name="rows")

    def codes(self, raw: Any) -> np.ndarray:
        """Codes of a request as float32, (n, latent_dim)."""
        if isinstance(raw, np.ndarray):
            if raw.ndim != 2 or raw.shape[1] != self.latent_dim:
                expected = f"an array (n, {self.latent_dim})"
                found = " × ".join(map(str, raw.shape))
                raise Refused("wrong_width", f"expected {expected}, found {found}", "", expected, found)
            codes = raw
        else:
            codes = matrix_of(raw, self.latent_dim)
        with np.errstate(over="ignore"):
            codes = codes.astype(np.float32, copy=False)
        if not np.isfinite(codes).all():
            row = int((~np.isfinite(codes).all(1)).argmax())
            raise Refused(
                "wrong_value", f"expected finite numbers in code {row}", f"[{row}]", "finite numbers"
            )
        return codes

    def encode(self, rows: Rows) -> np.ndarray:
        """The posterior means, (n, latent_dim)."""
        from lowerbound.inference.codes import encode

        return encode(self.model, rows, key=self.key)

    def decode(self, codes: np.ndarray) -> Table:
        """The likelihood's means, or most probable levels, as rows of the table."""
        from lowerbound.inference.codes import decode

        return self.table(decode(self.model, codes))

    def table(self, x: np.ndarray) -> Table:
        """Encoded rows as rows of the table."""
        columns, _ = self.run.own_units(x)
        return self.form.table(columns)

    def log_evidence(self, rows: Rows, seed: int | None = None, method: Any = None) -> Evidence:
        """log p(x) of encoded rows, as the estimator or [`lowerbound.log_evidence`][] gives it."""
        return log_evidence(
            self.model,
            rows,
            method=method or self.method,
            samples=self.samples,
            error=self.error,
            key=self.key if seed is None else seed,
        )

    @cached_property
    def climbs(self) -> bool:
        """Whether a row whose number does not hold goes on to another method."""
        return len(self.ladder) > 1

    @cached_property
    def ladder(self) -> tuple[Rung, ...]:
        """The methods that a row may come to, in order."""
        return ladder_of(self.method, self.model.event().latent)

    def score(self, read: Columns, seed: int | None = None, *, quickly: bool = False) -> Scored:
        """log p(x) of each row, −∞ where the model has no mass; `quickly` by the first method alone."""
        rows = self.rows(read, impossible=True)
        inside, _ = with_mass(self.model, rows, "rows")
        outside: dict[int, str] = {}
        inside[rows.impossible] = False
        for row in np.flatnonzero(~inside).tolist():
            outside[row] = self._why(read.of_rows([row]))
        if not inside.any():
            return Scored(_nothing(rows, self.model.event().measure), outside)
        method = self.ladder[0].name if quickly else self.method
        return Scored(self.log_evidence(rows[inside], seed, method).among(inside), outside)

    def p_values(self, read: Columns) -> np.ndarray:
        """Conformal p-values among the calibration rows.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where there are none.
        """
        from lowerbound.anomalies.conformal import conformal_p_values

        if self.calibration is None:
            raise Refused(
                "no_calibration",
                "the run has no calibration rows; name usual rows that had no part in the model, as "
                "--calibration DATA, where the server is started",
            )
        estimator = self.run.estimator
        if estimator is not None and estimator.panel_ is not None:
            scores = estimator._scores(self.rows(read))
        else:
            scored = self.score(read)
            scores = scored.evidence.log_prob.astype(np.float64)
        return conformal_p_values(scores, self.calibration)

    def surprise(self, read: Columns) -> np.ndarray:
        """Of each encoded column given the others, in nats, (n, width)."""
        from lowerbound.anomalies.surprise import surprise

        _ = self.with_holes
        budget: dict[str, Any] = {"samples": self.samples, "error": self.error, "key": self.key}
        return surprise(self.model, self.rows(read), **budget).surprise

    def sample(self, count: int, *, mean: bool = False, seed: int | None = None) -> Table:
        """Rows from the model."""
        from lowerbound.inference.sampling import sample

        return self.table(sample(self.model, count, key=_seed(seed), mean=mean))

    def sample_given(
        self, given: Mapping[str, Any], count: int, *, mean: bool = False, seed: int | None = None
    ) -> tuple[Table, float, int]:
        """Rows given some columns, how many samples of z are effective, and of how many.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused].
        """
        import warnings

        from lowerbound.inference.completion import completed_columns
        from lowerbound.inference.condition import Condition
        from lowerbound.inference.sampling import sample_given

        if self.schema is None:
            raise Refused("not_possible", "given names columns, and this run keeps no schema of a table")
        try:
            condition = Condition.of(self.schema, given)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the effective size is part of the answer
                drawn = sample_given(self.model, condition, count, key=_seed(seed), mean=mean)
        except DataError as error:
            known = error.place.column is not None
            raise of_data(error, "given", "wrong_value" if known else "unknown_column") from None
        except TypeError as error:
            raise Refused("not_possible", str(error)) from None
        columns = completed_columns(self.schema, condition.repeated(count), drawn.x)
        return self.form.table(columns), drawn.effective_sample_size, drawn.samples

    def impute(
        self, read: Columns, *, interval: float = 0.9, seed: int | None = None
    ) -> tuple[Imputation, list[Table]]:
        """All that is known of holes, and its tables: means, ends of intervals, and draws."""
        from lowerbound.inference.completion import completed_columns
        from lowerbound.inference.imputation import imputed

        model, schema = self.with_holes
        rows = self.rows(read, holes=True)
        found = imputed(model, rows, draws=DRAWS, interval=interval, key=self.key if seed is None else seed)

        def completed(x: np.ndarray) -> Table:
            if schema is None:
                return self.table(x)
            return self.form.table(completed_columns(schema, read, x))

        return found, [*map(completed, (found.mean, found.lower, found.upper, *found.draws))]

    def _check_levels(self, schema: Schema, held: Columns) -> None:
        """Whether all categories have levels that the model saw."""
        for column, values in zip(schema.columns, held.arrays, strict=True):
            if column.levels is None or not (unseen := column.unseen(values)).any():
                continue
            row = int(unseen.argmax())
            some = ", ".join(column.levels[:8]) + (", …" if len(column.levels) > 8 else "")
            found = repr(values[row])
            message = f"expected a level of {column.name!r}, found {found} in row {row}"
            raise Refused("unknown_level", message, f"[{row}].{column.name}", f"one of {some}", found)

    def _why(self, row: Columns) -> str:
        """Why the model has no mass at a row."""
        try:
            self.rows(row)
        except Refused as refused:
            return refused.message
        except DataError as error:
            return of_data(error).message
        return "the model has no mass there"


def _seed(seed: int | None) -> int:
    """A seed; one that no one knows where none is given."""
    return secrets.randbits(31) if seed is None else seed


def _as_float(rows: Rows) -> Rows:
    """Rows in float32, as programs take them: of another type they would be other programs."""
    return replace(rows, x=np.ascontiguousarray(rows.x, np.float32))


def _in_range(x: np.ndarray) -> np.ndarray | None:
    """Numbers in float32, None where one is beyond it, or missing."""
    if not x.size or not float(np.abs(x).max()) <= _LARGEST:  # NaN is not
        return None
    return np.ascontiguousarray(x, np.float32)


def _nothing(rows: Rows, measure: str) -> Evidence:
    """What is known of rows none of which has a density."""
    n = len(rows)
    one, none = np.full(n, -np.inf), np.full(n, np.nan)
    return Evidence(
        **{"log_prob": one, "standard_error": none, "effective_sample_size": none, "k_hat": none},
        **{"elbo": one, "distortion": -one, "samples": np.zeros(n, int), "method": np.full(n, "outside")},
        **{"reliable": np.ones(n, bool), "group": np.arange(n)},
        dimensions=rows.x.shape[1],
        measure=measure,
    )
