"""A model beside its baselines on the same rows, in the same measure."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import Bool, UInt32

from lowerbound.archive.records import BaselineScore, Metrics
from lowerbound.baselines.density import Density
from lowerbound.data.chunks import observed
from lowerbound.data.errors import DataError
from lowerbound.data.numbers import numbered_blocks
from lowerbound.data.pieces import rows_of
from lowerbound.data.rows import Rows, checked, rows_outside
from lowerbound.data.sources import Source
from lowerbound.evidence.defaults import CHAINS, SAMPLES, Method
from lowerbound.evidence.evidence import Evidence
from lowerbound.evidence.ladder import Callback, log_evidence
from lowerbound.inference.fingerprints import among, count_among, fingerprints, numbers_of
from lowerbound.models.vae import VAE
from lowerbound.statistics import Difference, paired_difference, standard_error_of_mean
from lowerbound.text import counted, named_rows, spaced, with_error

__all__ = [
    "Evaluation",
    "Known",
    "OutsideWarning",
    "TrainedOn",
    "baseline_ahead",
    "compared",
    "differences",
    "finite_evidence",
    "finite_rows",
    "not_reliable",
    "scorable",
]

_CHANCE = 1e-3
# Cells of the rows that are scored by a baseline together: 64 MB of numbers.
_TOGETHER = 1 << 24
# Rows of more than memory holds that are drawn for pictures and a diagnosis.
_SHOWN = 20_000
_NO_ROWS = np.zeros((0, 2), np.uint32)


class Known(NamedTuple):
    """How many rows `trained` a model, how many `chose` it, and how many are the equals of such rows only
    because rows repeat in the data (`repeated`)."""

    trained: int
    chose: int
    repeated: int


def _are_prints(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == np.uint32 and array.shape[1:] == (2,)


class TrainedOn(NamedTuple):
    """The fingerprints of the rows that trained a model, and of those that chose it; of rows beyond memory a
    `share` of them, the least: counts are then those of such rows, divided by it."""

    train: UInt32[np.ndarray, "n 2"] = _NO_ROWS
    validation: UInt32[np.ndarray, "m 2"] = _NO_ROWS
    share: float = 1.0

    @classmethod
    def of(cls, kept: Any) -> Self:
        """The fingerprints of which a file holds this, arrays by name.

        **Raises:** `TypeError` for anything else.
        """
        found = cls(**kept)
        if not (_are_prints(found.train) and _are_prints(found.validation)):
            raise TypeError("expected fingerprints of rows")
        if not isinstance(found.share, float) or not 0 < found.share <= 1:
            raise TypeError(f"expected a share of them above 0, at most 1, found {found.share!r}")
        return found

    def among(self, prints: UInt32[np.ndarray, "k 2"]) -> Known:
        """How many rows of these fingerprints had a part in the model.

        Data whose rows repeat have equals among new rows too. So many are no sign of a leak: a new row has
        one among n training rows about as often as these have one among each other (D of n), and among the
        validation rows as often as training rows have. Rows count as trained on, or as having chosen the
        model, where as many as were found are less likely than 1 in 1,000: by the beta-binomial distribution
        of k rows, whose rate is Beta(D, n − D + 1), which is 0 where no row repeats.

        >>> bits = np.array([[0, 0], [0, 1], [1, 1]] * 20)
        >>> TrainedOn(fingerprints(bits)).among(fingerprints(bits[:30]))        # no one can tell
        Known(trained=0, chose=0, repeated=30)
        >>> lengths = np.linspace(0, 1, 60)[:, None]
        >>> TrainedOn(fingerprints(lengths)).among(fingerprints(lengths[:30]))
        Known(trained=30, chose=0, repeated=0)
        """
        if self.share < 1:
            prints = prints[numbers_of(prints) < np.uint64(self.share * 2.0**64)]
        twice = len(self.train) - int((np.unique(numbers_of(self.train), return_counts=True)[1] == 1).sum())
        # Where few rows repeat, pairs, the equals of both kinds of rows are as many as these rows.
        share = len(self.validation) / max(len(self.train), 1)
        expected = (twice, max(count_among(self.train, self.validation), math.ceil(twice * share)))
        both = (self.train, self.validation)
        found = [count_among(prints, known) for known in both]
        had_part = [
            _beyond(count, len(prints), equals, len(self.train))
            for count, equals in zip(found, expected, strict=True)
        ]
        repeats = [known for known, part in zip(both, had_part, strict=True) if not part]
        counts = [count if part else 0 for count, part in zip(found, had_part, strict=True)]
        counts.append(count_among(prints, np.concatenate([_NO_ROWS, *repeats])))
        return Known(*(round(count / self.share) for count in counts))

    def rows_among(self, x: np.ndarray) -> np.ndarray:
        """Those rows of `x` that trained the model, so far as that is known.

        >>> x = np.arange(6).reshape(3, 2)
        >>> TrainedOn(fingerprints(x[:1])).rows_among(x).tolist()
        [[0, 1]]
        """
        return x[among(fingerprints(x), self.train)]


def _beyond(count: int, rows: int, equals: int, of: int) -> bool:
    """Whether `count` of `rows` are more than chance has it, where `equals` of `of` are usual."""
    if not (count and equals):
        return count > 0
    from scipy.stats import betabinom  # takes as long to import as JAX

    return bool(betabinom.sf(count - 1, rows, equals, of - equals + 1) < _CHANCE)


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and the evidence of each row behind it."""

    metrics: Metrics  # of the rows whose evidence is finite
    evidence: Evidence


def compared(
    model: VAE,
    source: Source,
    baselines: Mapping[str, Density],
    trained_on: TrainedOn,
    *,
    samples: int = SAMPLES,
    chains: int = CHAINS,
    method: Method = "auto",
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    unfinished: str | Path | None = None,
) -> Evaluation:
    """The bound and log p(x) of a model on the rows of a source, and its baselines on the same.

    All log-likelihoods are means over rows in nats, in the measure that `measure` names; each has its
    standard error over rows, and log p(x) that of its samples besides. A baseline's difference to the model
    is paired over rows. Rows whose log p(x) or bound is not finite are named (`rows_not_finite`), among them
    those outside the model's support, where it is −∞; the figures are those of the others. `samples`,
    `chains`, `method`, `callbacks`, `unfinished`: those of
    [`log_evidence`][lowerbound.evidence.ladder.log_evidence].

    **Raises:** `FloatingPointError` where no row's log p(x) is finite.
    """
    x, clock = source.x, time.perf_counter()
    rows, inside = scorable(model, source)
    evidence = log_evidence(
        model,
        rows,
        samples=samples,
        chains=chains,
        method=method,
        key=seed,
        callbacks=callbacks,
        unfinished=unfinished,
    ).among(inside)
    seconds = time.perf_counter() - clock
    finite = evidence.finite
    if not finite.any():
        raise FloatingPointError(f"log p(x) is finite for none of the {len(x)} rows")
    scored, known = evidence[finite], trained_on.among(fingerprints(x)[inside])
    metrics = Metrics(
        elbo=float(scored.elbo.mean()),
        elbo_standard_error=standard_error_of_mean(scored.elbo),
        log_likelihood=scored.mean,
        log_likelihood_standard_error=scored.mean_standard_error,
        log_likelihood_monte_carlo_error=scored.monte_carlo_error,
        log_likelihood_total_error=scored.total_error,
        log_likelihood_bias=scored.bias,
        samples=int(scored.samples.max()),
        methods=scored.methods,
        rows_not_reliable=int((~scored.reliable).sum()),
        bits_per_dim=scored.bits_per_dim,
        rate=float(scored.rate.mean()),
        distortion=float(scored.distortion.mean()),
        measure=evidence.measure,
        n_rows=len(x),
        n_dims=x.shape[1],
        rows_not_finite=tuple(np.flatnonzero(~finite).tolist()),
        rows_trained_on=known.trained,
        rows_that_chose_the_model=known.chose,
        rows_repeated=known.repeated,
        seconds=seconds,
        examples_per_second=len(x) / seconds,
        baselines={
            name: _score(_log_prob(baseline, model, x, finite, seed), baseline.note, scored)
            for name, baseline in baselines.items()
        },
    )
    return Evaluation(metrics, evidence)


class OutsideWarning(UserWarning):
    """Rows lie where a model has no mass."""


def scorable(model: VAE, source: Source) -> tuple[Rows, Bool[np.ndarray, " n"]]:
    """The rows that lie where the model has mass, and which they are; others, also those that hold what a
    column of the schema never did, are named in an [`OutsideWarning`][].

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] where none does, and for what is wrong with
    more than single rows, such as another number of columns.
    """
    rows, fault = source.rows, source.fault
    outside = np.zeros(len(rows), bool)
    outside[rows.impossible] = True
    try:
        rows = checked(model, rows, name=source.name)
    except DataError as error:
        beyond = rows_outside(model, rows.x) if error.place.row is not None else np.zeros(len(rows), bool)
        if not beyond.any():
            raise
        outside, fault = outside | beyond, fault or error
    if fault is None:
        return rows, ~outside
    if outside.all():
        raise fault
    left_out = named_rows(np.flatnonzero(outside).tolist())
    words = f"{fault}. log p(x) is −∞ for {left_out}, counted from 0: left out of the figures"
    warnings.warn(words, OutsideWarning, stacklevel=3)
    return checked(model, rows[~outside], name=source.name), ~outside


def _log_prob(
    baseline: Density, model: VAE, x: np.ndarray, which: Bool[np.ndarray, " n"], seed: int
) -> np.ndarray:
    """A baseline's of some rows, as the model observes them, of which a few at a time are taken."""
    parts = [
        baseline.log_prob(observed(model, block[own], seed))
        for first, block in numbered_blocks(x, _TOGETHER)
        if (own := which[first : first + len(block)]).any()
    ]
    return np.concatenate(parts)


def _score(log_prob: np.ndarray, note: str, scored: Evidence) -> BaselineScore:
    paired = paired_difference(scored.log_prob, log_prob, scored.standard_error, scored.group)
    error = standard_error_of_mean(log_prob)
    return BaselineScore(float(log_prob.mean()), error, *paired, note=note)


def not_reliable(metrics: Metrics) -> str:
    """Of how many rows log p(x) and its error cannot be relied on, and what to do; empty where of none."""
    rows = metrics.rows_not_reliable
    if not rows:
        return ""
    whole = metrics.n_rows - len(metrics.rows_not_finite)
    why = "no method held"
    if set(metrics.methods) == {"importance"}:
        why = "samples of q(z∣x) alone may miss where the mass is"
    return (
        f"log p(x) of {rows:,} of {counted(whole, 'row')} cannot be relied on, since {why}: it is likely too "
        "low, and its error too small"
    )


def baseline_ahead(metrics: Metrics) -> str:
    """The baseline that wins: of those whose log p(x) is above the model's by more than two paired errors the
    one furthest above, and by how much; empty where there is none."""
    ahead = {
        name: score
        for name, score in metrics.baselines.items()
        if score.difference < -2 * score.difference_standard_error
    }
    if not ahead:
        return ""
    name = min(ahead, key=lambda name: ahead[name].difference)
    gain = with_error(-ahead[name].difference, ahead[name].difference_standard_error)
    return f"A baseline wins: {spaced(name)} is {gain} nats a row above this model"


def finite_rows(source: Source, evaluation: Evaluation) -> Source:
    """The rows of `source` whose log p(x) and bound are finite; of rows beyond memory those of them that are
    drawn, in memory."""
    numbers = _finite_numbers(source, evaluation)
    labels = None if source.labels is None else source.labels[numbers]
    some = replace(source, x=rows_of(source.x, numbers), labels=labels, sketch=None)
    return replace(some, impossible=source.rows[numbers].impossible)


def finite_evidence(source: Source, evaluation: Evaluation) -> Evidence:
    """The evidence of the [`finite_rows`][]."""
    return evaluation.evidence[_finite_numbers(source, evaluation)]


def _finite_numbers(source: Source, evaluation: Evaluation) -> np.ndarray:
    numbers = np.flatnonzero(evaluation.evidence.finite)
    if not source.rows.mapped or len(numbers) <= _SHOWN:
        return numbers
    return np.sort(np.random.default_rng(0).choice(numbers, _SHOWN, replace=False))


def differences(evaluations: Mapping[str, Evaluation]) -> dict[str, Difference]:
    """The first model's log p(x) minus each other's, on the same rows: the mean and its standard error, over
    the rows that are finite for both.

    **Raises:** `ValueError` where two models state their densities in different measures.
    """
    (name, first), *others = evaluations.items()
    paired: dict[str, Difference] = {}
    for other, evaluation in others:
        measures = (first.evidence.measure, evaluation.evidence.measure)
        if measures[0] != measures[1]:
            raise ValueError(f"{name} and {other} are not comparable: {measures[0]} against {measures[1]}")
        both = first.evidence.finite & evaluation.evidence.finite
        a, b = first.evidence[both], evaluation.evidence[both]
        noise = np.hypot(a.standard_error, b.standard_error)
        paired[other] = paired_difference(a.log_prob, b.log_prob, noise, a.group)
    return paired
