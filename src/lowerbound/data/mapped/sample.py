"""A sample of rows that come a few at a time, each as likely as another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

__all__ = ["Sample"]

Some = TypeVar("Some")


class Sample(Generic[Some]):
    """At most `most` of the rows that are added, without replacement: those of the least of independent
    uniform numbers, one a row, so that the sample is a function of the seed and the rows' order, whatever
    the sizes of the blocks. Rows are of any type that `taken` takes some of and `joined` puts together.

    >>> sample = Sample(3, 0, lambda rows, some: rows[some], np.concatenate)
    >>> for block in (np.arange(4), np.arange(4, 9)):
    ...     sample.add(block, len(block))
    >>> numbers, rows = sample.drawn()
    >>> len(rows), bool((numbers == rows).all()), bool((np.diff(rows) > 0).all())
    (3, True, True)
    """

    def __init__(
        self,
        most: int,
        seed: int,
        taken: Callable[[Some, np.ndarray], Some],
        joined: Callable[[Sequence[Some]], Some],
    ):
        self.most, self.random = most, np.random.default_rng(seed)
        self.taken, self.joined = taken, joined
        self.keys, self.numbers = np.zeros(0), np.zeros(0, np.int64)
        self.parts: list[Some] = []
        self.seen = 0

    def add(self, rows: Some, count: int) -> None:
        """The next `count` rows."""
        keys = self.random.random(count)
        limit = self.keys.max() if len(self.keys) >= self.most else np.inf
        some = np.flatnonzero(keys < limit)
        if len(some):
            self.keys = np.concatenate([self.keys, keys[some]])
            self.numbers = np.concatenate([self.numbers, self.seen + some])
            self.parts.append(self.taken(rows, some))
        self.seen += count
        if len(self.keys) > 2 * self.most:
            self._pruned()

    def _pruned(self) -> None:
        """Only those that are of the sample so far, in their order."""
        kept = np.sort(np.argpartition(self.keys, self.most - 1)[: self.most])
        self.parts = [self.taken(self.joined(self.parts), kept)]
        self.keys, self.numbers = self.keys[kept], self.numbers[kept]

    def drawn(self) -> tuple[np.ndarray, Some]:
        """The numbers of the rows of the sample, in order, and these rows."""
        if len(self.keys) > self.most:
            self._pruned()
        return self.numbers, self.joined(self.parts)
