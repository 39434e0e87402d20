"""How wide p(x∣z) is beside the data."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from lowerbound.diagnosis.diagnosis import DecoderScale, Notes
from lowerbound.diagnosis.looked import Looked
from lowerbound.distributions.support import Columns, range_of
from lowerbound.models.latent_model import LatentModel
from lowerbound.statistics import standard_error_of_mean

__all__ = ["scale_of"]


def scale_of(
    model: LatentModel, looked: Looked, given: np.ndarray | None, notes: Notes
) -> DecoderScale | None:
    """Of the real columns of the rows that were `looked` at; `None` where there are none."""
    c = looked.y.shape[1]
    support = model.event(None if given is None else jnp.asarray(given[0])).support
    real = np.zeros(c, bool)
    for block, numbers in support.blocks if isinstance(support, Columns) else ((support, range(c)),):
        span = range_of(block)
        real[list(numbers)] = span is not None and not span.whole and math.isinf(span.high - span.low)
    found = np.full((4, c), np.nan)
    if looked.variance is not None and looked.residual is not None:
        for j in np.flatnonzero(real):
            seen = ~np.isnan(looked.y[:, j])
            deviation = looked.y[seen, j].std() if seen.sum() > 1 else 0.0
            scale, residual = np.sqrt(looked.variance[seen, j]), looked.residual[seen, j]
            if deviation > 0 and np.isfinite([scale, residual]).all():
                root = math.sqrt(residual.mean())
                error = standard_error_of_mean(residual) / (2 * root) if root > 0 else 0.0
                found[:, j] = np.median(scale) / deviation, scale.min() / deviation, root, error
    if np.isnan(found).all():
        notes.append("decoder scale: not judged, the likelihood has no real columns of a known variance")
        return None
    return DecoderScale(*found)
