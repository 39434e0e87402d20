"""A conditional distribution: a network and a family."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro.distributions import Distribution

from lowerbound.families.family import Family
from lowerbound.models.part import OfFamily
from lowerbound.networks.network import out_size_of

__all__ = ["Conditional"]


class Conditional(OfFamily):
    """q(z∣x) or p(x∣z): the family's member whose parameters the network puts out, `family(network(x))`.

    **Arguments:** `network`: any callable from a vector to a vector of length `family.size`; `family`;
    `given`: whether a condition y is concatenated to what the network is given, as p(x∣z, y).

    **Raises:** `ValueError` where the network says an `out_size` that is not the family's `size`.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> latent = lb.DiagonalGaussian(2)
    >>> posterior = lb.Conditional(lb.MLP(5, latent.size, key=jax.random.key(0)), latent)
    >>> posterior(jnp.ones(5)).event_shape
    (2,)
    """

    network: Callable[[Array], Array]
    family: Family
    given: bool = eqx.field(static=True)

    def __init__(self, network: Callable[[Array], Array], family: Family, *, given: bool = False) -> None:
        out_size = out_size_of(network)
        if out_size is not None and out_size != family.size:
            raise ValueError(
                f"Conditional: {type(family).__name__}({family.event_size}) is conditioned by a vector "
                f"of {family.size}, and the network puts out {out_size}; give the network "
                f"out_size={family.size} (the family's `size`)"
            )
        self.network, self.family, self.given = network, family, given

    @property
    def takes_given(self) -> bool:
        return self.given

    @property
    def takes_missing(self) -> bool:
        """Whether NaN stands for a value that was not observed."""
        return self.family.missing

    def vector(self, value: Array, given: Array | None = None) -> Float[Array, " size"]:
        """What the network puts out: the family's unconstrained parameters."""
        value = jnp.asarray(value, float)
        if self.given:
            value = jnp.concatenate([value, jnp.atleast_1d(jnp.asarray(given, float))])
        return self.network(value)

    def __call__(self, value: Array, given: Array | None = None) -> Distribution:
        return self.family(self.vector(value, given))
