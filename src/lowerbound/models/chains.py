"""Chains of latents: p(z₂) p(z₁∣z₂) with q(z₁∣x) q(z₂∣z₁), so that a two-layer model is made of parts too.

The event is the vector (z₁, z₂), z₁ the layer next to x. A likelihood of z₁ alone takes the network
[`Leading`][]. Longer chains are chains of chains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.each import each_drawn
from lowerbound.distributions.kinds import OnePass, sample_with_log_prob
from lowerbound.distributions.support import Stacked
from lowerbound.leaves import Fixed
from lowerbound.models.part import Events, Part, as_part, called, unwrapped

__all__ = ["ChainPosterior", "ChainPrior"]


class ChainPrior(Part):
    """p(z₁, z₂) = p(z₂) p(z₁∣z₂), over the vector (z₁, z₂).

    **Arguments:** `top`: p(z₂), any prior; `link`: p(z₁∣z₂), any conditional.

    >>> import jax, lowerbound as lb
    >>> lower = lb.DiagonalGaussian(4)
    >>> link = lb.Conditional(lb.MLP(2, lower.size, width=8, key=jax.random.key(0)), lower)
    >>> lb.ChainPrior(lb.StandardNormal(2), link)().event_shape
    (6,)
    """

    top: Part | Fixed
    link: Part | Fixed

    def __init__(self, top: Callable[..., Distribution] | Distribution, link: Callable[..., Distribution]):
        self.top, self.link = as_part(top, "ChainPrior.top"), as_part(link, "ChainPrior.link")

    @property
    def events(self) -> Events:
        return _joined(self.top, self.link)

    @property
    def takes_given(self) -> bool:
        return any(unwrapped(part).takes_given for part in (self.top, self.link))

    @property
    def takes_model(self) -> bool:
        return unwrapped(self.top).takes_model

    def __call__(self, given: Array | None = None, model: Any = None) -> Distribution:
        top = called(self.top, given=given, model=model)
        return _Chain(top, lambda z: called(self.link, z, given=given), first_last=True)


class ChainPosterior(Part):
    """q(z₁, z₂∣x) = q(z₁∣x) q(z₂∣z₁), over the vector (z₁, z₂).

    **Arguments:** `bottom`: q(z₁∣x); `link`: q(z₂∣z₁), any conditionals.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> key, lower, upper = jax.random.key(0), lb.DiagonalGaussian(4), lb.DiagonalGaussian(2)
    >>> bottom = lb.Conditional(lb.MLP(8, lower.size, width=8, key=key), lower)
    >>> link = lb.Conditional(lb.MLP(4, upper.size, width=8, key=key), upper)
    >>> lb.ChainPosterior(bottom, link)(jnp.ones(8)).event_shape
    (6,)
    """

    bottom: Part | Fixed
    link: Part | Fixed

    def __init__(self, bottom: Callable[..., Distribution], link: Callable[..., Distribution]):
        self.bottom = as_part(bottom, "ChainPosterior.bottom")
        self.link = as_part(link, "ChainPosterior.link")

    @property
    def events(self) -> Events:
        return _joined(self.bottom, self.link)

    @property
    def takes_given(self) -> bool:
        return any(unwrapped(part).takes_given for part in (self.bottom, self.link))

    def __call__(self, x: Array, given: Array | None = None) -> Distribution:
        bottom = called(self.bottom, x, given=given)
        return _Chain(bottom, lambda z: called(self.link, z, given=given), first_last=False)


def _joined(*parts: Part | Fixed) -> Events:
    """The events of all together, whose size is known where each says its own."""
    sizes = [unwrapped(part).events.size for part in parts]
    return Events(size=None if None in sizes else sum(size for size in sizes if size is not None))


class _Chain(OnePass):
    """A distribution `first`, and `then(z)` of its event z. The event is both, z last or z first."""

    arg_constraints: dict[str, Constraint] = {}  # noqa: RUF012 (NumPyro's class attribute)

    def __init__(self, first: Distribution, then: Callable[[Array], Distribution], *, first_last: bool):
        self.first, self.then, self.first_last = first, then, first_last
        second = then(jnp.zeros(first.event_shape))
        self.first_size, self.second_size = first.event_shape[0], second.event_shape[0]
        self._support = Stacked(
            *self._joined((first.support, self.first_size), (second.support, self.second_size))
        )
        self._has_rsample = bool(first.has_rsample and second.has_rsample)
        super().__init__(batch_shape=(), event_shape=(self.first_size + self.second_size,))

    @property
    def support(self) -> Constraint:
        return self._support

    @property
    def has_rsample(self) -> bool:
        return self._has_rsample

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        return each_drawn(lambda key: self.sample_with_log_prob(key)[0], key, sample_shape)

    def sample_with_log_prob(self, key: PRNGKeyArray) -> tuple[Array, Array]:
        """Ancestral: the first, then the second given it; each with its density in one pass."""
        first_key, second_key = jax.random.split(key)
        first, log_first = sample_with_log_prob(self.first, first_key)
        second, log_second = sample_with_log_prob(self.then(first), second_key)
        return self._concatenated(first, second), log_first + log_second

    def log_prob(self, value: Array) -> Array:
        if jnp.ndim(value) > 1:
            return jax.vmap(self.log_prob)(value)
        if self.first_last:
            second, first = jnp.split(value, [self.second_size])
        else:
            first, second = jnp.split(value, [self.first_size])
        return self.first.log_prob(first) + self.then(first).log_prob(second)

    @property
    def mean(self) -> Array:
        """The mean of the first; for the second, its mean at the mean of the first."""
        return self._concatenated(self.first.mean, self.then(self.first.mean).mean)

    @property
    def variance(self) -> Array:
        """The variance of the first; for the second, its variance at the mean of the first."""
        return self._concatenated(self.first.variance, self.then(self.first.mean).variance)

    def _joined(self, first: Any, second: Any) -> tuple[Any, Any]:
        return (second, first) if self.first_last else (first, second)

    def _concatenated(self, first: Array, second: Array) -> Array:
        return jnp.concatenate([jnp.asarray(part, float) for part in self._joined(first, second)])
