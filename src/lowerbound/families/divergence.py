"""KL(q ‖ p) in closed form, for every pair that has one."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array
from numpyro.distributions import Distribution

__all__ = ["kl_divergence"]


def kl_divergence(q: Distribution, p: Distribution) -> Array:
    """KL(q ‖ p) = E_q[log q(z) − log p(z)] in nats, in closed form.

    Gaussians of either covariance, Bernoulli, Categorical, and what NumPyro knows.

    **Raises:** `NotImplementedError` where the pair has no closed form here.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> q = lb.DiagonalGaussian(2)(jnp.array([1.0, 0.0, 0.0, 0.0]))
    >>> float(kl_divergence(q, lb.StandardNormal(2)()))              # ½ μ²
    0.5
    """
    if isinstance(q, dist.Independent) and isinstance(p, dist.Independent):
        dims = q.reinterpreted_batch_ndims
        if dims == p.reinterpreted_batch_ndims:
            inner = kl_divergence(q.base_dist, p.base_dist)
            return inner.sum(axis=tuple(range(-dims, 0)))
    shape = jnp.broadcast_shapes(q.batch_shape, p.batch_shape)
    q, p = _unexpanded(q), _unexpanded(p)
    for type_q, type_p, formula in _CLOSED_FORMS:
        if isinstance(q, type_q) and isinstance(p, type_p) and _simple(q) and _simple(p):
            return jnp.broadcast_to(formula(q, p), shape)
    return jnp.broadcast_to(dist.kl_divergence(q, p), shape)


def _unexpanded(d: Distribution) -> Distribution:
    return d.base_dist if isinstance(d, dist.ExpandedDistribution) else d


def _simple(d: Distribution) -> bool:
    """Whether an `Independent` is a diagonal Gaussian over a vector; any other distribution passes."""
    return not isinstance(d, dist.Independent) or (
        isinstance(_unexpanded(d.base_dist), dist.Normal) and d.reinterpreted_batch_ndims == 1
    )


def _diagonal(d: Distribution) -> tuple[Array, Array]:
    """μ and σ of a diagonal Gaussian, each as long as the event: NumPyro keeps a shared scale as one."""
    normal = _unexpanded(d.base_dist)
    return jnp.broadcast_to(normal.loc, d.event_shape), jnp.broadcast_to(normal.scale, d.event_shape)


def _gaussian(mean_q: Array, L_q: Array, mean_p: Array, L_p: Array) -> Array:
    """½ [tr(Σp⁻¹Σq) + (μp − μq)ᵀ Σp⁻¹ (μp − μq) − d + log det Σp − log det Σq], Σ = LLᵀ."""
    scaled = jax.scipy.linalg.solve_triangular(L_p, L_q, lower=True)
    shift = jax.scipy.linalg.solve_triangular(L_p, mean_p - mean_q, lower=True)
    log_det = jnp.log(jnp.diagonal(L_p)).sum() - jnp.log(jnp.diagonal(L_q)).sum()
    return 0.5 * ((scaled**2).sum() + (shift**2).sum() - mean_q.shape[-1]) + log_det


def _full_full(q: Distribution, p: Distribution) -> Array:
    return _gaussian(q.mean, q.scale_tril, p.mean, p.scale_tril)


def _full_diagonal(q: Distribution, p: Distribution) -> Array:
    """The same with Σp diagonal, so that nothing is solved."""
    mean, scale = _diagonal(p)
    scaled, shift = q.scale_tril / scale[:, None], (mean - q.mean) / scale
    log_det = jnp.log(scale).sum() - jnp.log(jnp.diagonal(q.scale_tril)).sum()
    return 0.5 * ((scaled**2).sum() + (shift**2).sum() - scale.shape[-1]) + log_det


def _diagonal_full(q: Distribution, p: Distribution) -> Array:
    mean, scale = _diagonal(q)
    return _gaussian(mean, jnp.diag(scale), p.mean, p.scale_tril)


def _bernoulli(q: Distribution, p: Distribution) -> Array:
    """π (log π − log ρ) + (1 − π) (log(1 − π) − log(1 − ρ)), through logits."""
    on = jax.nn.log_sigmoid(q.logits) - jax.nn.log_sigmoid(p.logits)
    off = jax.nn.log_sigmoid(-q.logits) - jax.nn.log_sigmoid(-p.logits)
    return q.probs * on + (1 - q.probs) * off


def _categorical(q: Distribution, p: Distribution) -> Array:
    """Σₖ πₖ (log πₖ − log ρₖ)."""
    log_q, log_p = jax.nn.log_softmax(q.logits), jax.nn.log_softmax(p.logits)
    return (jnp.exp(log_q) * (log_q - log_p)).sum(-1)


_Bernoulli = (dist.BernoulliLogits, dist.BernoulliProbs)
_Categorical = (dist.CategoricalLogits, dist.CategoricalProbs)
_Rule = tuple[type | tuple[type, ...], type | tuple[type, ...], Callable[[Distribution, Distribution], Array]]
_CLOSED_FORMS: tuple[_Rule, ...] = (
    (dist.MultivariateNormal, dist.MultivariateNormal, _full_full),
    (dist.MultivariateNormal, dist.Independent, _full_diagonal),
    (dist.Independent, dist.MultivariateNormal, _diagonal_full),
    (_Bernoulli, _Bernoulli, _bernoulli),
    (_Categorical, _Categorical, _categorical),
)
