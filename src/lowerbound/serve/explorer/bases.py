"""Coordinates of the latent space: its own dimensions, or the axes along which the codes vary most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from jaxtyping import Float

from lowerbound.statistics import principal_axes

__all__ = ["Basis", "bases_of"]

# A view shows what lies between these quantiles of the codes and of the prior, and a margin at each side.
_INSIDE, _MARGIN = (0.005, 0.995), 0.12


@dataclass(frozen=True)
class Basis:
    """Coordinates c of codes, z = `origin` + Σₖ cₖ `axes`ₖ with orthonormal axes, a row each; the `names` of
    the coordinates, and the `ends` between which most codes have them, (d, 2). A latent space of one
    dimension has a second coordinate, the fraction of codes that are less.

    >>> basis = Basis("latent", np.zeros(2), np.eye(2), ("z₁", "z₂"), np.array([[-1, 1], [-2, 2]]))
    >>> basis.plane(np.array([[0.5, 1.0]], np.float32), 1, 0).tolist()
    [[1.0, 0.5]]
    """

    name: str
    origin: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "d d"]
    names: tuple[str, ...]
    ends: Float[np.ndarray, "d 2"]

    @classmethod
    def around(
        cls, name: str, origin: np.ndarray, axes: np.ndarray, names: tuple[str, ...], *codes: np.ndarray
    ) -> Self:
        """The basis whose ends leave room for all of these codes."""
        ends = np.array(
            [np.quantile((some - origin) @ axes.T, _INSIDE, axis=0) for some in codes if len(some)]
        )
        low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
        margin = np.maximum(_MARGIN * (high - low), 1e-3)
        return cls(name, origin, axes, names, np.stack([low - margin, high + margin], axis=1))

    def plane(self, codes: Float[np.ndarray, "n d"], x: int, y: int) -> Float[np.ndarray, "n 2"]:
        """The coordinates of codes along two of the axes, float32; of a latent space of one dimension the
        code, and the fraction of codes that are less."""
        if len(self.axes) == 1:
            rank = codes[:, 0].argsort(kind="stable").argsort(kind="stable")
            return np.stack([codes[:, 0], (rank + 0.5) / max(len(codes), 1)], axis=1).astype(np.float32)
        return ((codes - self.origin.astype(codes.dtype)) @ self.axes[[x, y]].T).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """The basis as the page takes it."""
        return {
            "name": self.name,
            "origin": self.origin.tolist(),
            "axes": self.axes.tolist(),
            "names": list(self.names),
            "ends": self.ends.tolist(),
        }


def bases_of(codes: Float[np.ndarray, "n d"], prior: Float[np.ndarray, "m d"]) -> dict[str, Basis]:
    """The latent space's own dimensions, and its principal axes where it has more than two of them, which
    come first then; of the `codes` where there are at least two, else of the draws from the `prior`."""
    dims = prior.shape[1]
    own = tuple(f"z{_lowered(k + 1)}" for k in range(dims))
    latent = Basis.around("latent", np.zeros(dims), np.eye(dims), own, codes, prior)
    if dims == 1:
        ends = np.concatenate([latent.ends, [[0.0, 1.0]]])
        latent = replace(latent, names=(*own, "fraction of rows below"), ends=ends)
    if dims < 3:
        return {"latent": latent}
    mean, axes, share = principal_axes((codes if len(codes) > 1 else prior).astype(float))
    names = tuple(f"axis {k + 1} ({part:.0%})" for k, part in enumerate(share.tolist()))
    return {"principal": Basis.around("principal", mean, axes, names, codes, prior), "latent": latent}


def _lowered(number: int) -> str:
    """A number as an index."""
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
