"""KL(q ‖ p) in closed form, for every pair that has one."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import gammaln
from jaxtyping import Array
from numpyro.distributions import Distribution, transforms

from lowerbound.distributions.implicit import beta_divergence, dirichlet_divergence, gamma_divergence
from lowerbound.distributions.location_scale import UniformDistribution
from lowerbound.distributions.quantile import ByQuantile
from lowerbound.distributions.sphere import PowerSphericalDistribution, UniformOnSphere, uniform_divergence

__all__ = ["kl_divergence"]


def kl_divergence(q: Distribution, p: Distribution) -> Array:
    """KL(q ‖ p) = E_q[log q(z) − log p(z)] in nats, in closed form.

    Gaussians of any covariance; Bernoulli, Categorical; Gamma, Beta, Dirichlet; Laplace, Cauchy, Gumbel,
    Pareto and Uniform among their own; Exponential, Weibull and Rayleigh among one another; Laplace and
    Uniform to Gaussian; two distributions under one change of variables, as LogNormal; power spherical to
    uniform; and what NumPyro knows. Infinite where q has mass that p has not.

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
    """The distribution without what changes its shape, or how it is sampled, alone."""
    while isinstance(d, (dist.ExpandedDistribution, ByQuantile)):
        d = d.base_dist
    return d


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


def _low_rank_diagonal(q: Distribution, p: Distribution) -> Array:
    """The same, log det Σq being that of a matrix as small as the rank."""
    mean, scale = _diagonal(p)
    return _to_normal(q.mean, q.variance, mean, scale).sum(-1) - q.entropy()


def _to_normal(mean: Array, variance: Array, mean_p: Array, scale_p: Array) -> Array:
    """−E_q[log N(z; μp, σp²)] = ½ log 2π + log σp + (var z + (E z − μp)²)/(2σp²)."""
    squared = (variance + (mean - mean_p) ** 2) / scale_p**2
    return 0.5 * (jnp.log(2 * jnp.pi) + squared) + jnp.log(scale_p)


def _normal(q: Distribution, p: Distribution) -> Array:
    """Any q of known moments and entropy."""
    return _to_normal(q.mean, q.variance, p.loc, p.scale) - q.entropy()


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


def _laplace(q: Distribution, p: Distribution) -> Array:
    """log(σp/σq) + ∣μq − μp∣/σp + (σq/σp) exp(−∣μq − μp∣/σq) − 1."""
    apart, ratio = jnp.abs(q.loc - p.loc), q.scale / p.scale
    return ratio - 1 - jnp.log(ratio) + apart / p.scale + ratio * jnp.expm1(-apart / q.scale)


def _cauchy(q: Distribution, p: Distribution) -> Array:
    """log [((σq + σp)² + (μq − μp)²)/(4σqσp)] (Chyzak & Nielsen 2019, theorem 1)."""
    return jnp.log1p(((q.scale - p.scale) ** 2 + (q.loc - p.loc) ** 2) / (4 * q.scale * p.scale))


def _gumbel(q: Distribution, p: Distribution) -> Array:
    return _extreme_value(q.scale / p.scale, (p.loc - q.loc) / p.scale)


def _weibull(q: Distribution, p: Distribution) -> Array:
    """By its logarithm, a Gumbel distribution turned round (the result is that of Bauckhage 2013)."""
    (log_scale_q, k_q), (log_scale_p, k_p) = _scale_and_shape(q), _scale_and_shape(p)
    return _extreme_value(k_p / k_q, k_p * (log_scale_q - log_scale_p))


def _extreme_value(r: Array, t: Array) -> Array:
    """eᵗ Γ(1 + r) − 1 − t − log r + γ(r − 1), r = σq/σp and t = (μp − μq)/σp of two Gumbel distributions."""
    return jnp.expm1(t + gammaln(1 + r)) - t - jnp.log(r) + jnp.euler_gamma * (r - 1)


def _scale_and_shape(d: Distribution) -> tuple[Array, Array]:
    """log λ and k of a Weibull distribution; the exponential distribution is that of shape 1."""
    if isinstance(d, dist.Exponential):
        return -jnp.log(d.rate), jnp.ones_like(d.rate)
    return jnp.log(d.scale), d.concentration


def _pareto(q: Distribution, p: Distribution) -> Array:
    """log(αq/αp) + αp/αq − 1 + αp log(mq/mp); q has mass below mp where mq < mp."""
    log_ratio = jnp.log(p.alpha) - jnp.log(q.alpha)
    above = jnp.log(q.scale) - jnp.log(p.scale)
    return jnp.where(above < 0, jnp.inf, jnp.expm1(log_ratio) - log_ratio + p.alpha * above)


def _uniform(q: Distribution, p: Distribution) -> Array:
    """log(width of p) − log(width of q), where p reaches as far as q at both ends."""
    inside = (p.low <= q.low) & (q.high <= p.high)
    return jnp.where(inside, p.entropy() - q.entropy(), jnp.inf)


def _same_bijection(q: Distribution, p: Distribution) -> Array:
    """That of the distributions underneath: KL does not change under a bijection."""
    folds = any(isinstance(g, transforms.AbsTransform) for g in q.transforms)
    if folds or q.transforms != p.transforms:
        raise NotImplementedError("KL(q ‖ p) of two distributions under different changes of variables")
    return kl_divergence(q.base_dist, p.base_dist)


def _none(q: Distribution, p: Distribution) -> Array:
    raise NotImplementedError(f"KL({type(q).__name__} ‖ {type(p).__name__}) has no closed form")


_Bernoulli = (dist.BernoulliLogits, dist.BernoulliProbs)
_Categorical = (dist.CategoricalLogits, dist.CategoricalProbs)
_Correlated = (dist.MultivariateNormal, dist.LowRankMultivariateNormal)
_Weibull = (dist.Weibull, dist.Exponential)
_Uniform = (dist.Uniform, UniformDistribution)
_Rule = tuple[type | tuple[type, ...], type | tuple[type, ...], Callable[[Distribution, Distribution], Array]]
_CLOSED_FORMS: tuple[_Rule, ...] = (
    (dist.LowRankMultivariateNormal, dist.Independent, _low_rank_diagonal),
    (_Correlated, _Correlated, _full_full),
    (_Correlated, dist.Independent, _full_diagonal),
    (dist.Independent, _Correlated, _diagonal_full),
    (_Bernoulli, _Bernoulli, _bernoulli),
    (_Categorical, _Categorical, _categorical),
    (dist.Laplace, dist.Laplace, _laplace),
    (dist.Cauchy, dist.Cauchy, _cauchy),
    (dist.Gumbel, dist.Gumbel, _gumbel),
    (_Weibull, _Weibull, _weibull),
    (dist.Pareto, dist.Pareto, _pareto),
    (_Uniform, _Uniform, _uniform),
    ((dist.Laplace, *_Uniform), dist.Normal, _normal),
    (dist.TransformedDistribution, dist.TransformedDistribution, _same_bijection),
    # NumPyro's is ten terms of a series.
    (dist.Kumaraswamy, dist.Beta, _none),
    (dist.Gamma, dist.Gamma, gamma_divergence),
    (dist.Beta, dist.Beta, beta_divergence),
    (dist.Dirichlet, dist.Dirichlet, dirichlet_divergence),
    (PowerSphericalDistribution, UniformOnSphere, uniform_divergence),
)
