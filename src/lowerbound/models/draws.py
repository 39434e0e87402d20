"""What is drawn from a model at one data point: samples of z with their log-densities."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.by_column import log_prob_by_column
from lowerbound.distributions.divergence import kl_divergence
from lowerbound.distributions.kinds import MovingSupport, Scored, made_of, sample_with_log_prob, takes_indices
from lowerbound.distributions.support import range_of, same_support, words
from lowerbound.models.part import Events
from lowerbound.randomness.keys import keys_of

if TYPE_CHECKING:
    from lowerbound.models.latent_model import LatentModel

__all__ = ["Draw", "Sampler", "check_agreement", "few_values"]


class Draw(eqx.Module):
    """K samples z⁽ʲ⁾ ~ q(z∣x) of one data point with their log-densities, each of shape (K,), in nats.

    `log_likelihood` is log p(x∣z) in the units of x: log p(y∣z) of the row y = T(x) that the parts see, plus
    the transform's `log_jacobian`, log ∣det ∂y/∂x∣. `kl` is KL(q(z∣x) ‖ p(z)) in closed form, `None` where
    there is none. `weighed_likelihood` is log p(x∣z) with a weight on each column's term, `None` where all
    count alike. `reparameterized` says whether the samples are differentiable functions of the posterior's
    parameters; `enumerated`, that z holds every value that the posterior has, once each, in place of samples.
    """

    z: Float[Array, "K ..."]
    log_likelihood: Float[Array, " K"]
    log_prior: Float[Array, " K"]
    log_posterior: Float[Array, " K"]
    kl: Float[Array, ""] | None
    log_jacobian: Float[Array, ""]
    reparameterized: bool = eqx.field(static=True)
    enumerated: bool = eqx.field(static=True, default=False)
    weighed_likelihood: Float[Array, " K"] | None = None

    @property
    def log_weight(self) -> Float[Array, " K"]:
        """log w = log p(x∣z) + log p(z) − log q(z∣x); E_q[w] = p(x)."""
        return self.log_likelihood + self.log_prior - self.log_posterior

    def expectation(self, values: Float[Array, " K"]) -> Float[Array, ""]:
        """E_q of a function of z that is `values` at the samples: their mean, or Σ q(z∣x) f(z) over all z."""
        return (jnp.exp(self.log_posterior) * values).sum() if self.enumerated else values.mean()


class Sampler:
    """q(z∣x) and p(z) of one data point, built once: draws are made from it, stream after stream.

    **Arguments:** `model`; `y`: the data point as the parts see it; `log_jacobian`: log ∣det ∂y/∂x∣, which is
    added to what is said of y; `given`: its condition; `column_weights`: what each column's term of
    log p(y∣z) counts in a draw's `weighed_likelihood`.
    """

    def __init__(
        self,
        model: LatentModel,
        y: Array,
        log_jacobian: Float[Array, ""],
        given: Array | None = None,
        column_weights: Float[Array, " d"] | None = None,
    ):
        self.model, self.y, self.log_jacobian, self.given = model, y, log_jacobian, given
        self.column_weights = column_weights
        self.q, self.p = model.q_z(y, given), model.p_z(given)
        if self.q.event_shape != self.p.event_shape:
            raise ValueError(
                f"the posterior is over events of shape {self.q.event_shape} and the prior over "
                f"{self.p.event_shape}; they must agree"
            )
        if not self.moving_support:
            check_agreement(Events(self.q.support), Events(self.p.support))

    @property
    def moving_support(self) -> bool:
        """Whether the set on which q(z∣x) has mass depends on its parameters."""
        return made_of(self.q, MovingSupport)

    def __call__(self, key: PRNGKeyArray, indices: Int[Array, " K"]) -> Draw:
        """The samples of these numbers; sample j depends on (key, j) only."""
        keys = keys_of(key, indices)
        return self.at(*_over_samples(lambda key: sample_with_log_prob(self.q, key), keys))

    def log_likelihood(self, z: Array) -> Float[Array, ""]:
        """log p(x∣z) of one z, in the units of x."""
        p = self.model.p_x(z, self.given)
        return p.log_prob(self._value(p)) + self.log_jacobian

    def _both_likelihoods(
        self, z: Array, weights: Float[Array, " d"]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """log p(x∣z) of one z, and with each column's term weighed."""
        p = self.model.p_x(z, self.given)
        terms = log_prob_by_column(p, self._value(p))
        if weights.shape != terms.shape:
            raise ValueError(
                f"column_weights: expected one number for each of {len(terms)} columns, found {len(weights)}"
            )
        return terms.sum() + self.log_jacobian, (weights * terms).sum() + self.log_jacobian

    def _value(self, p: Distribution) -> Array:
        return self.y.astype(int) if takes_indices(p) else self.y

    def at(self, z: Array, log_posterior: Float[Array, " K"]) -> Draw:
        """The draw that consists of these z, whose log q(z∣x) is known."""
        if self.column_weights is None:
            log_likelihood, weighed = _over_samples(self.log_likelihood, z), None
        else:
            of_z = partial(self._both_likelihoods, weights=self.column_weights)
            log_likelihood, weighed = _over_samples(of_z, z)
        return Draw(
            z=z,
            log_likelihood=log_likelihood,
            weighed_likelihood=weighed,
            log_prior=_over_samples(self.p.log_prob, z),
            log_posterior=log_posterior,
            kl=_closed_form(self.q, self.p),
            log_jacobian=self.log_jacobian,
            reparameterized=bool(self.q.has_rsample),
        )

    def frozen(self, key: PRNGKeyArray, indices: Int[Array, " K"]) -> tuple[Array, Callable[[Array], Array]]:
        """Samples z, and z ↦ log q(z∣x) with φ held: to first order about the samples, so that its gradient
        is the path through z alone, wherever the posterior keeps its parameters."""
        keys, stop = keys_of(key, indices), jax.lax.stop_gradient
        if isinstance(self.q, Scored):  # an inverse flow, which is not to be inverted
            z, log_q, score = jax.vmap(self.q.sample_with_score)(keys)
        else:
            z = jax.vmap(self.q.sample)(keys)
            log_q, score = jax.vmap(jax.value_and_grad(self.q.log_prob))(stop(z))
        return z, lambda z: stop(log_q) + (stop(score) * (z - stop(z))).sum(tuple(range(1, z.ndim)))

    @property
    def all_values(self) -> Array:
        """Every value of z, (values, d), for a posterior over a few whole numbers a dimension.

        **Raises:** `TypeError` where there are more than 4,096, or infinitely many.
        """
        levels = _levels(self.q.support)
        if levels is None:
            raise TypeError(
                f"a sum over every z needs codes of a few whole numbers, and the posterior is over "
                f"{words(self.q.support)}"
            )
        d = math.prod(self.q.event_shape)
        if not few_values(self.q.support, d):
            raise TypeError(
                f"a sum over every z is over {len(levels)}^{d} of them, of at most {_FEW}; as a gradient use "
                '"vimco" or "score_function", or a relaxed family'
            )
        return jnp.asarray(list(itertools.product(levels, repeat=d)), float).reshape(-1, *self.q.event_shape)


# Values of z over which a sum is taken.
_FEW = 4096


def _levels(support: Constraint) -> range | None:
    """The values of one dimension, where they are whole numbers and end."""
    span = range_of(support)
    if span is None or not span.whole or not math.isfinite(span.high - span.low):
        return None
    return range(int(span.low), int(span.high) + 1)


def few_values(support: Constraint, dimensions: int) -> bool:
    """Whether z has so few values that a sum over all of them is taken.

    >>> import lowerbound as lb
    >>> few_values(lb.Bernoulli(8).support, 8), few_values(lb.Bernoulli(20).support, 20)
    (True, False)
    """
    levels = _levels(support)
    return levels is not None and len(levels) ** dimensions <= _FEW


def _over_samples(function: Callable[[Array], Any], samples: Array) -> Any:
    """`jax.vmap(function)(samples)`. A single sample goes without the axis, which would cost the gradients of
    a decoder's weights a transpose each (XLA merges the axes of rows and samples by copying)."""
    if len(samples) > 1:
        return jax.vmap(function)(samples)
    return jax.tree.map(lambda leaf: leaf[None], function(samples[0]))


def check_agreement(posterior: Events, prior: Events) -> None:
    """Whether q and p are over one set. Where q has mass that p has not, the KL is infinite; where p has
    mass that q has not, log p(x) is out of reach."""
    if None not in (posterior.size, prior.size) and posterior.size != prior.size:
        raise ValueError(
            f"the posterior is over {posterior.size} latent dimensions and the prior over {prior.size}; they "
            "must agree"
        )
    q, p = posterior.support, prior.support
    if q is not None and p is not None and not same_support(q, p):
        raise ValueError(
            f"the posterior is over {words(q)} and the prior over {words(p)}; they must be over one set: "
            "take the posterior's family for the prior (StandardPrior(family), or LearnedPrior(family)), or "
            "a family over the prior's set (a bijection changes it)"
        )


def _closed_form(q: Distribution, p: Distribution) -> Array | None:
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return None
