"""Sequences of tokens, token by token: log p(x∣z) = Σₜ log p(xₜ∣x₁ … xₜ₋₁, z)."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.sequences import NextToken, SequenceDistribution, Sequences
from lowerbound.families.family import Family, positive_size

__all__ = ["Autoregressive"]


class Autoregressive(Family):
    """Sequences x of at most `length` tokens 1, 2, …, vocabulary − 1, each given those before it:

        log p(x) = Σₜ log p(xₜ∣x₁ … xₜ₋₁, h),

    in nats, of counting measure on the sequences, the sum up to the token 0, which ends a sequence and fills
    the places behind it; these are no data. A sequence of `length` tokens ends without it. The vector is the
    context h, which the network is given at each place. The one value that stands for a member is the
    sequence whose every token is the most probable one after those before it.

    **Arguments:** `network`: what says how probable each next token is, of a [`GRU`][lowerbound.GRU] or a
    [`CausalWindow`][lowerbound.CausalWindow]; `length`: the most tokens of a sequence; `missing`: whether NaN
    in every place stands for a sequence that was not observed, whose log p(x) is 0.

    **Raises:** `ValueError` for a length that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.GRU(3, 2, width=8, key=jax.random.key(0))
    >>> family = lb.Autoregressive(network, 4)
    >>> family.size                                                      # the context
    2
    >>> p = family(jnp.zeros(2))
    >>> p.sample(jax.random.key(1), (5,)).shape
    (5, 4)
    >>> p.log_prob(jnp.array([[1, 2, 0, 0], [1, 0, 2, 0]]))[1].item()    # a token after the end
    -inf
    """

    network: NextToken
    event_size: int = eqx.field(static=True)
    missing: bool = eqx.field(static=True, default=False)

    def __init__(self, network: NextToken, length: int, *, missing: bool = False):
        self.network, self.missing = network, missing
        self.event_size = positive_size("Autoregressive.length", length)

    @property
    def size(self) -> int:
        return self.network.context_size

    @property
    def support(self) -> Constraint:
        return Sequences(self.network.vocabulary, missing=self.missing)

    @property
    def together(self) -> tuple[tuple[int, ...], ...]:
        return (tuple(range(self.event_size)),)

    def taking_missing(self) -> Autoregressive:
        return Autoregressive(self.network, self.event_size, missing=True)

    def __call__(self, parameters: Float[Array, " size"]) -> SequenceDistribution:
        context = jnp.asarray(parameters, float)
        return SequenceDistribution(self.network, context, self.event_size, missing=self.missing)

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        return self(parameters).greedy()
