"""What kind of data rows are, and so which likelihood they ask for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from lowerbound.families.family import Factorized, Family
from lowerbound.families.location_scale import LearnedScale, LocationScale
from lowerbound.models.transforms import (
    Dequantization,
    DynamicBinarization,
    Identity,
    Standardization,
    StaticBinarization,
    Threshold,
    Transform,
)
from lowerbound.parts import nearest, part

__all__ = ["LIKELIHOODS", "Choice", "choose"]

BINARIZATIONS = ("dynamic", "static", "threshold")

# Above this many levels whole numbers are not taken for counts unless asked.
_FEW = 64


@dataclass(frozen=True)
class Choice:
    """A likelihood's family, how the model sees a row, and why, in words.

    `start` is the vector of the family's member that comes near the columns without a latent variable, where
    the family's standard member does not: what a decoder does well to put out at first.
    """

    family: Family
    transform: Transform
    words: str
    start: np.ndarray | None = None


def choose(
    x: np.ndarray, likelihood: str = "auto", binarize: str | None = None, *, missing: bool = False
) -> Choice:
    """The likelihood for the rows of `x`, (n, d).

    `auto`: 0 and 1 → Bernoulli; whole numbers from 0 to at most 64 → BetaBinomial; 8-bit grey → Gaussian
    with a learned scale a column, dequantised; other numbers → the same, standardised. `binarize` makes
    grey values 0 or 1 (`dynamic`, `static`, `threshold`). With `missing`, NaN stands for a value that was
    not observed, and what is said of the data is said of the others.

    **Raises:** `ValueError` for an unknown name, with the nearest; where a likelihood that is not of
    independent columns is to take missing values; where no value was observed; for `continuous-bernoulli`
    of values that are neither from 0 to 1 nor 8-bit grey. Values that the likelihood has no mass on are
    refused when rows are read ([`lowerbound.data.rows.check_support`][]).

    >>> choose(np.array([[0, 1], [1, 1]])).words
    'values are 0 and 1: Bernoulli'
    >>> choose(np.array([[0, 900], [12, 0]]), "negative-binomial").words
    'whole numbers from 0 to 900: NegativeBinomial'
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"likelihood: unknown {likelihood!r}; {nearest(likelihood, LIKELIHOODS)}")
    found = _Found.of(x, missing)
    if binarize is not None:
        if likelihood not in ("auto", "bernoulli"):
            raise ValueError(f"binarize: goes with the likelihood bernoulli, found {likelihood}")
        family = part("bernoulli")(x.shape[1], missing=missing)
        transform = _binarization(binarize, found)
        words = f"{binarize} binarisation: Bernoulli"
        return Choice(family, transform, words, start=_logits(found, _white(found)))
    return _automatic(found) if likelihood == "auto" else _MAKERS[likelihood](likelihood, found)


@dataclass(frozen=True)
class _Found:
    """What was found in the data."""

    x: np.ndarray
    missing: bool
    low: float
    high: float
    whole: bool

    @classmethod
    def of(cls, x: np.ndarray, missing: bool) -> _Found:
        observed = x[~np.isnan(x)] if missing else x
        if observed.size == 0:
            raise ValueError("x: expected at least one value that was observed, found NaN alone")
        whole = x.dtype.kind in "biu" or bool((observed == np.floor(observed)).all())
        return cls(x, missing, float(observed.min()), float(observed.max()), whole)

    @property
    def columns(self) -> int:
        return int(self.x.shape[1])

    @property
    def words(self) -> str:
        if self.whole:
            return f"whole numbers from {self.low:g} to {self.high:g}"
        return f"real numbers from {self.low:.4g} to {self.high:.4g}"

    @property
    def counts(self) -> bool:
        return self.whole and self.low >= 0

    @property
    def greatest(self) -> int:
        return max(int(self.high), 1)

    @property
    def levels(self) -> int:
        return 256 if self.x.dtype == np.uint8 else self.greatest + 1


_Maker = Callable[[str, _Found], Choice]


def _automatic(found: _Found) -> Choice:
    if found.counts and found.high <= 1:
        return replace(_MAKERS["bernoulli"]("bernoulli", found), words="values are 0 and 1: Bernoulli")
    if found.counts and found.high <= _FEW:
        return _MAKERS["beta-binomial"]("beta-binomial", found)
    if found.x.dtype == np.uint8:
        spread = np.maximum(found.x.std(0, dtype=np.float64), 1.0) / 256  # of what the model sees
        return Choice(
            _family("diagonal-gaussian", found, scale=_learned(found, spread)),
            Dequantization(256),
            f"8-bit grey, {found.words}: Gaussian with a learned scale a column, through uniform "
            "dequantisation (binarize makes it Bernoulli)",
        )
    choice = _standardised("diagonal-gaussian", found)
    if found.counts and found.x.dtype.kind in "iu":
        return replace(choice, words=f"{choice.words}; for counts take negative-binomial")
    return choice


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, in float64, NaN left out; a column without a value counts
    as one of zeros. A column of one value has a standard deviation of 0 exactly."""
    nan = np.isnan(x) if x.dtype.kind == "f" else np.zeros((), bool)
    if not nan.any():
        constant = x.max(0) == x.min(0)
        return x.mean(0, dtype=np.float64), np.where(constant, 0.0, x.std(0, dtype=np.float64))
    x = np.where(nan.all(0), 0.0, x).astype(np.float64)
    constant = np.nanmax(x, 0) == np.nanmin(x, 0)
    return np.nanmean(x, 0), np.where(constant, 0.0, np.nanstd(x, 0))


def _family(name: str, found: _Found, *arguments: Any, **options: Any) -> Family:
    """The family that `name` names, for as many columns as were found.

    **Raises:** `ValueError` where values are missing and the columns of the family hang together.
    """
    kind = part(name)
    if found.missing:
        if not issubclass(kind, Factorized):
            able = [other for other in _MAKERS if issubclass(part(other), Factorized)]
            raise ValueError(
                f"missing: {name} takes no missing values, its columns are not independent given z; take one "
                f"of {', '.join(able)}"
            )
        options["missing"] = True
    return kind(found.columns, *arguments, **options)


def _learned(found: _Found, initial: float | np.ndarray = 1.0) -> LearnedScale:
    """A learned scale a column."""
    return LearnedScale(found.columns, initial=jnp.asarray(initial))


def _as_it_is(name: str, found: _Found, *arguments: Any, **options: Any) -> Choice:
    family = _family(name, found, *arguments, **options)
    return Choice(family, Identity(), f"{found.words}: {type(family).__name__}")


def _bits(name: str, found: _Found) -> Choice:
    return replace(_as_it_is(name, found), start=_logits(found, 1))


def _logits(found: _Found, highest: float) -> np.ndarray:
    """log π/(1 − π) of the columns' means as shares π of the highest value, with half a row of each end."""
    share = (len(found.x) * _moments(found.x)[0] / highest + 0.5) / (len(found.x) + 1)
    share = np.clip(share, 1e-3, 1 - 1e-3)
    return np.log(share / (1 - share))


def _up_to_the_greatest(name: str, found: _Found) -> Choice:
    return _as_it_is(name, found, found.greatest)


def _categorical(name: str, found: _Found) -> Choice:
    return _as_it_is(name, found, found.greatest + 1)


def _discretized(name: str, found: _Found) -> Choice:
    """With a learned scale a column that begins at the column's own: σ = √3/π standard deviations, in units
    where the levels span −1 to 1."""
    mean, spread = _moments(found.x)
    scale = math.sqrt(3) / math.pi * 2 * np.maximum(spread, 1.0) / (found.levels - 1)
    choice = _as_it_is(name, found, found.levels, scale=_learned(found, scale))
    return replace(choice, start=2 * mean / (found.levels - 1) - 1)


def _discretized_mixture(name: str, found: _Found) -> Choice:
    return _as_it_is(name, found, levels=found.levels)


def _continuous_bernoulli(name: str, found: _Found) -> Choice:
    if found.low >= 0 and found.high <= 1:
        return _as_it_is(name, found)
    if found.x.dtype == np.uint8:
        words = f"8-bit grey, {found.words}: ContinuousBernoulli, through uniform dequantisation"
        return Choice(_family(name, found), Dequantization(256), words)
    raise ValueError(
        f"likelihood: {name} is over numbers from 0 to 1, or 8-bit grey; found {found.words}. Divide by the "
        "greatest value, or take discretized-logistic for grey levels, diagonal-gaussian for real numbers"
    )


def _standardised(name: str, found: _Found) -> Choice:
    """A family over the real numbers behind a standardisation; with a learned scale a column, where the scale
    is a part."""
    mean, spread = _moments(found.x)
    constant = int((spread == 0).sum())
    scale = np.where(spread == 0, 1.0, spread)
    kind = part(name)
    words = f"{found.words}: {_PROSE.get(name, kind.__name__)}"
    if issubclass(kind, LocationScale):
        family = _family(name, found, scale=_learned(found))
        words += " with a learned scale a column"
    else:
        rank = (min(_RANK, found.columns),) if name == "low-rank-gaussian" else ()
        family = _family(name, found, *rank)
    words += ", standardised"
    if constant:
        words += f" ({constant} constant column{'s' * (constant > 1)} kept)"
    return Choice(family, Standardization(mean=jnp.asarray(mean), scale=jnp.asarray(scale)), words)


def _rescaled(name: str, found: _Found) -> Choice:
    """A family over what is above 0, behind a division by each column's geometric mean."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # Values from 0 down have no logarithm; they are refused when rows are read.
        logs = np.where(found.x > 0, np.log(np.asarray(found.x, np.float64)), np.nan)
    scale = np.exp(_moments(logs)[0])
    family = _family(name, found, scale=_learned(found))
    words = (
        f"{found.words}: {type(family).__name__} with a learned scale a column, of x over its geometric mean"
    )
    zero = jnp.zeros(found.columns)
    return Choice(family, Standardization(mean=zero, scale=jnp.asarray(scale)), words)


_PROSE = {"diagonal-gaussian": "Gaussian"}
_RANK = 4

_MAKERS: dict[str, _Maker] = {
    "bernoulli": _bits,
    "binomial": _up_to_the_greatest,
    "beta-binomial": _up_to_the_greatest,
    "categorical": _categorical,
    "poisson": _as_it_is,
    "negative-binomial": _as_it_is,
    "zero-inflated-negative-binomial": _as_it_is,
    "discretized-logistic": _discretized,
    "discretized-logistic-mixture": _discretized_mixture,
    "continuous-bernoulli": _continuous_bernoulli,
    "beta": _as_it_is,
    "diagonal-gaussian": _standardised,
    "laplace": _standardised,
    "student-t": _standardised,
    "log-normal": _rescaled,
    "full-gaussian": _standardised,
    "low-rank-gaussian": _standardised,
}
LIKELIHOODS = ("auto", *_MAKERS)


def _white(found: _Found) -> float:
    return 255.0 if found.x.dtype == np.uint8 else found.high


def _binarization(name: str, found: _Found) -> Transform:
    white = _white(found)
    if found.low < 0 or white <= 0:
        raise ValueError(f"binarize: expected grey values from 0, found {found.low:g} to {found.high:g}")
    if name == "dynamic":
        return DynamicBinarization(white)
    if name == "static":
        return StaticBinarization(white)
    if name == "threshold":
        return Threshold(white / 2)
    raise ValueError(f"binarize: unknown {name!r}; {nearest(name, BINARIZATIONS)}")
