"""A stack of bits onto which symbols are pushed by their probabilities, and from which they are popped."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

__all__ = ["PRECISION", "Stack"]

# Bits of the number by which an interval is popped; the coder's own probabilities have 24.
PRECISION = 22


class Stack:
    """Asymmetric numeral systems (Duda 2013), by `constriction`: what is pushed last is popped first, and a
    push of what was popped restores every bit.

    A symbol of probability P takes −log₂ P bits when it is pushed, and gives as many when it is popped: so
    popping draws a symbol with its probability, from the bits that lie on the stack.

    >>> stack = Stack(np.arange(1, 5, dtype=np.uint32))
    >>> before = stack.words.tolist()
    >>> drawn = stack.pop(np.array([[0.5, 0.25, 0.25]] * 3))
    >>> stack.push(drawn, np.array([[0.5, 0.25, 0.25]] * 3))
    >>> stack.words.tolist() == before
    True
    """

    def __init__(self, words: Int[np.ndarray, " n"], *, sealed: bool = False):
        self._coder = _library().stack.AnsCoder(np.array(words, np.uint32), seal=not sealed)

    @property
    def words(self) -> Int[np.ndarray, " n"]:
        """What is on the stack, 32 bits a word."""
        return np.asarray(self._coder.get_compressed())

    @property
    def bits(self) -> int:
        """How many bits that is."""
        return int(self._coder.num_bits())

    def push(self, symbols: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n levels"]) -> None:
        """Whole numbers from 0 on, each by the probabilities of its levels."""
        self._coder.encode_reverse(symbols.astype(np.int32), self._categorical, probability)

    def pop(self, probability: Float[np.ndarray, "n levels"]) -> Int[np.ndarray, " n"]:
        """As many as were pushed by these."""
        return np.asarray(self._coder.decode(self._categorical, probability))

    def push_uniform(self, symbols: Int[np.ndarray, " n"], size: int | Int[np.ndarray, " n"]) -> None:
        """Whole numbers from 0 to below `size`, all as probable; nothing where there is but one."""
        models = _library().model
        if isinstance(size, int):
            self._coder.encode_reverse(symbols.astype(np.int32), models.Uniform(size))
        elif (several := size > 1).any():
            sizes = size[several].astype(np.int32)
            self._coder.encode_reverse(symbols[several].astype(np.int32), models.Uniform(), sizes)

    def pop_uniform(self, size: int | Int[np.ndarray, " n"], count: int = 0) -> Int[np.ndarray, " n"]:
        """As many as were pushed so: `count` of one size."""
        models = _library().model
        if isinstance(size, int):
            return np.asarray(self._coder.decode(models.Uniform(size), count))
        symbols, several = np.zeros(len(size), np.int32), size > 1
        if several.any():
            symbols[several] = self._coder.decode(models.Uniform(), size[several].astype(np.int32))
        return symbols

    @property
    def _categorical(self) -> object:
        models = _library().model
        return models.Categorical(perfect=False)


def _library() -> Any:
    try:
        from constriction import stream
    except ImportError:
        raise ImportError(
            "compress and decompress need the entropy coder constriction: pip install 'lowerbound[compress]'"
        ) from None
    return stream
