"""Fingerprints: 64 bits of each row's content, by which rows are known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float32, UInt32, UInt64

from lowerbound.data.numbers import numbered_blocks

__all__ = ["among", "count_among", "digest_of", "fingerprints", "in_blocks", "numbers_of", "rows_among"]


def fingerprints(x: np.ndarray) -> UInt32[np.ndarray, "n 2"]:
    """64 bits of each row's content, by which a row is known again.

    >>> a, b = fingerprints(np.array([[1, 2], [1, 3]]))
    >>> bool((a == b).all())
    False
    """
    prints = np.empty((len(x), 2), np.uint32)
    for first, block in numbered_blocks(x, _CELLS):
        digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in _content(block))
        prints[first : first + len(block)] = np.frombuffer(digests, np.uint32).reshape(-1, 2)
    return prints


def in_blocks(x: np.ndarray) -> Iterator[tuple[int, UInt32[np.ndarray, "m 2"]]]:
    """The fingerprints of rows a few at a time, each with the number of the first.

    >>> [(first, prints.shape) for first, prints in in_blocks(np.zeros((3, 1 << 19)))]
    [(0, (2, 2)), (2, (1, 2))]
    """
    return ((first, fingerprints(block)) for first, block in numbered_blocks(x, _CELLS))


# Cells that are converted together, 4 MB: x may be mapped from a file larger than memory.
_CELLS = 1 << 20


def _content(rows: np.ndarray) -> Float32[np.ndarray, "n d"]:
    """Of float32, the type that a model sees: −0 is 0, and a missing value has one form."""
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(rows, np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), values + 0)


def digest_of(prints: UInt32[np.ndarray, "n 2"]) -> str:
    """The SHA-256 of the fingerprints of all rows, in their order: the same for the same rows.

    >>> digest_of(fingerprints(np.array([[1, 2], [1, 3]])))[:8]
    '4de9b685'
    """
    return hashlib.sha256(np.ascontiguousarray(prints).tobytes()).hexdigest()


def count_among(prints: UInt32[np.ndarray, "n 2"], known: UInt32[np.ndarray, "m 2"]) -> int:
    """How many of these fingerprints are among the `known`.

    >>> x = np.array([[1, 2], [3, 4], [1, 2]])
    >>> count_among(fingerprints(x), fingerprints(x[:1]))
    2
    """
    return int(among(prints, known).sum())


def among(prints: UInt32[np.ndarray, "n 2"], known: UInt32[np.ndarray, "m 2"]) -> Bool[np.ndarray, " n"]:
    """Which of these fingerprints are among the `known`, which may be many more."""
    mine, places = np.unique(numbers_of(prints), return_inverse=True)
    if not len(mine):
        return np.zeros(0, bool)
    found = np.zeros(len(mine), bool)
    for first in range(0, len(known), _TOGETHER):
        some = numbers_of(known[first : first + _TOGETHER])
        at = np.minimum(np.searchsorted(mine, some), len(mine) - 1)
        found[at[mine[at] == some]] = True
    return found[places]


def rows_among(x: np.ndarray, known: UInt32[np.ndarray, "m 2"]) -> Bool[np.ndarray, " n"] | None:
    """Which rows of `x` have fingerprints that are `known`; None where some of those are of no row.

    >>> x = np.array([[1, 2], [3, 4], [5, 6]])
    >>> rows_among(x, fingerprints(x[:2])).tolist(), rows_among(x[1:], fingerprints(x[:2]))
    ([True, True, False], None)
    """
    mine = fingerprints(x)
    return among(mine, known) if among(known, mine).all() else None


def numbers_of(prints: UInt32[np.ndarray, "n 2"]) -> UInt64[np.ndarray, " n"]:
    """Fingerprints as whole numbers of 64 bits, which share their memory.

    >>> numbers_of(np.array([[1, 0], [0, 1]], np.uint32)).tolist()
    [1, 4294967296]
    """
    return np.ascontiguousarray(prints).view(np.uint64).reshape(-1)


# Known fingerprints that are looked for at once.
_TOGETHER = 1 << 20
