"""What is told while rows are looked at and encoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict

__all__ = ["Passed", "Told"]


class Passed(TypedDict):
    """What a callback is told: how many rows are looked at, or encoded, and of how many, None where no one
    knows yet."""

    what: Literal["looked at", "encoded"]
    rows: int
    of: int | None


Told = Callable[[Passed], object]
