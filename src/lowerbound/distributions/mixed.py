"""Blocks of columns of different kinds."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.support import Columns

__all__ = ["MixedDistribution", "in_columns"]


class MixedDistribution(Distribution):
    """Independent blocks of a vector; `missing` says of each block whether NaN means something to it."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    pytree_data_fields = ("blocks",)
    pytree_aux_fields = ("columns", "missing")

    def __init__(
        self,
        blocks: tuple[Distribution, ...],
        columns: tuple[tuple[int, ...], ...],
        missing: tuple[bool, ...],
    ):
        self.blocks, self.columns, self.missing = blocks, columns, missing
        super().__init__((), (sum(map(len, columns)),))

    @property
    def support(self) -> Constraint:
        return Columns(*((p.support, columns) for p, columns in zip(self.blocks, self.columns, strict=True)))

    @property
    def has_rsample(self) -> bool:
        return all(p.has_rsample for p in self.blocks)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "... d"]:
        keys = jax.random.split(key, len(self.blocks))
        return in_columns(
            [p.sample(k, sample_shape) for p, k in zip(self.blocks, keys, strict=True)], self.columns
        )

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        log_probs = []
        for p, x, missing in zip(self.blocks, self.in_blocks(value), self.missing, strict=True):
            log_prob = p.log_prob(x)
            # Some families turn a NaN into a number, by making whole numbers of floats.
            log_probs.append(log_prob if missing else jnp.where(jnp.isnan(x).any(-1), jnp.nan, log_prob))
        return sum(log_probs[1:], log_probs[0])

    def in_blocks(self, value: Float[Array, "... d"]) -> list[Array]:
        """What each block has of a value."""
        return [value[..., np.asarray(columns)] for columns in self.columns]

    @property
    def mean(self) -> Float[Array, " d"]:
        return in_columns([p.mean for p in self.blocks], self.columns)

    @property
    def variance(self) -> Float[Array, " d"]:
        return in_columns([p.variance for p in self.blocks], self.columns)


def in_columns(blocks: list[Array], columns: tuple[tuple[int, ...], ...]) -> Float[Array, "... d"]:
    """What the blocks give, each in its columns.

    >>> import jax.numpy as jnp
    >>> in_columns([jnp.array([1.0]), jnp.array([0.0, 2.0])], ((1,), (0, 2))).tolist()
    [0.0, 1.0, 2.0]
    """
    stacked = jnp.concatenate([jnp.asarray(block, float) for block in blocks], axis=-1)
    return stacked[..., np.argsort([column for block in columns for column in block])]
