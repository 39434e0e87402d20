"""What training takes where nothing is said: `fit`, the estimator and the command line read it here."""

from __future__ import annotations

__all__ = ["BATCH_SIZE", "LEARNING_RATE", "MEMORY", "PATIENCE", "VALIDATION", "default_epochs"]

BATCH_SIZE = 128  # small enough to learn from a thousand rows
LEARNING_RATE = 2e-3
VALIDATION = 0.1
PATIENCE = 40  # epochs
# Mapped rows that take more are read from their file as they are needed: in an order that depends on it.
MEMORY = "4 GB"


def default_epochs(n: int, batch_size: int) -> int:
    """As many passes over the `n` rows that are trained on as make 4,000 steps, but at least 40, for large
    data, and at most 400, for small.

    >>> default_epochs(1293, 128), default_epochs(60_000, 128)
    (396, 40)
    """
    return min(400, max(40, round(4000 * batch_size / n)))
