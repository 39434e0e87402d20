"""Conformal p-values of rows under a model: how odd a row is, with a guarantee that holds for any model."""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, PRNGKeyArray

from lowerbound.conformal import conformal_p_values
from lowerbound.data.rows import Rows
from lowerbound.evidence.defaults import ERROR, SAMPLES, Method
from lowerbound.evidence.ladder import log_evidence
from lowerbound.models.latent_model import LatentModel

__all__ = ["p_values"]


def p_values(
    model: LatentModel,
    x: ArrayLike | Rows,
    calibration: ArrayLike | Rows,
    *,
    method: Method = "auto",
    samples: int = SAMPLES,
    error: float | None = ERROR,
    key: PRNGKeyArray | int = 0,
) -> Float[np.ndarray, " m"]:
    """The [`conformal_p_values`][] of the rows of `x`, (m, d), by their log p(x), against the n rows of
    `calibration`, (n, d): usual rows, which neither trained the model nor chose it. P(p ≤ α) ≤ α of a row
    from where they come.

    A row's noise is a function of its content, the same for rows of either kind, so that the guarantee holds
    for estimates of log p(x) as it does for the exact numbers: `method="importance"` with a few `samples`
    costs power, not validity.

    **Arguments:** `method`, `samples`, `error`, `key`: as for [`log_evidence`][]; `error` in nats a row.

    >>> import jax, numpy as np, lowerbound as lb
    >>> key = jax.random.key(0)
    >>> latent, columns = lb.DiagonalGaussian(1), lb.DiagonalGaussian(2)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(1),
    ...     lb.Conditional(lb.MLP(2, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(1, columns.size, width=8, key=key), columns),
    ... )
    >>> usual = np.random.default_rng(0).normal(size=(99, 2))
    >>> p = lb.p_values(model, [[9.0, -9.0], [0.0, 0.5]], usual, method="importance", samples=20)
    >>> p.round(2).tolist()
    [0.01, 0.83]
    """

    def scores(rows: ArrayLike | Rows) -> Float[np.ndarray, " k"]:
        found = log_evidence(model, rows, method=method, samples=samples, error=error, key=key)
        return found.log_prob.astype(np.float64)

    return conformal_p_values(scores(x), scores(calibration))
