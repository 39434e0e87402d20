"""The numbers of a report: log p(x) with its errors, what the bound is lost to, and the baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lowerbound.archive.records import BaselineScore, Metrics
from lowerbound.baselines.comparison import not_reliable
from lowerbound.diagnosis.diagnosis import Diagnosis
from lowerbound.evidence.evidence import Evidence
from lowerbound.evidence.ladder import found_by
from lowerbound.pages.html import paragraph, section, table_of
from lowerbound.statistics import standard_error_of_mean
from lowerbound.text import aligned, counted, spaced, with_error

__all__ = ["numbers"]


def numbers(metrics: Metrics, evidence: Evidence, diagnosis: Diagnosis) -> str:
    """log p(x), bound, rate and distortion with their errors; where nats are lost; the baselines."""
    bits = 1 / (metrics.n_dims * math.log(2))
    errors = metrics.log_likelihood_standard_error, metrics.log_likelihood_monte_carlo_error
    rows = [
        ("log p(x)", metrics.log_likelihood, *errors),
        ("bound (ELBO)", metrics.elbo, metrics.elbo_standard_error, None),
        ("rate, KL(q‖p)", metrics.rate, standard_error_of_mean(evidence.rate), None),
        (
            "distortion, −E log p(x|z)",
            metrics.distortion,
            standard_error_of_mean(evidence.distortion),
            None,
        ),
        ("bits per dimension", metrics.bits_per_dim, errors[0] * bits, errors[1] * bits),
    ]
    table = table_of(
        f"On {counted(len(evidence.log_prob), 'row')}, in nats a row",
        ("", "mean", "± over rows", "± over samples"),
        [(name, *aligned(value, *errors)) for name, value, *errors in rows],
    )
    sentences = [f"log p(x) by {found_by(metrics.methods, metrics.samples)}", not_reliable(metrics)]
    how = " ".join(f"{sentence}." for sentence in sentences if sentence)
    return section(
        "numbers",
        "Numbers",
        paragraph(f"The density is stated in {metrics.measure}. {how}"),
        table,
        _losses(diagnosis),
        _compared(metrics.baselines),
    )


def _losses(diagnosis: Diagnosis) -> str:
    """Where the nats go: the diagnosis' estimates, each with what it means."""
    some = f"on {counted(diagnosis.gap_rows, 'row')}"
    known = [
        (
            "mutual information I(x; z), at least",
            diagnosis.mutual_information,
            "what a code tells of its row",
        ),
        ("at most", diagnosis.mutual_information_upper, ""),
        (
            "marginal KL(q(z)‖p(z)), at least",
            diagnosis.marginal_kl_lower,
            "what the prior loses: codes lie elsewhere",
        ),
        ("at most", diagnosis.marginal_kl, ""),
        ("inference gap", diagnosis.inference_gap, f"log p(x) minus the bound, {some}"),
        ("approximation gap", diagnosis.approximation_gap, "of it, what the posterior's family loses"),
        ("amortisation gap", diagnosis.amortization_gap, "of it, what the encoder loses"),
        (
            "generalisation gap",
            diagnosis.generalization_gap,
            "the bound of training rows minus that of these",
        ),
    ]
    rows = [
        (name, with_error(estimate.mean, estimate.standard_error), words)
        for name, estimate, words in known
        if estimate is not None
    ]
    heads = ("", "mean ± error over rows", "what it is")
    return table_of(
        f"What the bound is lost to, on {counted(diagnosis.rows, 'row')}, in nats a row",
        heads,
        rows,
        words=True,
    )


def _compared(baselines: Mapping[str, BaselineScore]) -> str:
    if not baselines:
        return paragraph("No baselines were fitted with this model.", "note")
    rows = [
        (
            spaced(name),
            with_error(b.log_likelihood, b.standard_error),
            with_error(b.difference, b.difference_standard_error, sign=True),
            b.note,
        )
        for name, b in sorted(baselines.items(), key=lambda item: -item[1].log_likelihood)
    ]
    heads = ("", "log p(x)", "model − baseline, paired", "what it is")
    return table_of("Baselines on the same rows, in nats a row", heads, rows, words=True)
