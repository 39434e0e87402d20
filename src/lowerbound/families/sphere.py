"""Directions: unit vectors, on the sphere in R^d."""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.sphere import PowerSphericalDistribution, dimensions_of_sphere, direction_of
from lowerbound.families.family import Family

__all__ = ["PowerSpherical"]

_LOG_CONCENTRATION = (math.log(1e-4), math.log(1e4))


class PowerSpherical(Family):
    """Directions around a mean direction μ: log p(z) = κ log(1 + μᵀz) + log C in nats, z on the unit sphere
    in R^d, in the Hausdorff measure (length on the circle, area on the sphere), with

        1/C = 2^(a+b) π^b Γ(a)/Γ(a + b),   a = (d − 1)/2 + κ,   b = (d − 1)/2

    (De Cao & Aziz 2020, eq. 2 and 4). It has the von Mises–Fisher distribution's shape, and samples without
    rejection, whose gradients are exact: ½(1 + μᵀz) ~ Beta(a, b).

    The vector holds an unnormalised mean direction (d numbers, of which a zero vector counts as e₁, the
    first axis), then log κ: `size` = d + 1. κ is kept in [1e-4, 1e4] (beyond an end its gradient is 0):
    below, the distribution is uniform to float32; above, the sphere's curvature is below its rounding.

    **Arguments:** `event_size`: d, at least 2.

    **Raises:** `ValueError` for another event size.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> q = lb.PowerSpherical(3)(jnp.array([0.0, 0.0, 5.0, 0.0]))    # κ = 1: E z = μ/3
    >>> q.mean.round(4).tolist()
    [0.0, 0.0, 0.3333]
    >>> round(float(q.log_prob(jnp.array([0.0, 1.0, 0.0]))), 4)      # −log 4π
    -2.531
    """

    event_size: int = eqx.field(static=True)

    def __init__(self, event_size: int):
        self.event_size = dimensions_of_sphere("PowerSpherical", event_size)

    @property
    def size(self) -> int:
        return self.event_size + 1

    @property
    def support(self) -> Constraint:
        return constraints.sphere

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        concentration = jnp.exp(jnp.clip(parameters[-1], *_LOG_CONCENTRATION))
        return PowerSphericalDistribution(direction_of(parameters[:-1]), concentration)
