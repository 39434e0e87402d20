"""Fingerprints: 64 bits of each row's content, by which rows are known again."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Bool, Float32, UInt32

__all__ = ["among", "count_among", "digest_of", "fingerprints", "rows_among"]


def fingerprints(x: np.ndarray) -> UInt32[np.ndarray, "n 2"]:
    """64 bits of each row's content, by which a row is known again.

    >>> a, b = fingerprints(np.array([[1, 2], [1, 3]]))
    >>> bool((a == b).all())
    False
    """
    digests = (
        hashlib.blake2b(row, digest_size=8).digest()
        for first in range(0, len(x), _ROWS)
        for row in _content(x[first : first + _ROWS])
    )
    return np.frombuffer(b"".join(digests), np.uint32).reshape(-1, 2)


# Rows that are converted together: x may be mapped from a file larger than memory.
_ROWS = 4096


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
    """Which of these fingerprints are among the `known`."""
    wanted = set(_as_bytes(known))
    return np.array([row in wanted for row in _as_bytes(prints)], bool)


def rows_among(x: np.ndarray, known: UInt32[np.ndarray, "m 2"]) -> np.ndarray | None:
    """The rows of `x` whose fingerprints are `known`; None where some of those are of no row.

    >>> x = np.array([[1, 2], [3, 4], [5, 6]])
    >>> rows_among(x, fingerprints(x[:2])).tolist(), rows_among(x[1:], fingerprints(x[:2]))
    ([[1, 2], [3, 4]], None)
    """
    wanted, mine = set(_as_bytes(known)), _as_bytes(fingerprints(x))
    if not wanted <= set(mine):
        return None
    return np.asarray(x[[row in wanted for row in mine]])


def _as_bytes(prints: UInt32[np.ndarray, "n 2"]) -> list[bytes]:
    return list(map(bytes, np.ascontiguousarray(prints)))
