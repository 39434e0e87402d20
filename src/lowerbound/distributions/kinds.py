"""What some distributions offer beyond NumPyro's interface."""

from __future__ import annotations

import numpyro.distributions as dist
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import Distribution

__all__ = ["sample_with_log_prob"]


def sample_with_log_prob(q: Distribution, key: PRNGKeyArray) -> tuple[Array, Array]:
    """z ~ q and log q(z), in one pass where the distribution offers that: a flow need not be inverted."""
    if hasattr(q, "sample_with_log_prob"):
        return q.sample_with_log_prob(key)
    if isinstance(q, dist.Independent) and hasattr(q.base_dist, "sample_with_log_prob"):
        z, log_q = q.base_dist.sample_with_log_prob(key)
        return z, log_q.sum(axis=tuple(range(-q.reinterpreted_batch_ndims, 0)))
    z = q.sample(key)
    return z, q.log_prob(z)
