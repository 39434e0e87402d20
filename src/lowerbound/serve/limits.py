"""How much one request may ask for: every limit of the service, each one option of `lowerbound serve`."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["DESCRIPTIONS", "Limits"]

# What each limit bounds, in the words of the command line and of the documentation.
DESCRIPTIONS = {
    "rows": "Rows, or codes, of one request.",
    "body": "Bytes of one request's body.",
    "samples": "Rows that one request of `sample` draws.",
    "grid": "Points on a side of the explorer's grid, and steps of `interpolate` and `traverse`.",
    "seconds": "From a request's arrival to its answer; what cannot be answered by then is refused (503).",
    "points": "Codes that are sent to the explorer's page; of more rows a random part is.",
    "waiting": "Requests that wait for the model; with more of them one is refused at once (503).",
}


@dataclass(frozen=True)
class Limits:
    """What one request may ask for, and how many may wait. Each limit is checked before work starts.

    >>> Limits(rows=10).rows, Limits().seconds
    (10, 10.0)
    >>> Limits(rows=0)
    Traceback (most recent call last):
    ...
    ValueError: rows: expected a limit of at least 1, found 0
    """

    rows: int = 1_000
    body: int = 16_000_000
    samples: int = 10_000
    grid: int = 40
    seconds: float = 10.0
    points: int = 1_000_000
    waiting: int = 256

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0.1 if field.name == "seconds" else 1
            if not value >= least:
                raise ValueError(f"{field.name}: expected a limit of at least {least}, found {value}")
