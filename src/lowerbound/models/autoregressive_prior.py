"""A prior whose dimensions follow one another, each a mixture given those before it."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import PRNGKeyArray
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.autoregressive import AutoregressiveMixture, OneByOne
from lowerbound.families.family import positive_size
from lowerbound.models.part import Events, Part
from lowerbound.networks.masked import MaskedMLP

__all__ = ["AutoregressivePrior"]


class AutoregressivePrior(Part):
    """z₁ … z_d one after the other, each from a mixture of Gaussians that those before it choose through a
    masked network (MADE with mixtures, Papamakarios et al. 2017; as a prior, Chen et al. 2017):

        log p(z) = Σᵢ log Σₖ πₖ(z₁…ᵢ₋₁) N(zᵢ; μₖ(z₁…ᵢ₋₁), σₖ²(z₁…ᵢ₋₁)).

    It follows an aggregate posterior of many pieces apart, as that of rows which come back exactly, where a
    flow, which bends one Gaussian, has to leave a bridge between any two. The density of any value takes
    one pass; a sample is drawn a dimension at a time. At the start it is near N(0, I).

    **Arguments:** `event_size`: d; `components`: members of each mixture; `width`, `depth`: units and number
    of hidden layers of the network; `key`: for its initial weights.

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> prior = lb.AutoregressivePrior(3, components=4, width=12, key=jax.random.key(0))
    >>> prior().log_prob(jnp.zeros((5, 3))).shape, prior().sample(jax.random.key(1)).shape
    ((5,), (3,))
    """

    network: OneByOne

    def __init__(
        self, event_size: int, *, components: int = 10, width: int = 256, depth: int = 2, key: PRNGKeyArray
    ):
        positive_size("AutoregressivePrior", event_size)
        blocks = 3 * positive_size("AutoregressivePrior.components", components)
        network = MaskedMLP(event_size, blocks, width=width, depth=depth, key=key)
        # Near N(0, I), whatever stands before.
        self.network = eqx.tree_at(lambda mlp: mlp.weights[-1], network, 0.1 * network.weights[-1])

    @property
    def event_size(self) -> int:
        """d."""
        return self.network.in_size

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    @property
    def events(self) -> Events:
        return Events(self.support, self.event_size)

    def __call__(self) -> AutoregressiveMixture:
        return AutoregressiveMixture(self.network)
