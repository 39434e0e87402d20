"""Numbers and names in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Int
from numpy import ndarray

__all__ = [
    "aligned",
    "counted",
    "decimals_of",
    "digits",
    "listed",
    "named_rows",
    "number_word",
    "short",
    "spaced",
    "with_error",
]


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


def decimals_of(error: float) -> int:
    """So many that an error has two figures, at most 5; 2 where there is no error.

    >>> decimals_of(0.031), decimals_of(12.0), decimals_of(0.0)
    (3, 0, 2)
    """
    if not 0 < error < math.inf:
        return 2
    return min(max(1 - math.floor(math.log10(error)), 0), 5)


def digits(value: float, decimals: int, sign: bool = False) -> str:
    """So many decimals, commas and a true minus sign.

    >>> digits(-1234.5678, 1), digits(2.0, 2, sign=True)
    ('−1,234.6', '+2.00')
    """
    return f"{value:{'+' if sign else ''},.{decimals}f}".replace("-", "−")


def short(value: float) -> str:
    """Three figures and a true minus sign.

    >>> short(-0.012345)
    '−0.0123'
    """
    return f"{float(value):.3g}".replace("-", "−")


def with_error(value: float, error: float, sign: bool = False) -> str:
    """An estimate with its error, which has two figures; of a single row, whose error is NaN, without.

    >>> with_error(-82.6789, 0.5612), with_error(5.54, 0.3, sign=True)
    ('−82.68 ± 0.56', '+5.54 ± 0.30')
    >>> with_error(-82.6789, math.nan)
    '−82.68 (one row, no error)'
    """
    decimals = decimals_of(error)
    if math.isnan(error):
        return f"{digits(value, decimals, sign)} (one row, no error)"
    return f"{digits(value, decimals, sign)} ± {digits(error, decimals)}"


def aligned(value: float, *errors: float | None) -> list[str]:
    """A value with the decimals of its first error, and each error with two figures; one that there is not,
    None or NaN, is empty.

    >>> aligned(-82.6789, 0.5612, 0.0123)
    ['−82.68', '0.56', '0.012']
    """
    decimals = decimals_of(errors[0] or 0.0)
    return [
        digits(value, decimals),
        *("" if e is None or math.isnan(e) else digits(e, decimals_of(e)) for e in errors),
    ]


_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number_word(n: int) -> str:
    """A small number as a word.

    >>> number_word(2), number_word(12)
    ('two', '12')
    """
    return _WORDS[n] if n < len(_WORDS) else str(n)


def spaced(name: str) -> str:
    """The name of a part as words.

    >>> spaced("beta-binomial")
    'beta binomial'
    """
    return name.replace("-", " ")
