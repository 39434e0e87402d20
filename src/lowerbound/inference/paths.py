"""Ways through the space of codes: from one to another, along one dimension, and over a plane."""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float
from numpyro.distributions import constraints

from lowerbound.models.latent_model import LatentModel

__all__ = ["interpolated", "planar", "traversed"]


def interpolated(
    model: LatentModel, start: ArrayLike, end: ArrayLike, steps: int
) -> Float[np.ndarray, "steps d"]:
    """`steps` codes from `start` to `end`, (d,), both included: along the straight line, z = (1 − t) a + t b,
    or, where codes lie on a sphere, along the great circle, z = (sin((1 − t)ω) a + sin(tω) b)/sin ω, ω the
    angle between them.

    **Raises:** `ValueError` for fewer than 2 steps.

    >>> import jax, lowerbound as lb
    >>> pixels, latent, key = lb.Bernoulli(4), lb.DiagonalGaussian(2), jax.random.key(0)
    >>> q = lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent)
    >>> p = lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels)
    >>> interpolated(lb.VAE(lb.StandardNormal(2), q, p), [0, 0], [1, 2], 3).tolist()
    [[0.0, 0.0], [0.5, 1.0], [1.0, 2.0]]
    """
    if steps < 2:
        raise ValueError(f"interpolated: expected steps of at least 2, found {steps}")
    a, b = np.asarray(start, np.float32), np.asarray(end, np.float32)
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    if model.event().latent.support is not constraints.sphere:
        return (1 - t) * a + t * b
    a, b = (z / max(float(np.linalg.norm(z)), 1e-12) for z in (a, b))
    angle = float(np.arccos(np.clip(a @ b, -1, 1)))
    if np.sin(angle) < 1e-4:  # as one, or opposite, between which every circle is as great
        z = (1 - t) * a + t * b
        return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
    return np.asarray((np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle), np.float32)


def traversed(
    code: ArrayLike, dimension: int, low: float, high: float, steps: int
) -> Float[np.ndarray, "steps d"]:
    """`steps` codes that are `code`, (d,), but for one `dimension`, which goes from `low` to `high`.

    **Raises:** `ValueError` for a dimension that the code has not, and for no step.

    >>> traversed([0.5, 0.5], 1, -1, 1, 3).tolist()
    [[0.5, -1.0], [0.5, 0.0], [0.5, 1.0]]
    """
    z = np.asarray(code, np.float32)
    if not 0 <= dimension < len(z):
        raise ValueError(f"traversed: expected a dimension from 0 to {len(z) - 1}, found {dimension}")
    if steps < 1:
        raise ValueError(f"traversed: expected steps of at least 1, found {steps}")
    codes = np.tile(z, (steps, 1))
    codes[:, dimension] = np.linspace(low, high, steps)
    return codes


def planar(
    corner: ArrayLike, right: ArrayLike, up: ArrayLike, width: int, height: int
) -> Float[np.ndarray, "width·height d"]:
    """Codes on a plane, `corner` + i `right` + j `up`, for i < `width` in each of the lines j < `height`.

    **Raises:** `ValueError` where the three are not of one length, and for no code.

    >>> planar([0, 0], [1, 0], [0, 0.5], 2, 2).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 0.5], [1.0, 0.5]]
    """
    z, across, upwards = (np.asarray(code, np.float32) for code in (corner, right, up))
    if not len(z) == len(across) == len(upwards):
        raise ValueError(
            f"planar: expected codes of one length, found {len(z)}, {len(across)}, {len(upwards)}"
        )
    if width < 1 or height < 1:
        raise ValueError(f"planar: expected at least 1 × 1 codes, found {width} × {height}")
    i, j = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    codes = z + i[..., None] * across + j[..., None] * upwards
    return np.asarray(codes.reshape(-1, len(z)))
