"""What an estimate of log p(x) takes where nothing is said: `log_evidence`, the estimator and the command
line read it here."""

from __future__ import annotations

from typing import Literal

__all__ = ["CHAINS", "ERROR", "SAMPLES", "STEPS", "Method"]

SAMPLES = 3000  # around a posterior of the row's own they leave an error of some hundredths of a nat
ERROR = 0.05  # nats a row, of an estimator's scores: a thirtieth of what rows of one kind differ by
CHAINS, STEPS = 16, 4000

Method = Literal["auto", "refined", "refined-annealed", "annealed", "importance", "exact"]
