"""How alike the margins of real and synthetic rows are, column by column."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from lowerbound.synthetic.aligned import Aligned
from lowerbound.synthetic.score import Influences

__all__ = ["frequencies_alike", "margin_alike", "margins_alike", "numbers_alike"]


def margins_alike(rows: Aligned) -> dict[str, Influences]:
    """Of each column, by name, of the tables called real and synthetic."""
    x, y = rows.tables["real"], rows.tables["synthetic"]
    columns = enumerate(zip(rows.names, rows.sizes, strict=True))
    return {name: margin_alike(x[:, j], y[:, j], size) for j, (name, size) in columns}


def margin_alike(
    real: Float[np.ndarray, " n"], synthetic: Float[np.ndarray, " m"], levels: int
) -> Influences:
    """Of one column: [`frequencies_alike`][] of so many levels, what is missing being one more, or
    [`numbers_alike`][] where it has none."""
    if not levels:
        return numbers_alike(real, synthetic)
    return frequencies_alike(*(np.nan_to_num(x, nan=levels).astype(int) for x in (real, synthetic)))


def frequencies_alike(real: Int[np.ndarray, " n"], synthetic: Int[np.ndarray, " m"]) -> Influences:
    """1 − ½ Σₖ |pₖ − qₖ|, one minus the total variation of the frequencies p and q of levels 0, 1, …: 1
    where they are equal, 0 where no level is in both (SDMetrics' TVComplement). Its influence at a row of
    level k is ∓½ (sₖ − Σ s p), s = sign(p − q).

    >>> frequencies_alike(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])).value
    0.75
    """
    size = int(max(real.max(initial=0), synthetic.max(initial=0))) + 1
    p, q = (np.bincount(codes, minlength=size) / len(codes) for codes in (real, synthetic))
    sign = np.sign(p - q)
    value = 1 - float(np.abs(p - q).sum()) / 2
    return Influences(value, -(sign[real] - sign @ p) / 2, (sign[synthetic] - sign @ q) / 2)


def numbers_alike(real: Float[np.ndarray, " n"], synthetic: Float[np.ndarray, " m"]) -> Influences:
    """1 − maxₓ |F(x) − G(x)|, one minus the Kolmogorov–Smirnov distance of the distribution functions of
    the observed values (SDMetrics' KSComplement); 0 where one has none. Its influence at a row is that of
    F(x*) − G(x*), x* where they are furthest apart.

    >>> numbers_alike(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, np.nan])).value
    0.5
    """
    known = [~np.isnan(x) for x in (real, synthetic)]
    ordered = [np.sort(x[k]) for x, k in zip((real, synthetic), known, strict=True)]
    if not all(map(len, ordered)):
        return Influences(0.0, np.zeros(len(real)), np.zeros(len(synthetic)))
    at = np.concatenate(ordered)
    f, g = (np.searchsorted(x, at, side="right") / len(x) for x in ordered)
    most = int(np.abs(f - g).argmax())
    sign = np.sign(f[most] - g[most])
    moved = [
        np.where(k, (x <= at[most]) - ends, 0.0) / k.mean()
        for x, k, ends in zip((real, synthetic), known, (f[most], g[most]), strict=True)
    ]
    return Influences(1 - float(abs(f[most] - g[most])), -sign * moved[0], sign * moved[1])
