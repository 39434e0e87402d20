"""What a family is, and what the families of independent dimensions share."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.support import OrMissing

__all__ = ["Factorized", "Family", "positive_size", "sample_with_log_prob"]


class Family(eqx.Module):
    """Turns an unconstrained vector into a distribution over one event, a vector of `event_size`.

    `size` is the length of the vector, `support` the set that the events lie in. The vector of zeros is
    the family's standard member: N(0, I), the unit exponential, a fair coin.
    """

    event_size: eqx.AbstractVar[int]

    @property
    @abstractmethod
    def size(self) -> int:
        """Length of the unconstrained vector: what a network in front must put out."""

    @property
    @abstractmethod
    def support(self) -> Constraint:
        """The set in which events lie, as a NumPyro constraint."""

    @abstractmethod
    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        """The member of the family that `parameters` name."""


def _plain_int(value: int) -> int:
    """A NumPy integer as Python's, which a file can hold; anything else as it is, to be refused."""
    return int(value) if not isinstance(value, bool) and int(value) == value else value


class Factorized(Family):
    """A family whose dimensions are independent given the parameters: log p(x) = Σᵢ log p(xᵢ).

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed; log p(x) is then that of the observed values, Σ over those alone.

    The vector holds `blocks` numbers a dimension, block by block: all means, then all scales.
    """

    event_size: int = eqx.field(static=True, converter=_plain_int)
    missing: bool = eqx.field(static=True, default=False, kw_only=True)

    blocks: ClassVar[int] = 1

    def __check_init__(self) -> None:
        positive_size(type(self).__name__, self.event_size)

    @property
    def size(self) -> int:
        return self.blocks * self.event_size

    @property
    @abstractmethod
    def each(self) -> Constraint:
        """The set in which a single dimension lies."""

    @abstractmethod
    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        """The distributions of the single dimensions, a batch of `event_size`."""

    @property
    def support(self) -> Constraint:
        return constraints.independent(OrMissing(self.each) if self.missing else self.each, 1)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        marginals = self.marginals(parameters)
        return ObservedPart(marginals, 1) if self.missing else marginals.to_event(1)


class ObservedPart(dist.Independent):
    """Independent dimensions, of which those that are NaN in a value were not observed: they are masked
    before anything is summed, and their gradient is 0."""

    @property
    def support(self) -> Constraint:
        return constraints.independent(OrMissing(self.base_dist.support), 1)

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        observed = ~jnp.isnan(value)
        # A density is only ever asked at values inside its support, so that no gradient is 0 · NaN.
        inside = jnp.where(observed, value, self.base_dist.support.feasible_like(value))
        return jnp.where(observed, self.base_dist.log_prob(inside), 0.0).sum(-1)


def sample_with_log_prob(q: Distribution, key: PRNGKeyArray) -> tuple[Array, Array]:
    """z ~ q and log q(z), in one pass where the distribution offers that: a flow need not be inverted."""
    if hasattr(q, "sample_with_log_prob"):
        return q.sample_with_log_prob(key)
    if isinstance(q, dist.Independent) and hasattr(q.base_dist, "sample_with_log_prob"):
        z, log_q = q.base_dist.sample_with_log_prob(key)
        return z, log_q.sum(axis=tuple(range(-q.reinterpreted_batch_ndims, 0)))
    z = q.sample(key)
    return z, q.log_prob(z)


def positive_size(name: str, value: int) -> int:
    """`value`, or a ValueError that says which size of which part is not a positive whole number."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value!r}")
    return int(value)
