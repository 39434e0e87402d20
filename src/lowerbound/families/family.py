"""What a family is."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

__all__ = ["Family", "measure"]


class Family(eqx.Module):
    """Turns an unconstrained vector into a distribution over one event, a vector of `event_size`.

    `size` is the length of the vector, `support` the set that the events lie in.
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


def measure(support: Constraint) -> str:
    """The measure in which a density over `support` is stated.

    >>> import lowerbound as lb
    >>> measure(lb.Bernoulli(3).support), measure(lb.DiagonalGaussian(3).support)
    ('counting', 'Lebesgue')
    """
    return "counting" if support.is_discrete else "Lebesgue"


def positive_size(name: str, value: int) -> int:
    """`value`, or a ValueError that says which size of which part is not a positive whole number."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value!r}")
    return int(value)
