"""Gradient estimators: how ∇ of a bound is estimated from draws, whatever the bound.

Each makes a draw from q(z∣x), and returns the bound's value at it in a form whose `jax.grad` is the
estimator. The two routes of the derivations: through the sample, ∇φ E_q[f(z)] = E_ε[∇φ f(g(ε, φ))], and
through the density, ∇φ E_q[f(z)] = E_q[f(z) ∇φ log q(z)].
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.models.draws import Draw, Sampler
from lowerbound.parts import BLOCKS, REAL, part, suggested

__all__ = [
    "DoublyReparameterized",
    "Enumeration",
    "Gradient",
    "Reparameterized",
    "ScoreFunction",
    "StickingTheLanding",
    "gradient_named",
    "vimco",
]

Terms = dict[str, Float[Array, ""]]
Bound = Callable[[Draw], tuple[Float[Array, ""], Terms]]
stop = jax.lax.stop_gradient


class Gradient(eqx.Module):
    """An estimator of the gradient of a bound of K samples."""

    @abstractmethod
    def __call__(
        self, bound: Bound, sampler: Sampler, key: PRNGKeyArray, samples: int, running: Terms | None
    ) -> tuple[Float[Array, ""], Terms]:
        """The bound's value and terms at a draw; `jax.grad` of the value is the estimator. `running` holds
        the running means of the terms over past steps, where there are any."""


class Reparameterized(Gradient):
    """Pathwise: z = g(ε, φ) is differentiated (Kingma & Welling 2014, eq. 10; Rezende et al. 2014)."""

    def __call__(
        self, bound: Bound, sampler: Sampler, key: PRNGKeyArray, samples: int, running: Terms | None
    ) -> tuple[Float[Array, ""], Terms]:
        _check_pathwise(sampler, "reparameterized")
        return bound(sampler(key, jnp.arange(samples)))


class StickingTheLanding(Gradient):
    """Pathwise without the score term: ∇φ log q(z∣x) at fixed z has mean 0 and is dropped, so that the
    variance vanishes where q(z∣x) = p(z∣x) (Roeder, Wu & Duvenaud 2017). For bounds that are linear in
    log w; inside a logarithm the dropped term has another mean, and the form is
    [`DoublyReparameterized`][]."""

    def __call__(
        self, bound: Bound, sampler: Sampler, key: PRNGKeyArray, samples: int, running: Terms | None
    ) -> tuple[Float[Array, ""], Terms]:
        _check_pathwise(sampler, "sticking_the_landing")
        z, log_posterior = sampler.frozen(key, jnp.arange(samples))
        return bound(sampler.at(z, log_posterior(z)))


class DoublyReparameterized(Gradient):
    """Pathwise, the score term reparameterised once more (Tucker et al. 2019).

    For a bound B(l₁, …, l_K) of log-weights l = log w with v = ∂B/∂l, the path through zⱼ counts
    vⱼ − ∂²B/∂lⱼ², and the parameters of prior and likelihood vⱼ. For IWAE that is w̃ⱼ² and w̃ⱼ,
    w̃ = w/Σw; for Rényi bounds α w̃ⱼ + (1 − α) w̃ⱼ², w̃ ∝ w^{1−α}.
    """

    def __call__(
        self, bound: Bound, sampler: Sampler, key: PRNGKeyArray, samples: int, running: Terms | None
    ) -> tuple[Float[Array, ""], Terms]:
        _check_pathwise(sampler, "doubly_reparameterized")
        z, log_posterior = sampler.frozen(key, jnp.arange(samples))
        first = stop(sampler.at(stop(z), log_posterior(stop(z))).log_weight)
        share = _path_share(lambda log_w: bound(_of_log_weights(log_w))[0], first)
        # Same values as z, whose gradient is multiplied by the share.
        z = stop(z) + share.reshape(-1, *[1] * (z.ndim - 1)) * (z - stop(z))
        return bound(sampler.at(z, log_posterior(z)))


class ScoreFunction(Gradient):
    """Through the density: ∇φ E_q[f] = E_q[(f − b) ∇φ log q + ∇φ f] (REINFORCE; Mnih & Gregor 2014). It
    needs no path through z, so that z may be discrete.

    The baseline bⱼ does not depend on zⱼ and only lowers the variance. It is the bound with sample j
    replaced: `"leave_one_out"` puts the mean of the other samples' terms in its place (Kool et al. 2019;
    for IWAE that is VIMCO, Mnih & Rezende 2016) and needs at least 2 samples; `"running"` the means of past
    training steps; `None` zeros, which leaves a mean of K samples with K terms fⱼ ∇φ log q(zⱼ∣x)/K.
    """

    baseline: Literal["leave_one_out", "running"] | None = eqx.field(static=True, default="running")

    def __check_init__(self) -> None:
        if self.baseline not in ("leave_one_out", "running", None):
            raise ValueError(
                f"ScoreFunction.baseline: expected leave_one_out, running or None; found {self.baseline!r}"
            )

    def __call__(
        self, bound: Bound, sampler: Sampler, key: PRNGKeyArray, samples: int, running: Terms | None
    ) -> tuple[Float[Array, ""], Terms]:
        if sampler.moving_support:
            raise TypeError(_moving("score_function"))
        indices = jnp.arange(samples)
        z = stop(sampler(key, indices).z)
        draw = sampler.at(z, jax.vmap(sampler.q.log_prob)(z))
        value, terms = bound(draw)
        signal = stop(value - self._baseline(bound, draw, samples, running))
        score = draw.log_posterior - stop(draw.log_posterior)
        return value + (signal * score).sum(), terms

    def _baseline(self, bound: Bound, draw: Draw, samples: int, running: Terms | None) -> Float[Array, " K"]:
        parts = {name: getattr(draw, name) for name in ("log_likelihood", "log_prior", "log_posterior")}
        others = {name: jnp.zeros(samples) for name in parts}
        # Constant in z, so that it belongs to no sample's signal.
        others["log_likelihood"] += draw.log_jacobian
        if self.baseline == "leave_one_out":
            others = {name: (part.sum() - part) / (samples - 1) for name, part in parts.items()}
        elif self.baseline == "running" and running is not None:
            others["log_likelihood"] = jnp.full(samples, running["log_likelihood"])
            others["log_posterior"] += running["kl"]

        def with_replaced(j: Array) -> Array:
            replaced = [part.at[j].set(others[name][j]) for name, part in parts.items()]
            places = lambda d: [getattr(d, name) for name in parts]  # noqa: E731
            return bound(eqx.tree_at(places, draw, replaced))[0]

        return jax.vmap(with_replaced)(jnp.arange(samples))


class Enumeration(Gradient):
    """Exactly: the expectation is a sum over every z, Σ_z q(z∣x) f(z), and its gradient has no noise. For
    posteriors over a few whole numbers (Bernoulli, Categorical), at most 4,096 values of z."""

    def __call__(
        self, bound: Bound, sampler: Sampler, key: PRNGKeyArray, samples: int, running: Terms | None
    ) -> tuple[Float[Array, ""], Terms]:
        z = sampler.all_values
        draw = sampler.at(z, jax.vmap(sampler.q.log_prob)(z))
        return bound(dataclasses.replace(draw, enumerated=True))


def vimco() -> ScoreFunction:
    """Through the density, each sample against the mean of the others (Mnih & Rezende 2016)."""
    return ScoreFunction("leave_one_out")


def gradient_named(gradient: str | Gradient) -> Gradient:
    """The estimator that a name stands for; an estimator as it is.

    >>> gradient_named("vimco")
    ScoreFunction(baseline='leave_one_out')
    """
    if isinstance(gradient, Gradient):
        return gradient
    if not isinstance(gradient, str):
        raise TypeError(
            "gradient: expected a name, such as reparameterized, or an estimator, such as ScoreFunction(); "
            f"found {gradient!r}"
        )
    estimator: Gradient = part(gradient, "gradient")()
    return estimator


def _path_share(bound: Callable[[Array], Array], log_w: Float[Array, " K"]) -> Float[Array, " K"]:
    """1 − (∂²B/∂lⱼ²)/(∂B/∂lⱼ): the share of sample j's weight that its path has, for each j."""
    K, slope = len(log_w), jax.grad(bound)
    v = slope(log_w)
    # One column of the Hessian at a time, of which one number is kept: K × K would not fit for large K.
    of_sample = lambda j: jax.jvp(slope, (log_w,), (jax.nn.one_hot(j, K, dtype=log_w.dtype),))[1][j]  # noqa: E731
    curvature = jax.lax.map(of_sample, jnp.arange(K), batch_size=min(K, 64))
    return stop(jnp.where(v == 0, 0.0, 1 - curvature / jnp.where(v == 0, 1.0, v)))


def _of_log_weights(log_w: Float[Array, " K"]) -> Draw:
    """A draw of which nothing is known but its weights."""
    zero = jnp.zeros_like(log_w)
    return Draw(
        z=zero,
        log_likelihood=log_w,
        log_prior=zero,
        log_posterior=zero,
        kl=None,
        log_jacobian=jnp.zeros(()),
        reparameterized=True,
    )


def _check_pathwise(sampler: Sampler, gradient: str) -> None:
    if not sampler.q.has_rsample:
        raise TypeError(
            f"the posterior's distribution cannot be reparameterised (it has no rsample), so the "
            f'gradient="{gradient}" through its samples would be wrong; use gradient="vimco", '
            '"score_function" or, for few codes, "enumeration"; or a posterior with a path, such as '
            f"{suggested('posterior', REAL, 1)}, or {suggested('posterior', BLOCKS, 1)} for codes"
        )
    if sampler.moving_support and gradient != "reparameterized":
        raise TypeError(_moving(gradient))


def _moving(gradient: str) -> str:
    return (
        f'gradient="{gradient}" differentiates log q(z∣x) at fixed z, and the posterior\'s support moves '
        'with its parameters, so that it would be wrong; use gradient="reparameterized"'
    )
