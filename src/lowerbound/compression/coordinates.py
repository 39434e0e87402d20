"""Coordinates v of z in which p(z) is N(0, I), and q(z∣x) as a Gaussian in them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import ndtr, ndtri
from jax.scipy.stats import norm
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.transforms import AffineTransform, Transform

from lowerbound.compression.source import Source
from lowerbound.evidence.coordinates import Target
from lowerbound.evidence.refined import Refined, fitted
from lowerbound.models.draws import Sampler

__all__ = ["gaussian", "whitening"]


def whitening(p: Distribution) -> Transform:
    """The map from v ~ N(0, I) to z ~ p(z), dimension by dimension: z = F⁻¹(Φ(v)).

    **Raises:** `TypeError` for a prior whose dimensions are not independent, or that has no quantiles.

    >>> import lowerbound as lb
    >>> whitening(lb.StandardPrior(lb.Exponential(1))())(jnp.zeros(1)).round(4).tolist()      # log 2
    [0.6931]
    """
    each = p.base_dist if isinstance(p, dist.Independent) and p.reinterpreted_batch_ndims == 1 else None
    while isinstance(each, dist.ExpandedDistribution):
        each = each.base_dist
    if isinstance(each, dist.Normal):
        loc, scale = (jnp.broadcast_to(value, p.event_shape) for value in (each.loc, each.scale))
        return AffineTransform(loc, scale, domain=constraints.real_vector)
    if each is None or each.support.is_discrete or not _has_quantiles(each):
        kind = type(p if each is None else each).__name__
        raise TypeError(
            "compress: expected a prior of independent dimensions, whose quantiles are the ends of buckets, "
            f"found {kind}"
        )
    return _ByQuantile(each)


def _has_quantiles(each: Distribution) -> bool:
    try:
        each.cdf(each.icdf(jnp.full(each.batch_shape, 0.5)))
    except NotImplementedError:
        return False
    return True


class _ByQuantile(Transform):
    """z = F⁻¹(Φ(v)) of every dimension."""

    domain, codomain = constraints.real, constraints.real

    def __init__(self, each: Distribution):
        self.each = each

    def __call__(self, v: Array) -> Array:
        return self.each.icdf(ndtr(v))

    def _inverse(self, z: Array) -> Array:
        return ndtri(self.each.cdf(z))

    def log_abs_det_jacobian(self, v: Array, z: Array, intermediates: object = None) -> Array:
        return norm.logpdf(v) - self.each.log_prob(z)

    def tree_flatten(self) -> tuple[Any, Any]:
        return (self.each,), (("each",), {})


def gaussian(
    sampler: Sampler, source: Source, key: PRNGKeyArray
) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    """Mean and a root of the covariance of z∣x in the coordinates v: of the Gaussian of the highest bound for
    the row (`"refined"`), or of q(z∣x) itself (`"encoder"`).

    **Raises:** `TypeError` for a q(z∣x) that is no Gaussian over v.
    """
    onto = whitening(sampler.p)
    if source == "refined":
        target = Target(sampler, onto)
        fit = Refined(target, fitted(target, key)).best
        return fit.mean, fit.root if fit.root.ndim == 2 else jnp.diag(fit.root)
    q = sampler.q
    if isinstance(onto, AffineTransform):
        if isinstance(q, dist.Independent) and isinstance(q.base_dist, dist.Normal):
            return onto.inv(q.base_dist.loc), jnp.diag(q.base_dist.scale / onto.scale)
        if isinstance(q, dist.MultivariateNormal):
            return onto.inv(q.loc), q.scale_tril / onto.scale[:, None]
        if isinstance(q, dist.LowRankMultivariateNormal):
            return onto.inv(q.loc), jnp.linalg.cholesky(q.covariance_matrix) / onto.scale[:, None]
    raise TypeError(
        f'compress: expected for posterior="encoder" a Gaussian q(z∣x) under a Gaussian prior, found '
        f'{type(q).__name__} under {type(sampler.p).__name__}; posterior="refined" takes every one'
    )
