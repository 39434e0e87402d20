"""Families over binary and categorical events."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import equinox as eqx
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.discrete import IndependentBits, LevelsDistribution
from lowerbound.families.cells import Cells
from lowerbound.families.family import LEVELS, Factorized, Family, positive_size
from lowerbound.families.fitted import Fitted, Found

__all__ = ["Bernoulli", "Categorical", "Leveled", "codes"]


class Bernoulli(Factorized):
    """log p(x) = Σᵢ [xᵢ log πᵢ + (1 − xᵢ) log(1 − πᵢ)], x in {0, 1}; the vector holds the logits of π.

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Bernoulli(3)(jnp.zeros(3)).log_prob(jnp.array([0, 1, 1]))), 4)    # 3 log ½
    -2.0794
    """

    @property
    def codes(self) -> tuple[int, int]:
        return self.event_size, 2

    def cells(self, x: Float[np.ndarray, "n d"]) -> Cells:
        return Cells.levels(x, 2)

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """It starts at the columns' means."""
        return Fitted(found.family(cls), start=found.logits(1))

    @property
    def each(self) -> Constraint:
        return constraints.boolean

    def marginals(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        return dist.BernoulliLogits(parameters)

    def __call__(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        return (
            super().__call__(parameters) if self.missing else IndependentBits(self.marginals(parameters), 1)
        )


class Leveled(Factorized):
    """A family whose dimensions each are one of `levels` values 0, 1, …, levels − 1, the levels of a
    category, in nats, of counting measure. The one value that stands for a member is the most probable level
    of each dimension, the first of several."""

    levels: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        positive_size(f"{type(self).__name__}.levels", self.levels)

    @property
    def codes(self) -> tuple[int, int]:
        return self.event_size, self.levels

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Up to the greatest level that was found."""
        return cls.fitted_to_levels(found, found.greatest + 1)

    @classmethod
    @abstractmethod
    def fitted_to_levels(cls, found: Found, levels: int) -> Fitted:
        """The family for columns of so many levels, of which some may not have been found, and the member
        that has their frequencies."""

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    @abstractmethod
    def marginals(self, parameters: Float[Array, " size"]) -> LevelsDistribution:
        """The distributions of the single dimensions, a batch of `event_size`."""

    def cells(self, x: Float[np.ndarray, "n d"]) -> Cells:
        return Cells.levels(x, self.levels)

    @property
    def categories(self) -> tuple[int, ...]:
        return tuple(range(self.event_size))

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        return self.marginals(parameters).logits.argmax(-1).astype(float)

    def level_probabilities(self, parameters: Float[Array, " size"]) -> tuple[Float[Array, " levels"], ...]:
        return tuple(self.marginals(parameters).probs)


class Categorical(Leveled):
    """Each dimension is one of `levels` values 0, 1, …, levels − 1, without an order among them; the
    vector holds the logits, level by level: `levels` blocks of `event_size`. With an order:
    [`Ordinal`][lowerbound.families.ordinal.Ordinal].

    **Arguments:** `event_size`: number of dimensions; `levels`; `missing`: whether NaN stands for a value
    that was not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Categorical(2, 4)(jnp.zeros(8)).log_prob(jnp.array([0, 3]))), 4)  # 2 log ¼
    -2.7726
    """

    @property
    def size(self) -> int:
        return self.event_size * self.levels

    @classmethod
    def fitted_to_levels(cls, found: Found, levels: int) -> Fitted:
        return Fitted(found.family(cls, levels), start=np.log(found.frequencies(levels)).reshape(-1))

    @classmethod
    def latent(cls, dimensions: int, key: PRNGKeyArray) -> Self:
        return cls(dimensions, LEVELS)

    def marginals(self, parameters: Float[Array, " size"]) -> LevelsDistribution:
        return LevelsDistribution(parameters.reshape(self.levels, self.event_size).T)


def codes(variables: int, levels: int) -> Family:
    """The family of so many codes, each one of `levels` whole numbers from 0.

    >>> codes(3, 4).event_size
    3
    """
    return Categorical(variables, levels)
