"""What a diagnosis says: estimates with their errors, and verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from lowerbound.diagnosis.advice import Advice
from lowerbound.statistics import standard_error_of_mean
from lowerbound.text import number_word, with_error

__all__ = ["DecoderScale", "Diagnosis", "Estimate", "Notes", "PerRow", "Verdict", "overall"]

PerRow = Float[np.ndarray, " n"]
# What is `None` in a diagnosis, and why.
Notes = list[str]


@dataclass(frozen=True)
class Estimate:
    """A mean over rows and its standard error over them, in nats a row.

    >>> print(Estimate(1.25, 0.031))
    1.250 ± 0.031 nats a row
    """

    mean: float
    standard_error: float

    def __str__(self) -> str:
        return f"{with_error(self.mean, self.standard_error)} nats a row"

    @classmethod
    def over_rows(cls, values: PerRow) -> Estimate:
        """Of a number a row.

        >>> print(Estimate.over_rows(np.array([1.0, 2.0, 3.0])))
        2.00 ± 0.58 nats a row
        """
        with np.errstate(invalid="ignore"):  # infinite terms have a mean, and no error
            return cls(float(values.mean()), standard_error_of_mean(values))

    @classmethod
    def difference(cls, a: PerRow, b: Float[np.ndarray, " m"]) -> Estimate:
        """Of the means of two independent sets of rows, a less b.

        >>> print(Estimate.difference(np.array([3.0, 5.0]), np.array([1.0, 1.0])))
        3.0 ± 1.0 nats a row
        """
        first, second = cls.over_rows(a), cls.over_rows(b)
        return cls(first.mean - second.mean, math.hypot(first.standard_error, second.standard_error))


@dataclass(frozen=True)
class Verdict:
    """One thing that may be wrong with a model, and whether it is.

    `name`: one of `not finite`, `collapsed dimensions`, `weak posterior`, `amortisation gap` (or
    `inference gap`, where the two are not told apart), `prior mismatch`, `memorised rows`, `decoder scale`,
    `unfinished warm-up`; `finding`: what was measured, in plain words, with units and errors; `advice`: what
    to change, in the order to try it, empty where nothing is wrong.
    """

    name: str
    healthy: bool
    finding: str
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True)
class DecoderScale:
    """How wide p(x∣z) is, column by column, at z ~ q(z∣x): arrays (c,), NaN in columns that are discrete,
    constant, or without a variance.

    `median`, `smallest`: its standard deviation over rows, in standard deviations of the column's data.
    `residual`: √E[(x − E[x∣z])²/Var(x∣z)], 1 where the scale is right, above where it is too narrow;
    `residual_standard_error`: over rows.
    """

    median: Float[np.ndarray, " c"]
    smallest: Float[np.ndarray, " c"]
    residual: Float[np.ndarray, " c"]
    residual_standard_error: Float[np.ndarray, " c"]


@dataclass(frozen=True)
class Diagnosis:
    """What [`diagnose`][] found; its docstring says how. Estimates are in nats a row. What is `None` is not
    defined for this model, or was not asked for, and `notes` say why.

    `rows`: M, how many were looked at, and `gap_rows` of them for `log_evidence` and the gaps.
    `kl_per_dimension`, `active` and `posterior_mean_variance`, Var E[zᵢ∣x]: of each dimension of z, (d,).
    elbo = −rate − distortion; rate = `mutual_information` + `marginal_kl`, the first at least so low and the
    second at most so high in the mean over samples of M rows, and rate = `mutual_information_upper` +
    `marginal_kl_lower`, the same from the other side. inference gap = log evidence − elbo, over `gap_rows`,
    is the sum of approximation and amortisation gap. `generalization_gap`: the mean bound of training rows
    less that of x.
    """

    rows: int
    gap_rows: int
    posterior_mean_variance: Float[np.ndarray, " d"] | None
    active: Bool[np.ndarray, " d"] | None
    kl_per_dimension: Float[np.ndarray, " d"] | None
    rate: Estimate
    distortion: Estimate
    elbo: Estimate
    mutual_information: Estimate | None
    mutual_information_upper: Estimate | None
    marginal_kl: Estimate | None
    marginal_kl_lower: Estimate | None
    log_evidence: Estimate
    inference_gap: Estimate
    approximation_gap: Estimate | None
    amortization_gap: Estimate | None
    generalization_gap: Estimate | None
    decoder_scale: DecoderScale | None
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return all(verdict.healthy for verdict in self.verdicts)


def overall(verdicts: Sequence[Verdict]) -> str:
    """The verdict in one sentence.

    >>> overall([Verdict("decoder scale", True, ""), Verdict("weak posterior", False, "")])
    'One of two checks calls for a change.'
    """
    wrong, n = sum(not verdict.healthy for verdict in verdicts), len(verdicts)
    if n == 0:
        return "Nothing was checked."
    if wrong == 0:
        return f"None of {number_word(n)} checks calls for a change."
    if wrong == n:
        return (
            f"All of {number_word(n)} checks call for a change."
            if n > 1
            else "The one check calls for a change."
        )
    return (
        f"{number_word(wrong).capitalize()} of {number_word(n)} checks call{'s' * (wrong == 1)} for a change."
    )
