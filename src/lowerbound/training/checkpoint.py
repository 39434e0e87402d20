"""`Checkpoint`: where a run is saved while it is trained, and how often."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass

from lowerbound.training.checks import check_number

__all__ = ["EVERY", "Checkpoint", "seconds_of"]

EVERY = "5 min"

_UNITS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is saved while it is trained, and how often: the argument `checkpoint` of
    [`lowerbound.fit`][], which goes on from there with `resume=True`.

    **Arguments:**

    - `folder`: made where it is missing. It is the run's alone: one process at a time trains into it.
    - `every`: seconds between two checkpoints, or text, `"90 s"`, `"5 min"`, `"2 h"`: what a crash may cost.
      The end of training and a signal that stops it (Ctrl-C, SIGTERM) are saved as well.
    - `keep`: how many checkpoints stay, the newest.

    A checkpoint is written beside training, by a thread, and appears whole or not at all
    ([`lowerbound.archive.generations`][]).

    **Raises:** `TypeError` and `ValueError` that name the argument and what was expected.

    >>> Checkpoint("runs/digits/checkpoints", every="90 s").seconds
    90.0
    >>> Checkpoint("runs/digits/checkpoints", every="often")
    Traceback (most recent call last):
    ...
    ValueError: Checkpoint.every: expected seconds above 0 or text as '90 s', '5 min', '2 h', found 'often'
    """

    folder: str | os.PathLike[str]
    every: float | str = EVERY
    keep: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.folder, (str, os.PathLike)):
            raise TypeError(f"Checkpoint.folder: expected the name of a folder, found {self.folder!r}")
        seconds_of("Checkpoint.every", self.every)
        whole = "a whole number, at least 1"
        check_number("Checkpoint.keep", self.keep, whole, lambda keep: keep >= 1 and keep == int(keep))

    @property
    def seconds(self) -> float:
        """`every`, in seconds."""
        return seconds_of("Checkpoint.every", self.every)


def seconds_of(name: str, every: float | str) -> float:
    """A time of an argument that is called `name`: a number of seconds, or text with its unit.

    **Raises:** `ValueError` and `TypeError` for anything else.

    >>> seconds_of("every", "2 h"), seconds_of("every", "1.5min"), seconds_of("every", 7)
    (7200.0, 90.0, 7.0)
    """
    expected = "seconds above 0 or text as '90 s', '5 min', '2 h'"
    seconds = every
    if isinstance(every, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|)\s*", every)
        if match is None:
            raise ValueError(f"{name}: expected {expected}, found {every!r}")
        seconds = float(match[1]) * _UNITS[match[2] or "s"]
    check_number(name, seconds, expected, lambda value: 0 < value < math.inf)
    return float(seconds)
