"""A model beside its baselines on the same rows, in the same measure: what `evaluate` prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lowerbound.archive.store import Saved
from lowerbound.baselines import Density
from lowerbound.data.chunks import observed
from lowerbound.data.sources import Source
from lowerbound.evidence.importance import Evidence, log_evidence
from lowerbound.inference.fingerprints import count_among, fingerprints
from lowerbound.statistics import standard_error_of_mean

__all__ = ["Evaluation", "differences", "evaluate", "finite_rows"]

Metrics = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What `metrics.json` holds, and the evidence of each row behind it."""

    metrics: Metrics  # of the rows whose evidence is finite
    evidence: Evidence


def evaluate(
    saved: Saved,
    x: np.ndarray,
    baselines: Mapping[str, Density],
    *,
    samples: int = 1000,
    method: Literal["importance", "annealed"] = "importance",
    seed: int = 0,
    callbacks: Sequence[Callable[[Mapping[str, Any]], object]] = (),
    unfinished: str | Path | None = None,
) -> Evaluation:
    """The held-out bound and log p(x) of a saved model on the rows of `x`, and its baselines on the same.

    All log-likelihoods are means over rows in nats, in the measure that `measure` names; each has its
    standard error over rows, and log p(x) that of its samples besides. A baseline's difference to the model
    is paired over rows. Rows whose log p(x) or bound is not finite are named (`rows_not_finite`), and the
    figures are those of the others. `method`, `callbacks`, `unfinished`: those of [`log_evidence`][].

    **Raises:** `FloatingPointError` where no row's log p(x) is finite.
    """
    clock = time.perf_counter()
    evidence = log_evidence(
        saved.model,
        x,
        samples=samples,
        method=method,
        key=seed,
        callbacks=callbacks,
        unfinished=unfinished,
    )
    seconds = time.perf_counter() - clock
    finite = evidence.finite
    if not finite.any():
        raise FloatingPointError(f"log p(x) is finite for none of the {len(x)} rows")
    scored, mine = evidence[finite], fingerprints(x)
    rows = observed(saved.model, x, seed)[finite]
    compared: dict[str, Metrics] = {}
    for name, baseline in baselines.items():
        log_prob = baseline.log_prob(rows)
        difference = scored.log_prob - log_prob
        compared[name] = {
            "log_likelihood": float(log_prob.mean()),
            "standard_error": standard_error_of_mean(log_prob),
            "difference": float(difference.mean()),
            "difference_standard_error": standard_error_of_mean(
                difference, scored.standard_error, scored.group
            ),
            "note": baseline.note,
        }
    metrics = {
        "elbo": float(scored.elbo.mean()),
        "elbo_standard_error": standard_error_of_mean(scored.elbo),
        "log_likelihood": scored.mean,
        "log_likelihood_standard_error": scored.mean_standard_error,
        "log_likelihood_monte_carlo_error": scored.monte_carlo_error,
        "log_likelihood_total_error": scored.total_error,
        "samples": samples,
        "method": method,
        "bits_per_dim": scored.bits_per_dim,
        "rate": float(scored.rate.mean()),
        "distortion": float(scored.distortion.mean()),
        "k_hat_above_0.7": float((scored.k_hat > 0.7).mean()),
        "measure": evidence.measure,
        "n_rows": len(x),
        "n_dims": x.shape[1],
        "rows_not_finite": np.flatnonzero(~finite).tolist(),
        "rows_trained_on": count_among(mine, saved.train_rows),
        "rows_that_chose_the_model": count_among(mine, saved.validation_rows),
        "seconds": seconds,
        "examples_per_second": len(x) / seconds,
        "baselines": compared,
    }
    return Evaluation(metrics, evidence)


def finite_rows(source: Source, evaluation: Evaluation) -> Source:
    """The rows of `source` whose log p(x) and bound are finite."""
    labels = None if source.labels is None else source.labels[evaluation.evidence.finite]
    return replace(source, x=source.x[evaluation.evidence.finite], labels=labels)


def differences(evaluations: Mapping[str, Evaluation]) -> dict[str, Metrics]:
    """The first model's log p(x) minus each other's, on the same rows: the mean and its standard error, over
    the rows that are finite for both.

    **Raises:** `ValueError` where two models state their densities in different measures.
    """
    (name, first), *others = evaluations.items()
    paired: dict[str, Metrics] = {}
    for other, evaluation in others:
        measures = (first.evidence.measure, evaluation.evidence.measure)
        if measures[0] != measures[1]:
            raise ValueError(f"{name} and {other} are not comparable: {measures[0]} against {measures[1]}")
        both = first.evidence.finite & evaluation.evidence.finite
        a, b = first.evidence[both], evaluation.evidence[both]
        difference, noise = a.log_prob - b.log_prob, np.hypot(a.standard_error, b.standard_error)
        paired[other] = {
            "difference": float(difference.mean()),
            "standard_error": standard_error_of_mean(difference, noise, a.group),
        }
    return paired
