"""Location-scale families: z = μ + σ ε, ε from a distribution without parameters; and where σ comes from."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.families.family import Factorized, positive_size
from lowerbound.leaves import Fixed

__all__ = ["FixedScale", "Heteroscedastic", "LearnedScale", "LocationScale"]


class Scale(eqx.Module):
    """Where the scale σ of a location-scale family comes from."""

    @abstractmethod
    def size(self, event_size: int) -> int:
        """How many numbers of the conditioning vector the scale takes."""

    @abstractmethod
    def __call__(self, parameters: Float[Array, " size"]) -> Array:
        """σ, of a shape that broadcasts to `(event_size,)`."""


class Heteroscedastic(Scale):
    """The scale is a function of the condition: the network puts out log σ², as in the AEVB paper
    (Kingma & Welling 2014, appendix C.2).

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Heteroscedastic()(jnp.zeros(2)).tolist()
    [1.0, 1.0]
    """

    def size(self, event_size: int) -> int:
        return event_size

    def __call__(self, parameters: Float[Array, " size"]) -> Array:
        return jnp.exp(0.5 * parameters)


class LearnedScale(Scale):
    """The scale is learned and does not depend on the condition: one for all dimensions, or, with
    `event_size`, one a dimension. It is at least 1e-3, so that a column without variance cannot buy
    density without end.

    **Arguments:** `event_size`: number of dimensions, or `None` for a shared scale; `initial`: σ at the
    start (a number, or one a dimension).

    >>> import lowerbound as lb
    >>> lb.DiagonalGaussian(3, scale=lb.LearnedScale()).size          # the mean alone
    3
    >>> lb.LearnedScale(3).log_variance.shape
    (3,)
    """

    log_variance: Array

    def __init__(self, event_size: int | None = None, *, initial: float | Array = 1.0):
        if not bool(np.all(np.asarray(initial) > 0)):
            raise ValueError(f"LearnedScale.initial: expected a positive scale, found {initial}")
        shape = () if event_size is None else (positive_size("LearnedScale", event_size),)
        self.log_variance = jnp.broadcast_to(2 * jnp.log(jnp.asarray(initial, float)), shape)

    def size(self, event_size: int) -> int:
        return 0

    def __call__(self, parameters: Float[Array, " 0"]) -> Array:
        return jnp.maximum(jnp.exp(0.5 * self.log_variance), 1e-3)


class FixedScale(Scale):
    """The scale is given and not trained. With σ² = β/2 the Gaussian's negative bound is squared error
    plus β·KL, over β and up to a constant.

    >>> import lowerbound as lb
    >>> lb.DiagonalGaussian(3, scale=lb.FixedScale(0.5)).size
    3
    """

    scale: Fixed

    def __init__(self, scale: float | Array):
        if not bool(np.all(np.asarray(scale) > 0)):
            raise ValueError(f"FixedScale: expected a positive scale, found {scale}")
        self.scale = Fixed(jnp.asarray(scale, float))

    def size(self, event_size: int) -> int:
        return 0

    def __call__(self, parameters: Float[Array, " 0"]) -> Array:
        return jnp.asarray(self.scale.value)


class LocationScale(Factorized):
    """Independent zᵢ = μᵢ + σᵢ εᵢ, where ε follows the family's standard member.

    **Arguments:** `event_size`: number of dimensions; `scale`: where σ comes from, one of
    [`Heteroscedastic`][] (the network), [`LearnedScale`][], [`FixedScale`][]; `missing`: whether NaN
    stands for a value that was not observed.

    The conditioning vector holds μ, then what the scale takes (by default log σ²).
    """

    scale: Scale = eqx.field(default_factory=Heteroscedastic, kw_only=True)

    @property
    def size(self) -> int:
        return self.event_size + self.scale.size(self.event_size)

    @property
    def each(self) -> Constraint:
        return constraints.real

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        location, rest = parameters[: self.event_size], parameters[self.event_size :]
        return self.at(location, jnp.broadcast_to(self.scale(rest), location.shape))

    @abstractmethod
    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        """The distributions of the single dimensions, with these locations and scales."""
