"""What an n-gram says of sequences of tokens: the density that a model with a latent space has to beat."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

__all__ = ["by_ngram"]

_BEFORE = -1


def by_ngram(train: np.ndarray, x: np.ndarray, order: int, vocabulary: int) -> np.ndarray:
    """log p of each row of `x`, nats, by an n-gram of `order` of the rows `train`, smoothed as Witten and
    Bell (1991) do: p_k(t∣c) = (n(c, t) + u(c) p_{k−1}(t∣c′))/(n(c) + u(c)), c′ the context without its first
    token, u(c) how many different tokens followed c, and p₀ uniform. Tokens count to the first 0, which ends
    a row.
    """
    followed: dict[tuple[int, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in map(_read, train):
        for context, token in _places(row, order):
            for k in range(order):
                followed[context[order - 1 - k :]][token] += 1

    def log_p(row: list[int]) -> float:
        total = 0.0
        for context, token in _places(row, order):
            p = 1 / vocabulary
            for k in range(order):
                seen = followed.get(context[order - 1 - k :])
                if seen is None:
                    break
                p = (seen.get(token, 0) + len(seen) * p) / (sum(seen.values()) + len(seen))
            total += np.log(p)
        return total

    return np.array([log_p(row) for row in map(_read, x)])


def _read(row: np.ndarray) -> list[int]:
    tokens = row.tolist()
    return tokens[: tokens.index(0) + 1] if 0 in tokens else tokens


def _places(row: list[int], order: int) -> list[tuple[tuple[int, ...], int]]:
    """Each token of a row, with the order − 1 before it."""
    padded = [_BEFORE] * (order - 1) + row
    return [(tuple(padded[i : i + order - 1]), token) for i, token in enumerate(row)]
