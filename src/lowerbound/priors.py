"""Priors p(z): callables of nothing, or of a condition, that return a distribution over z."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array
from numpyro.distributions import Distribution

from lowerbound.families.family import Family, positive_size

__all__ = ["LearnedPrior", "StandardNormal"]


class StandardNormal(eqx.Module):
    """p(z) = N(0, I).

    >>> import lowerbound as lb
    >>> lb.StandardNormal(20)().event_shape
    (20,)
    """

    event_size: int = eqx.field(static=True)

    def __init__(self, event_size: int):
        self.event_size = positive_size("StandardNormal", event_size)

    def __call__(self) -> Distribution:
        return dist.Normal(jnp.zeros(self.event_size), jnp.ones(self.event_size)).to_event(1)


class LearnedPrior(eqx.Module):
    """p(z; θ): a family's member whose parameters are learned; at the start the one of parameters 0,
    which is N(0, I) for the Gaussian families.

    >>> import lowerbound as lb
    >>> prior = lb.LearnedPrior(lb.FullGaussian(2))
    >>> prior().covariance_matrix.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    family: Family
    parameters: Array

    def __init__(self, family: Family):
        self.family = family
        self.parameters = jnp.zeros(family.size)

    def __call__(self) -> Distribution:
        return self.family(self.parameters)
