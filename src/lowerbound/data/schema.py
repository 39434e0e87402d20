"""What kind of data rows are, and so which likelihood they ask for."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from lowerbound.data.transforms import (
    Dequantization,
    DynamicBinarization,
    Identity,
    Standardization,
    StaticBinarization,
    Threshold,
    Transform,
)
from lowerbound.families.counts import BetaBinomial, Binomial
from lowerbound.families.discrete import Bernoulli, Categorical
from lowerbound.families.family import Family
from lowerbound.families.gaussian import DiagonalGaussian
from lowerbound.families.location_scale import LearnedScale
from lowerbound.parts import nearest

__all__ = ["LIKELIHOODS", "Choice", "choose"]

LIKELIHOODS = ("auto", "bernoulli", "binomial", "beta-binomial", "categorical", "diagonal-gaussian")
BINARIZATIONS = ("dynamic", "static", "threshold")

# Above this many levels whole numbers are not taken for counts unless asked.
_FEW = 64


@dataclass(frozen=True)
class Choice:
    """A likelihood's family, how the model sees a row, and why, in words."""

    family: Family
    transform: Transform
    words: str


def choose(x: np.ndarray, likelihood: str = "auto", binarize: str | None = None) -> Choice:
    """The likelihood for the rows of `x`, (n, d).

    `auto`: 0 and 1 → Bernoulli; whole numbers from 0 to at most 64 → BetaBinomial; 8-bit grey → Gaussian
    with a learned scale a column, dequantised; other numbers → the same, standardised. `binarize` makes
    grey values 0 or 1 (`dynamic`, `static`, `threshold`).

    **Raises:** `ValueError` for an unknown name, with the nearest.

    >>> choose(np.array([[0, 1], [1, 1]])).words
    'values are 0 and 1: Bernoulli'
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"likelihood: unknown {likelihood!r}; {nearest(likelihood, LIKELIHOODS)}")
    d, low, high = x.shape[1], float(x.min()), float(x.max())
    if binarize is not None:
        if likelihood not in ("auto", "bernoulli"):
            raise ValueError(f"binarize: goes with the likelihood bernoulli, found {likelihood}")
        return Choice(Bernoulli(d), _binarization(binarize, x), f"{binarize} binarisation: Bernoulli")
    whole = x.dtype.kind in "biu" or bool((x == np.floor(x)).all())
    found = (
        f"whole numbers from {low:g} to {high:g}" if whole else f"real numbers from {low:.4g} to {high:.4g}"
    )
    if likelihood == "auto":
        if whole and low >= 0 and high <= 1:
            return Choice(Bernoulli(d), Identity(), "values are 0 and 1: Bernoulli")
        if whole and low >= 0 and high <= _FEW:
            likelihood = "beta-binomial"
        elif x.dtype == np.uint8:
            words = (
                f"8-bit grey, {found}: Gaussian with a learned scale a column, through uniform "
                "dequantisation (binarize makes it Bernoulli)"
            )
            spread = np.maximum(x.std(0, dtype=np.float64), 1.0) / 256  # of what the model sees
            return Choice(_gaussian(d, spread), Dequantization(256), words)
        else:
            likelihood = "diagonal-gaussian"
    if likelihood == "diagonal-gaussian":
        mean, spread = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
        constant = int((spread == 0).sum())
        scale = np.where(spread == 0, 1.0, spread)
        words = f"{found}: Gaussian with a learned scale a column, standardised"
        if constant:
            words += f" ({constant} constant column{'s' * (constant > 1)} kept)"
        return Choice(_gaussian(d), Standardization(mean=jnp.asarray(mean), scale=jnp.asarray(scale)), words)
    trials = max(int(high), 1)
    families: dict[str, Family] = {
        "bernoulli": Bernoulli(d),
        "binomial": Binomial(d, trials),
        "beta-binomial": BetaBinomial(d, trials),
        "categorical": Categorical(d, trials + 1),
    }
    family = families[likelihood]
    return Choice(family, Identity(), f"{found}: {type(family).__name__}")


def _gaussian(d: int, spread: float | np.ndarray = 1.0) -> Family:
    """A Gaussian whose learned scales begin at the columns' own spread."""
    return DiagonalGaussian(d, scale=LearnedScale(d, initial=jnp.asarray(spread)))


def _binarization(name: str, x: np.ndarray) -> Transform:
    white = 255.0 if x.dtype == np.uint8 else float(x.max())
    if x.min() < 0 or white <= 0:
        raise ValueError(f"binarize: expected grey values from 0, found {x.min():g} to {x.max():g}")
    if name == "dynamic":
        return DynamicBinarization(white)
    if name == "static":
        return StaticBinarization(white)
    if name == "threshold":
        return Threshold(white / 2)
    raise ValueError(f"binarize: unknown {name!r}; {nearest(name, BINARIZATIONS)}")
