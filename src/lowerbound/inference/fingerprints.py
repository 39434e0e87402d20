"""Fingerprints: 64 bits of each row's content, by which rows are known again."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from jaxtyping import UInt32

from lowerbound.data.chunks import in_chunks
from lowerbound.randomness.keys import content_hash

__all__ = ["count_among", "digest_of", "fingerprints", "rows_among"]


def fingerprints(x: np.ndarray) -> UInt32[np.ndarray, "n 2"]:
    """64 bits of each row's content, by which a row is known again.

    >>> a, b = fingerprints(np.array([[1, 2], [1, 3]]))
    >>> bool((a == b).all())
    False
    """
    if not len(x):
        return np.zeros((0, 2), np.uint32)
    return np.stack(in_chunks(_fingerprint, None, x, chunk=1024), axis=-1)


def _fingerprint(_: None, row: Any) -> Any:
    return content_hash(row)


def digest_of(prints: UInt32[np.ndarray, "n 2"]) -> str:
    """The SHA-256 of the fingerprints of all rows, in their order: the same for the same rows.

    >>> digest_of(fingerprints(np.array([[1, 2], [1, 3]])))[:8]
    'b738616b'
    """
    return hashlib.sha256(np.ascontiguousarray(prints).tobytes()).hexdigest()


def count_among(prints: UInt32[np.ndarray, "n 2"], known: UInt32[np.ndarray, "m 2"]) -> int:
    """How many of these fingerprints are among the `known`.

    >>> x = np.array([[1, 2], [3, 4], [1, 2]])
    >>> count_among(fingerprints(x), fingerprints(x[:1]))
    2
    """
    among = set(_as_bytes(known))
    return sum(row in among for row in _as_bytes(prints))


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
