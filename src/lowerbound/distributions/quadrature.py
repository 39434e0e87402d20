"""Averages over numbers as sums: a few values with their probabilities, and draws near each of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.support import range_of

__all__ = ["Nodes", "Quadrature", "quadrature"]

# Of a step, which is the worst, a mean over so many quantiles is right to half of 1/32.
_QUANTILES = 32
# Counts that end up to here are taken one by one.
_MOST_LEVELS = 256


class Nodes(NamedTuple):
    """Values of d distributions, n of each, and the logarithms of their probabilities:
    E[f(x)] ≈ Σᵢ exp(log_weightᵢ) f(valueᵢ)."""

    value: Float[Array, "n d"]
    log_weight: Float[Array, "n d"]


class Quadrature(Distribution):
    """A batch of distributions over which a function is averaged by a sum over `nodes`. Each node stands for
    a part of its distribution: a draw near a node, of nodes drawn by their weights, is one of it."""

    @property
    @abstractmethod
    def nodes(self) -> Nodes:
        """The values and their log-weights."""

    @abstractmethod
    def sample_near(self, key: PRNGKeyArray, node: Int[Array, "... d"]) -> Float[Array, "... d"]:
        """Draws of the parts that these nodes, by their numbers, stand for."""


class _Around(Quadrature):
    """Another batch of distributions, `base_dist`, of which all else is."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    pytree_data_fields = ("base_dist",)

    def __init__(self, base_dist: Distribution):
        self.base_dist = base_dist
        super().__init__(base_dist.batch_shape)

    @property
    def support(self) -> Constraint:
        return self.base_dist.support

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, "... d"]:
        return self.base_dist.log_prob(value)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "... d"]:
        return self.base_dist.sample(key, sample_shape)


class _Quantiles(_Around):
    """By quantiles (i + ½)/n, all of one weight; a node's part is what lies between i/n and (i + 1)/n."""

    @property
    def nodes(self) -> Nodes:
        levels = jnp.broadcast_to(
            ((jnp.arange(_QUANTILES) + 0.5) / _QUANTILES)[:, None], (_QUANTILES, *self.batch_shape)
        )
        value = self.base_dist.icdf(levels)
        return Nodes(value, jnp.full_like(value, -jnp.log(_QUANTILES)))

    def sample_near(self, key: PRNGKeyArray, node: Int[Array, "... d"]) -> Float[Array, "... d"]:
        return self.base_dist.icdf((node + jax.random.uniform(key, node.shape, minval=1e-6)) / _QUANTILES)


class _Levels(_Around):
    """By all values, 0 … n."""

    @property
    def nodes(self) -> Nodes:
        span = range_of(self.support)
        levels = jnp.arange(0.0 if span is None else span.high + 1)[:, None]
        value = jnp.broadcast_to(levels, (len(levels), *self.batch_shape))
        return Nodes(value, self.log_prob(value))

    def sample_near(self, key: PRNGKeyArray, node: Int[Array, "... d"]) -> Float[Array, "... d"]:
        return jnp.asarray(node, float)


def quadrature(p: Distribution) -> Quadrature:
    """A batch of distributions as one over which functions can be averaged: itself where it says how, counts
    that end by all of them, others by their quantiles.

    **Raises:** `NotImplementedError` where there is no quantile function.

    >>> import numpyro.distributions as dist
    >>> value, log_weight = quadrature(dist.Normal(jnp.array([3.0]), 1.0)).nodes
    >>> value.shape, bool(abs((jnp.exp(log_weight) * value).sum() - 3) < 1e-5)
    ((32, 1), True)
    """
    if isinstance(p, Quadrature):
        return p
    span = range_of(p.support)
    if span is not None and span.whole and span.low == 0 and span.high < _MOST_LEVELS:
        return _Levels(p)
    found = _Quantiles(p)
    jax.eval_shape(lambda: found.nodes.value)
    return found
