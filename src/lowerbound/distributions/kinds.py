"""What some distributions offer, or say of themselves, beyond NumPyro's interface: four abstract classes."""

from __future__ import annotations

from abc import abstractmethod

import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution

from lowerbound.distributions.discrete import LevelsDistribution
from lowerbound.distributions.mixed import MixedDistribution
from lowerbound.distributions.quantile import ByQuantile

__all__ = [
    "MovingSupport",
    "OnePass",
    "Relaxed",
    "Scored",
    "made_of",
    "sample_with_log_prob",
    "takes_indices",
]


class OnePass(Distribution):
    """A distribution whose sample comes with its log-density: a flow need not be inverted for it."""

    @abstractmethod
    def sample_with_log_prob(self, key: PRNGKeyArray) -> tuple[Array, Array]:
        """The z of `sample(key)` and log q(z) in nats."""


class Scored(OnePass):
    """A distribution whose sample comes with its log-density and its score."""

    @abstractmethod
    def sample_with_score(
        self, key: PRNGKeyArray
    ) -> tuple[Float[Array, " d"], Float[Array, ""], Float[Array, " d"]]:
        """The z of `sample(key)`, log q(z) in nats, and ∇_z log q(z) with the parameters held."""


class MovingSupport(Distribution):
    """A distribution whose parameters move the set on which it has mass: what differentiates log q(z) at a
    fixed z misses the ends."""


class Relaxed(Distribution):
    """A relaxation of a discrete code: a bound with it is that of the model whose code is relaxed."""


# NumPyro's and our distributions that are another one, `base_dist`, in another shape or on other values.
_AROUND = (
    dist.ExpandedDistribution,
    dist.Independent,
    dist.MaskedDistribution,
    dist.TransformedDistribution,
    ByQuantile,
)


def made_of(q: Distribution, kind: type[Distribution] | tuple[type[Distribution], ...]) -> bool:
    """Whether `q`, or a distribution that it is made of, is of this kind.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> made_of(lb.Uniform(2)(jnp.zeros(4)), MovingSupport), made_of(lb.Laplace(2)(jnp.zeros(4)), Relaxed)
    (True, False)
    """
    if isinstance(q, MixedDistribution):
        return any(made_of(block, kind) for block in q.blocks)
    return isinstance(q, kind) or (isinstance(q, _AROUND) and made_of(q.base_dist, kind))


def takes_indices(p: Distribution) -> bool:
    """Whether a value of `p` is an index, which NumPyro's own categorical distributions take as whole numbers
    alone; ours take floats, and so may stand beside real numbers.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> logits = jnp.zeros(3)
    >>> takes_indices(dist.Categorical(logits=logits)), takes_indices(lb.Categorical(1, 3)(logits))
    (True, False)
    """
    own = (dist.CategoricalProbs, dist.CategoricalLogits)
    return made_of(p, own) and not made_of(p, LevelsDistribution)


def sample_with_log_prob(q: Distribution, key: PRNGKeyArray) -> tuple[Array, Array]:
    """z ~ q and log q(z), in one pass where the distribution, or that of its single dimensions, is
    [`OnePass`][]."""
    if isinstance(q, OnePass):
        return q.sample_with_log_prob(key)
    if isinstance(q, dist.Independent) and isinstance(q.base_dist, OnePass):
        z, log_q = q.base_dist.sample_with_log_prob(key)
        return z, log_q.sum(axis=tuple(range(-q.reinterpreted_batch_ndims, 0)))
    z = q.sample(key)
    return z, q.log_prob(z)
