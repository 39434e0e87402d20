"""What is measured of a model, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, Independent

from lowerbound.data.chunks import in_chunks
from lowerbound.data.rows import Rows
from lowerbound.diagnosis.diagnosis import PerRow
from lowerbound.distributions.divergence import kl_divergence
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys

__all__ = ["Constants", "Looked", "look"]

# Draws of z a row behind rate, distortion and the aggregated posterior.
_DRAWS = 4


class Constants(eqx.Module):
    """What is the same for every row."""

    model: LatentModel
    key: PRNGKeyArray

    def sampler(self, x: Array, given: Array | None) -> tuple[Sampler, PRNGKeyArray]:
        """The sampler of a row, and the key of its draws, as `log_evidence` has them."""
        keys = RowKeys.by_content(self.key, x)
        return self.model.sampler(x, keys.transform, given), keys.draws


class Looked(NamedTuple):
    """n rows, S draws of each."""

    y: Float[np.ndarray, "n c"]
    z: Float[np.ndarray, "n S d"]
    log_likelihood: Float[np.ndarray, "n S"]
    log_prior: Float[np.ndarray, "n S"]
    log_posterior: Float[np.ndarray, "n S"]
    mean: Float[np.ndarray, "n d"] | None  # E[z∣x]
    kl: Float[np.ndarray, "n d"] | None  # of each dimension
    variance: Float[np.ndarray, "n c"] | None  # E_q Var(x∣z)
    residual: Float[np.ndarray, "n c"] | None  # E_q (x − E[x∣z])²/Var(x∣z)

    @property
    def dimensions(self) -> int:
        """How many numbers z is."""
        return int(np.prod(self.z.shape[2:]))

    @property
    def rate(self) -> PerRow:
        return (self.log_posterior - self.log_prior).mean(1)

    @property
    def distortion(self) -> PerRow:
        return -self.log_likelihood.mean(1)

    @property
    def elbo(self) -> PerRow:
        return -self.rate - self.distortion


def look(constants: Constants, table: Rows) -> Looked:
    """Every row of `table` once."""
    found = in_chunks(_looked, constants, (table.x, table.given), chunk=128)
    found = jax.tree.map(lambda leaf: leaf.astype(np.float64), found)
    return Looked(*found)


def _looked(constants: Constants, row: tuple[Array, Any]) -> tuple[Any, ...]:
    x, given = row
    sampler, key = constants.sampler(x, given)
    y = sampler.y
    draw = sampler(key, jnp.arange(_DRAWS))

    def width(z: Array) -> tuple[Array, Array]:
        p = constants.model.p_x(z, given)
        return p.variance, (y - p.mean) ** 2 / p.variance

    widths = _if_defined(lambda: jax.vmap(width)(draw.z))
    return (
        *(y, draw.z, draw.log_likelihood, draw.log_prior, draw.log_posterior),
        _if_defined(lambda: sampler.q.mean),
        _kl_per_dimension(sampler.q, sampler.p, draw.z),
        *((None, None) if widths is None else (widths[0].mean(0), widths[1].mean(0))),
    )


def _if_defined(moment: Callable[[], Any]) -> Any:
    """`None` where a distribution does not know its moment."""
    try:
        return moment()
    except NotImplementedError:
        return None


def _kl_per_dimension(q: Distribution, p: Distribution, z: Float[Array, "S d"]) -> Float[Array, " d"] | None:
    """KL(q(zᵢ∣x) ‖ p(zᵢ)), over the draws where it has no closed form; `None` where the dimensions of one
    are not independent."""
    for part in (q, p):
        if not (isinstance(part, Independent) and part.base_dist.event_shape == ()):
            return None
    try:
        return jnp.broadcast_to(kl_divergence(q.base_dist, p.base_dist), q.event_shape)
    except NotImplementedError:
        return jax.vmap(lambda z: q.base_dist.log_prob(z) - p.base_dist.log_prob(z))(z).mean(0)
