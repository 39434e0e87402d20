"""Codes as whole numbers: each dimension of z in buckets that are equally probable before x is seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri

from lowerbound.compression.stack import PRECISION, Stack

__all__ = ["BUCKETS", "GaussianCode", "centre"]

# Buckets a dimension. The rate is the same from 2⁸ to 2¹⁸ on MNIST's digits; a posterior that is narrower
# than a bucket needs more.
BUCKETS = 2**16

_EDGES = ndtri(np.arange(BUCKETS + 1) / BUCKETS)
_WHOLE = 1 << PRECISION


def centre(bucket: Int[np.ndarray, " *n"]) -> Float[np.ndarray, " *n"]:
    """The middle of a bucket of N(0, 1), by probability: Φ⁻¹((k + ½)/K).

    >>> centre(np.array([0, BUCKETS // 2 - 1, BUCKETS // 2, BUCKETS - 1])).round(4).tolist()
    [-4.3249, -0.0, 0.0, 4.3249]
    """
    return ndtri((bucket + 0.5) / BUCKETS)


class GaussianCode(NamedTuple):
    """N(m, LLᵀ) of some rows over v, in whose coordinates p(z) is N(0, I): `mean` (n, d), `lower` (n, d, d),
    triangular.

    Dimension i has, after those before it, a normal distribution about mᵢ + Σ_{j<i} Lᵢⱼ eⱼ, of which each
    bucket has its share, a whole number of 2⁻²² parts.

    >>> code = GaussianCode(np.array([[0.3, -1.0]]), np.array([[[0.1, 0.0], [0.2, 0.05]]]))
    >>> stack = Stack(np.random.default_rng(0).integers(2**32, size=8, dtype=np.uint32))
    >>> before = stack.words.tolist()
    >>> bucket = code.pop(stack)
    >>> bool((abs(centre(bucket) - code.mean) < 1).all())
    True
    >>> code.push(bucket, stack)
    >>> stack.words.tolist() == before
    True
    """

    mean: Float[np.ndarray, "n d"]
    lower: Float[np.ndarray, "n d d"]

    @classmethod
    def of(cls, mean: Float[np.ndarray, "n d"], root: Float[np.ndarray, "n d d"]) -> GaussianCode:
        """N(m, SSᵀ), of any root S."""
        root = root.astype(float)
        return cls(mean.astype(float), np.linalg.cholesky(root @ np.swapaxes(root, -1, -2)))

    def pop(self, stack: Stack) -> Int[np.ndarray, "n d"]:
        """Buckets drawn by this distribution, from the bits on the stack, which become fewer."""
        n, d = self.mean.shape
        number = stack.pop_uniform(_WHOLE, n * d).reshape(n, d).astype(int)
        bucket, low, size = (np.zeros((n, d), int) for _ in range(3))
        e = np.zeros((n, d))
        for i in range(d):
            bucket[:, i] = self._bucket_of(number[:, i], i, e)
            low[:, i], size[:, i] = self._interval(bucket[:, i], i, e)
            e[:, i] = self._e(bucket[:, i], i, e)
        stack.push_uniform((number - low).ravel(), size.ravel())
        return bucket

    def push(self, bucket: Int[np.ndarray, "n d"], stack: Stack) -> None:
        """The bits back from which these buckets were drawn."""
        low, size = np.zeros_like(bucket), np.zeros_like(bucket)
        e = np.zeros_like(self.mean)
        for i in range(bucket.shape[1]):
            low[:, i], size[:, i] = self._interval(bucket[:, i], i, e)
            e[:, i] = self._e(bucket[:, i], i, e)
        if (size < 1).any():
            raise ValueError("a code has probability 0 under q(z∣x)")
        number = stack.pop_uniform(size.ravel()).reshape(bucket.shape) + low
        stack.push_uniform(number.ravel(), _WHOLE)

    def _normal(self, i: int, e: Float[np.ndarray, "n d"]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of dimension i after those before it."""
        return self.mean[:, i] + (self.lower[:, i, :i] * e[:, :i]).sum(1), self.lower[:, i, i]

    def _below(self, edge: Int[np.ndarray, " n"], i: int, e: Float[np.ndarray, "n d"]) -> np.ndarray:
        """How many of 2²² parts lie below an edge."""
        mean, scale = self._normal(i, e)
        return np.floor(_WHOLE * ndtr((_EDGES[edge] - mean) / scale)).astype(int)

    def _interval(self, bucket: np.ndarray, i: int, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low = self._below(bucket, i, e)
        return low, self._below(bucket + 1, i, e) - low

    def _e(self, bucket: np.ndarray, i: int, e: np.ndarray) -> np.ndarray:
        mean, scale = self._normal(i, e)
        return (centre(bucket) - mean) / scale

    def _bucket_of(self, number: np.ndarray, i: int, e: np.ndarray) -> np.ndarray:
        """The bucket whose interval holds a number: by halves, from an interval that holds it to the next."""
        low, high = np.zeros_like(number), np.full_like(number, BUCKETS)
        while (high - low > 1).any():
            middle = (low + high) // 2
            left = number < self._below(middle, i, e)
            low, high = np.where(left, low, middle), np.where(left, middle, high)
        return low
