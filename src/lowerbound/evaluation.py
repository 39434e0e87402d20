"""A model beside its baselines on the same rows, in the same measure: what `evaluate` prints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt32

from lowerbound.baselines import Density, paired_difference
from lowerbound.data.transforms import Binarization, Transform
from lowerbound.evidence import Evidence, log_evidence, standard_error_of_mean
from lowerbound.inference import in_chunks, transformed
from lowerbound.keys import content_hash
from lowerbound.store import Saved

__all__ = ["Evaluation", "differences", "evaluate", "fingerprints", "observed"]

Metrics = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What `metrics.json` holds, and the evidence of each row behind it."""

    metrics: Metrics
    evidence: Evidence


def evaluate(
    saved: Saved,
    x: np.ndarray,
    baselines: Mapping[str, Density],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """The held-out bound and log p(x) of a saved model on the rows of `x`, and its baselines on the same.

    All log-likelihoods are means over rows in nats, in the measure that `measure` names; each has its
    standard error over rows, and log p(x) the Monte-Carlo error of its `samples` besides. Differences are
    model minus baseline, paired over rows. Rows that trained or chose the model are counted by their
    fingerprints.
    """
    clock = time.perf_counter()
    evidence = log_evidence(saved.model, x, samples=samples, key=seed, transform=saved.transform)
    seconds = time.perf_counter() - clock
    rows = observed(x, saved.transform, seed)
    mine = fingerprints(x)
    compared: dict[str, Metrics] = {}
    for name, baseline in baselines.items():
        log_prob = baseline.log_prob(rows)
        difference, difference_error = paired_difference(evidence.log_prob, log_prob)
        compared[name] = {
            "log_likelihood": float(log_prob.mean()),
            "standard_error": standard_error_of_mean(log_prob),
            "difference": difference,
            "difference_standard_error": difference_error,
            "note": baseline.note,
        }
    metrics = {
        "elbo": float(evidence.elbo.mean()),
        "elbo_standard_error": standard_error_of_mean(evidence.elbo),
        "log_likelihood": evidence.mean,
        "log_likelihood_standard_error": evidence.mean_standard_error,
        "log_likelihood_monte_carlo_error": evidence.monte_carlo_error,
        "samples": samples,
        "bits_per_dim": evidence.bits_per_dim,
        "rate": float(evidence.rate.mean()),
        "distortion": float(evidence.distortion.mean()),
        "k_hat_above_0.7": float((evidence.k_hat > 0.7).mean()),
        "measure": evidence.measure,
        "n_rows": len(x),
        "n_dims": x.shape[1],
        "rows_trained_on": _count(mine, saved.train_rows),
        "rows_that_chose_the_model": _count(mine, saved.validation_rows),
        "seconds": seconds,
        "examples_per_second": len(x) / seconds,
        "baselines": compared,
    }
    return Evaluation(metrics, evidence)


def differences(evaluations: Mapping[str, Evaluation]) -> dict[str, Metrics]:
    """The first model's log p(x) minus each other's, on the same rows: the mean and its standard error.

    **Raises:** `ValueError` where two models state their densities in different measures.
    """
    (name, first), *others = evaluations.items()
    paired: dict[str, Metrics] = {}
    for other, evaluation in others:
        measures = (first.evidence.measure, evaluation.evidence.measure)
        if measures[0] != measures[1]:
            raise ValueError(f"{name} and {other} are not comparable: {measures[0]} against {measures[1]}")
        mean, error = paired_difference(first.evidence.log_prob, evaluation.evidence.log_prob)
        paired[other] = {"difference": mean, "standard_error": error}
    return paired


def observed(x: np.ndarray, transform: Transform, seed: int = 0) -> np.ndarray:
    """The rows whose probability is stated: the binary ones where the model binarises, else `x`."""
    return transformed(x, transform, seed) if isinstance(transform, Binarization) else x


def fingerprints(x: np.ndarray) -> UInt32[np.ndarray, "n 2"]:
    """64 bits of each row's content, by which a row is known again.

    >>> a, b = fingerprints(np.array([[1, 2], [1, 3]]))
    >>> bool((a == b).all())
    False
    """
    return np.stack(in_chunks(_fingerprint, None, x, chunk=1024), axis=-1)


def _fingerprint(_: None, row: Any) -> Any:
    return content_hash(row)


def _count(rows: np.ndarray, among: np.ndarray) -> int:
    known = set(map(bytes, np.ascontiguousarray(among)))
    return sum(bytes(row) in known for row in np.ascontiguousarray(rows))
