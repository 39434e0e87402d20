"""Numbers and names in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Int
from numpy import ndarray

__all__ = ["counted", "listed", "named_rows"]


def counted(n: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "row"), counted(1437, "row")
    ('1 row', '1,437 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def listed(numbers: Sequence[int] | Int[ndarray, " n"], most: int = 10) -> str:
    """At most so many numbers, and how many more there are.

    >>> listed([4, 7, 9], 2)
    '4, 7 and 1 more'
    """
    more = f" and {len(numbers) - most:,} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


def named_rows(rows: Sequence[int], most: int = 20) -> str:
    """Rows by their numbers, at most so many.

    >>> named_rows([4]), named_rows([4, 7, 9], 2)
    ('row 4', 'rows 4, 7 and 1 more')
    """
    return f"row{'s' * (len(rows) > 1)} {listed(rows, most)}"
