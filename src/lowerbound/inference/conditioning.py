"""z of a row of which some values are known, p(z∣x_observed): samples whose weights are bounded.

z is drawn from a mixture of q(z∣x_observed) and p(z), and, where it was fitted, of the refined posterior of
the row, and weighed by the density of all together (Hesterberg 1995: a defensive mixture). So no weight is
above the prior's share⁻¹ times p(x_observed∣z), whatever the encoder does with holes that it never saw.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution

from lowerbound.data.chunks import in_chunks
from lowerbound.data.kept import by_name
from lowerbound.evidence.coordinates import Target, bijection
from lowerbound.evidence.refined import SHARES, Fit, Refined, fitted
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.part import Events
from lowerbound.randomness.keys import RowKeys, keys_of

__all__ = ["PERIOD", "Weighted", "can_be_fitted", "fits_of", "weighed"]

# Of ten samples nine are of q(z∣x) and one is of p(z); with a fit, as the evidence has it.
_SHARES = (9, 1)
PERIOD = sum(SHARES)
# Rows whose posteriors are fitted together.
_TOGETHER = 32


@by_name
class Weighted(NamedTuple):
    """K samples of z, and their log-weights, up to a constant."""

    z: Float[Array, "K ..."]
    log_weight: Float[Array, " K"]

    @property
    def weight(self) -> Float[Array, " K"]:
        """w̃ⱼ = wⱼ/Σw. Where no weight is above 0, of a row too far out, each sample is as good as another."""
        known = self._known
        return jax.nn.softmax(jnp.where(known.any(), jnp.where(known, self.log_weight, -jnp.inf), 0.0))

    @property
    def effective_sample_size(self) -> Float[Array, ""]:
        """1/Σw̃²: of how many samples that weigh the same a mean has the error; 0 where no weight is above 0.

        >>> float(Weighted(jnp.zeros((4, 1)), jnp.zeros(4)).effective_sample_size)
        4.0
        """
        return jnp.where(self._known.any(), 1 / (self.weight**2).sum(), 0.0)

    @property
    def _known(self) -> Array:
        return jnp.isfinite(self.log_weight)


def can_be_fitted(latent: Events) -> bool:
    """Whether p(z∣x) is followed by gradients over such a z.

    >>> import lowerbound as lb
    >>> [can_be_fitted(Events(family.support, 2)) for family in (lb.DiagonalGaussian(2), lb.Bernoulli(2))]
    [True, False]
    """
    try:
        bijection(latent.support)
    except TypeError:
        return False
    return True


def fits_of(model: LatentModel, key: PRNGKeyArray, x: np.ndarray, given: np.ndarray | None = None) -> Fit:
    """The Gaussians that are fitted to p(z∣x_observed) of each row of `x`, (n, d)."""
    # One shape, also for a single row: the program takes longer to compile than thirty fits do.
    found: Fit = in_chunks(_fits, (model, key), (x, given), chunk=_TOGETHER)
    return found


def _fits(constants: tuple[LatentModel, PRNGKeyArray], row: tuple[Array, Any]) -> Fit:
    (model, key), (x, given) = constants, row
    keys = RowKeys.by_content(key, x)
    return fitted(Target(model.sampler(x, keys.transform, given)), keys.draws)


def weighed(
    sampler: Sampler, key: PRNGKeyArray, count: int, fits: Fit | None = None, *, start: Array | int = 0
) -> Weighted:
    """`count` samples of z∣x_observed from number `start` on, both multiples of [`PERIOD`][], with the
    Gaussians `fits` of the row, where there are some. Sample j depends on (key, j) only."""
    q, p = sampler.q, sampler.p
    parts: tuple[Distribution, ...] = (q, p)
    shares: tuple[int, ...] = _SHARES
    if fits is not None:
        parts, shares = (Refined(Target(sampler), fits), q, p), SHARES
    stratum = np.repeat(np.arange(len(shares)), shares)[np.arange(count) % PERIOD]
    numbers = [np.flatnonzero(stratum == i) for i in range(len(parts))]
    z = jnp.concatenate(
        [
            jax.vmap(part.sample)(keys_of(key, start + jnp.asarray(mine)))
            for part, mine in zip(parts, numbers, strict=True)
        ]
    )
    log_densities = jnp.stack([jax.vmap(part.log_prob)(z) for part in parts])
    # Where a part has no mass, some say that with NaN.
    log_densities = jnp.where(jnp.isnan(log_densities), -jnp.inf, log_densities)
    log_shares = jnp.asarray([math.log(share / PERIOD) for share in shares])
    log_proposal = jax.nn.logsumexp(log_shares[:, None] + log_densities, 0)
    log_joint = jax.vmap(sampler.log_likelihood)(z) + log_densities[-1]
    return Weighted(z, log_joint - log_proposal)
