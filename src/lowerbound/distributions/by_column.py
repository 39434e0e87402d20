"""Log p of each column of a vector by itself."""

from __future__ import annotations

import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution

from lowerbound.distributions.missing import ObservedPart
from lowerbound.distributions.mixed import MixedDistribution, in_columns

__all__ = ["log_prob_by_column"]


def log_prob_by_column(p: Distribution, value: Float[Array, " d"]) -> Float[Array, " d"]:
    """The terms of log p(x) = Σⱼ log pⱼ(xⱼ), in nats, each in its own column's measure. Columns that are not
    independent, as the tokens of a text, have one term, which stands in the first of them, with 0 in the
    others.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.MixedColumns([lb.Bernoulli(1), lb.DiagonalGaussian(2)], columns=[[1], [0, 2]])
    >>> log_prob_by_column(family(jnp.zeros(5)), jnp.array([0.0, 1.0, 2.0])).round(3).tolist()
    [-0.919, -0.693, -2.919]
    """
    if isinstance(p, MixedDistribution):
        blocks = [log_prob_by_column(block, x) for block, x in zip(p.blocks, p.in_blocks(value), strict=True)]
        return in_columns(blocks, p.columns)
    if isinstance(p, ObservedPart):
        return p.log_probs(value)
    if isinstance(p, dist.Independent):
        return p.base_dist.log_prob(value)
    return jnp.zeros(value.shape).at[0].set(p.log_prob(value))
