"""p(x∣z) of whole numbers as a table: of each dimension the probability of each of its values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.kinds import takes_indices
from lowerbound.distributions.mixed import MixedDistribution
from lowerbound.distributions.support import Columns, range_of, words

__all__ = ["Alphabet", "alphabets", "check_tables", "tables"]

# Values of a dimension, at most: a table of so many is made for each.
_MOST = 2**16
# So far from 1 may the probabilities of a table sum to in float32.
_ROUNDING = 1e-3


class Alphabet(NamedTuple):
    """The values of some `columns` of a row: the whole numbers from `low` to `high`; where the likelihood
    sets no end, as of counts, `open`, the highest that there is."""

    columns: tuple[int, ...]
    low: int
    high: int
    open: bool

    @property
    def levels(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1


def alphabets(
    support: Constraint, width: int, highest: Callable[[int, tuple[int, ...]], float]
) -> tuple[Alphabet, ...]:
    """The values that the columns of rows of this width may have, by blocks of columns of one kind.

    **Arguments:** `highest`: of the number of a block and its columns, where the likelihood sets no end.

    **Raises:** `TypeError` for numbers that are not whole, for columns that hang together, and for more than
    65,536 values.

    >>> import lowerbound as lb
    >>> [*map(tuple, alphabets(lb.Poisson(2).support, 2, lambda block, columns: 7))]
    [((0, 1), 0, 7, True)]
    """
    every = tuple(range(width))
    blocks = support.blocks if isinstance(support, Columns) else ((support, every),)
    found = []
    for number, (block, columns) in enumerate(blocks):
        span = range_of(block)
        if span is None or not span.whole or not math.isfinite(span.low):
            listed = ", ".join(map(str, columns))
            where = "" if columns == every else f" in column{'s' * (len(columns) > 1)} {listed}"
            raise TypeError(
                "compress: expected whole numbers from some least one on, since a file holds no others "
                f"without loss, found a likelihood of {words(block)}{where}"
            )
        is_open = not math.isfinite(span.high)
        low, high = int(span.low), int(highest(number, columns) if is_open else span.high)
        alphabet = Alphabet(tuple(columns), low, max(high, low + 1), is_open)
        if alphabet.levels > _MOST:
            raise TypeError(
                f"compress: expected at most {_MOST:,} values a column, found {alphabet.levels:,}"
            )
        found.append(alphabet)
    return tuple(found)


def tables(p: Distribution, alphabets: Sequence[Alphabet]) -> tuple[Float[Array, "d levels"], ...]:
    """The probabilities of every value, a table for each alphabet.

    **Raises:** `TypeError` for a distribution whose dimensions are not independent.

    >>> import lowerbound as lb
    >>> bits = Alphabet((0, 1), 0, 1, open=False)
    >>> tables(lb.Bernoulli(2)(jnp.zeros(2)), [bits])[0].tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    return tuple(
        jnp.exp(_log_prob_of_each(block, alphabet))
        for block, alphabet in zip(_blocks(p), alphabets, strict=True)
    )


def _blocks(p: Distribution) -> Iterator[Distribution]:
    if isinstance(p, MixedDistribution):
        yield from p.blocks
    else:
        yield p


def _log_prob_of_each(p: Distribution, alphabet: Alphabet) -> Float[Array, "d levels"]:
    values = jnp.arange(alphabet.low, alphabet.high + 1)
    each = p.base_dist if isinstance(p, dist.Independent) and p.reinterpreted_batch_ndims == 1 else p
    if each.event_shape != () or each.batch_shape != (len(alphabet.columns),):
        raise TypeError(
            f"compress: expected a likelihood of independent dimensions, found {type(p).__name__}, of which "
            "no single value has a probability"
        )
    values = values if takes_indices(each) else values.astype(float)
    return each.log_prob(values[:, None]).T


def check_tables(tables: Sequence[np.ndarray], alphabets: Sequence[Alphabet]) -> None:
    """Whether the probabilities are ones: where a sum is not 1 nothing can be decoded, and the bound is none.

    **Raises:** `ValueError` with the column and the sum.
    """
    for table, alphabet in zip(tables, alphabets, strict=True):
        total = table.sum(-1, dtype=float)
        wrong = ~(total < 1 + _ROUNDING)
        if not alphabet.open:
            wrong |= total < 1 - _ROUNDING
        if wrong.any():
            row, place = np.argwhere(wrong)[0]
            raise ValueError(
                f"compress: the probabilities of the values of column {alphabet.columns[place]} sum to "
                f"{total[row, place]:.4g}, not to 1: the likelihood is no distribution, and no code is as "
                "long as its bound says"
            )
