"""A model's likelihood made to take missing values, where its columns are independent given z."""

from __future__ import annotations

from typing import Any

import numpyro.distributions as dist
from numpyro.distributions import Distribution

from lowerbound.distributions.missing import ObservedPart
from lowerbound.distributions.mixed import MixedDistribution
from lowerbound.leaves import Fixed
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.part import Events, Part, unwrapped
from lowerbound.models.transforms import Identity
from lowerbound.models.vae import VAE

__all__ = ["WithHoles", "of_rows_with_holes"]


def of_rows_with_holes(model: LatentModel) -> VAE:
    """The model over the rows that its parts see, y = T(x), of which any value may be NaN, which stands for
    one that was not observed: p(y_observed, z) = p(z) Π p(yᵢ∣z) over those that were. The encoder sees a
    missing value as 0, or as it learned to.

    **Raises:** `TypeError` for a model that is no VAE; when it is used, for a likelihood whose columns are
    not independent given z.
    """
    if not isinstance(model, VAE):
        raise TypeError(f"surprise: expected a VAE, found {type(model).__name__}")
    return VAE(model.prior, model.posterior, WithHoles(model.likelihood), Identity())


class WithHoles(Part):
    """p(y∣z) of independent columns as the distribution of those that were observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = WithHoles(lb.Conditional(lambda z: z, lb.DiagonalGaussian(2)))(jnp.zeros(4))
    >>> round(float(p.log_prob(jnp.array([0.0, jnp.nan]))), 4)                    # −½ log 2π
    -0.9189
    """

    likelihood: Part | Fixed

    @property
    def events(self) -> Events:
        return Events(None, unwrapped(self.likelihood).events.size)

    @property
    def takes_given(self) -> bool:
        return unwrapped(self.likelihood).takes_given

    @property
    def takes_model(self) -> bool:
        return unwrapped(self.likelihood).takes_model

    @property
    def takes_missing(self) -> bool:
        return True

    def __call__(self, *value: Any, **offered: Any) -> Distribution:
        return _observed_part(self.likelihood(*value, **offered))


def _observed_part(p: Distribution) -> Distribution:
    if isinstance(p, MixedDistribution):
        blocks = zip(p.blocks, p.missing, strict=True)
        parts = tuple(block if missing else _observed_part(block) for block, missing in blocks)
        return MixedDistribution(parts, p.columns, (True,) * len(parts))
    if isinstance(p, ObservedPart):
        return p
    if isinstance(p, dist.Independent) and len(p.base_dist.batch_shape) == p.reinterpreted_batch_ndims == 1:
        return ObservedPart(p.base_dist, 1)
    raise TypeError(
        "surprise: expected a likelihood of columns that are independent given z, of a Factorized family, "
        f"found {type(p).__name__}"
    )
