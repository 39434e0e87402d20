"""A loaded run: the verbs over rows, each in a fixed shape, and the programs that they need."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.rows import Rows, with_mass
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
from lowerbound.serve.reader import Reader
from lowerbound.serve.row_form import RowForm
from lowerbound.serve.table import Table

if TYPE_CHECKING:
    from lowerbound.inference.imputation import Imputation

__all__ = ["DRAWS", "Scored", "Service"]

# Of an imputation so many are drawn always, since another number would be another program.
DRAWS = 20


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

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """The shape of a row, where it is an image."""
        of_schema = None if self.schema is None else self.schema.image_shape
        return of_schema or self.run.image_shape

    @property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return self.reader.width

    @property
    def latent_dim(self) -> int:
        """How many numbers a code has."""
        return self.reader.latent_dim

    @cached_property
    def reader(self) -> Reader:
        """Rows and codes of requests as the model takes them."""
        return Reader(self.model, self.schema)

    @property
    def form(self) -> RowForm:
        """What a row is in JSON."""
        return self.reader.form

    @property
    def with_holes(self) -> tuple[VAE, Schema | None]:
        """Model and schema that take missing values; [`Reader.with_holes`][]."""
        return self.reader.with_holes

    def rows(self, read: Columns, *, holes: bool = False, impossible: bool = False) -> Rows:
        """Columns as encoded rows; [`Reader.rows`][]."""
        return self.reader.rows(read, holes=holes, impossible=impossible)

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
            outside[row] = self.reader.why(read.of_rows([row]))
        if not inside.any():
            return Scored(_nothing(rows, self.model.event().measure), outside)
        method = self.ladder[0].name if quickly else self.method
        return Scored(self.log_evidence(rows[inside], seed, method).among(inside), outside)

    def p_values(self, read: Columns) -> np.ndarray:
        """Conformal p-values among the calibration rows.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where there are none.
        """
        from lowerbound.conformal import conformal_p_values

        if self.calibration is None:
            raise Refused(
                "no_calibration",
                "the run has no calibration rows; name usual rows that had no part in the model, as "
                "--calibration DATA, where the server is started",
            )
        estimator = self.run.estimator
        if estimator is not None and estimator.panel_ is not None:
            scores = estimator.usualness(self.rows(read))
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


def _seed(seed: int | None) -> int:
    """A seed; one that no one knows where none is given."""
    return secrets.randbits(31) if seed is None else seed


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
