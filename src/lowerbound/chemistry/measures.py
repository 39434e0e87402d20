"""How drawn molecules stand beside those that a model was trained on: shares of them, likenesses, and
distances of the distributions of their properties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from lowerbound.data.molecules import canonical, molecule_of, rdkit
from lowerbound.statistics import standard_error_of_mean
from lowerbound.text import digits, with_error

__all__ = [
    *("Mean", "Nearest", "Share", "distance", "diversity", "frechet_distance"),
    *("likeness", "nearest", "novel", "same", "unique", "valid"),
]

# Of so many drawn ones uniqueness is stated, which falls with their number.
UNIQUE = 10_000
# Fingerprints are Morgan's of this radius and so many bits (ECFP4), as MOSES has them too.
_RADIUS, _BITS = 2, 2048
_RESAMPLED = 50


@dataclass(frozen=True)
class Share:
    """So many of so many.

    >>> print(Share(3, 4), Share(4, 4), Share(0, 0))
    75 ± 22% of 4 100% of 4 of none
    """

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share."""
        return self.count / self.of if self.of else math.nan

    @property
    def standard_error(self) -> float:
        """√(p(1 − p)/n)."""
        return math.sqrt(self.value * (1 - self.value) / self.of) if self.of else math.nan

    def __str__(self) -> str:
        if not self.of:
            return "of none"
        if self.count in (0, self.of):  # an error of 0 would say too much
            return f"{self.value:.0%} of {self.of:,}"
        decimals = max(0, min(3, 1 - math.floor(math.log10(100 * self.standard_error))))
        share, error = (digits(100 * value, decimals) for value in (self.value, self.standard_error))
        return f"{share} ± {error}% of {self.of:,}"


class Mean(NamedTuple):
    """A mean, or another statistic, and its standard error.

    >>> print(Mean(0.6123, 0.0151))
    0.612 ± 0.015
    """

    value: float
    standard_error: float

    def __str__(self) -> str:
        return with_error(self.value, self.standard_error)


def valid(smiles: Sequence[str | None]) -> Share:
    """How many are molecules.

    >>> print(valid(["CC", "C(C", ""]))
    33 ± 27% of 3
    """
    return Share(len(_known(smiles)), len(smiles))


def unique(smiles: Sequence[str | None]) -> Share:
    """How many different molecules there are among those of the first 10,000 texts that are molecules. It has
    no error of its own: the share falls with their number.

    >>> unique(["OCC", "CCO", "CC", "C(C"])
    Share(count=2, of=3)
    """
    known = _known(smiles[:UNIQUE])
    return Share(len(set(known)), len(known))


def novel(smiles: Sequence[str | None], trained: Sequence[str | None]) -> Share:
    """How many of the different molecules are none that trained.

    >>> novel(["OCC", "CC", "CC"], ["CCO"])
    Share(count=1, of=2)
    """
    different, known = set(_known(smiles)), set(_known(trained))
    return Share(len(different - known), len(different))


def same(originals: Sequence[str | None], again: Sequence[str | None]) -> Share:
    """How many molecules came back exactly, of those that there are.

    >>> same(["CCO", "CC", None], ["OCC", "CCC", "C"])
    Share(count=1, of=2)
    """
    pairs = zip(originals, again, strict=True)
    both = [(canonical(a), canonical(b or "")) for a, b in pairs if a is not None]
    return Share(sum(a is not None and a == b for a, b in both), len(both))


@dataclass(frozen=True)
class Nearest:
    """Of each molecule the number of the most alike among others, and how alike the two are."""

    index: Int[np.ndarray, " n"]
    likeness: Float[np.ndarray, " n"]

    @property
    def mean(self) -> Mean:
        """Over those that are molecules."""
        return _mean(self.likeness[~np.isnan(self.likeness)])


def nearest(smiles: Sequence[str | None], others: Sequence[str | None]) -> Nearest:
    """The most alike of `others` by Tanimoto's coefficient of fingerprints, |a ∧ b|/|a ∨ b|; −1 and NaN of
    what is no molecule.

    >>> found = nearest(["CCO", "C(C"], ["CCCCCC", "OCC"])
    >>> found.index.tolist(), found.likeness.tolist()
    ([1, -1], [1.0, nan])
    """
    prints = [_fingerprint(each) for each in others]
    places = [place for place, each in enumerate(prints) if each is not None]
    known = [prints[place] for place in places]
    index, alike = np.full(len(smiles), -1), np.full(len(smiles), np.nan)
    for row, each in enumerate(smiles):
        own = _fingerprint(each)
        if own is None or not known:
            continue
        found = rdkit().DataStructs.BulkTanimotoSimilarity(own, known)
        best = int(np.argmax(found))
        index[row], alike[row] = places[best], found[best]
    return Nearest(index, alike)


def likeness(a: str | None, b: str | None) -> float:
    """Tanimoto's coefficient of two molecules; NaN where one is none.

    >>> likeness("OCC", "CCO"), likeness("CC", "what")
    (1.0, nan)
    """
    first, second = _fingerprint(a), _fingerprint(b)
    if first is None or second is None:
        return math.nan
    return float(rdkit().DataStructs.TanimotoSimilarity(first, second))


def diversity(smiles: Sequence[str | None]) -> Mean:
    """1 − the mean Tanimoto coefficient of two of the molecules, and its error: twice that of the mean of
    each with all others, as of any mean over pairs (Hoeffding 1948).

    >>> diversity(["CCO", "OCC", "OCC"])
    Mean(value=0.0, standard_error=0.0)
    """
    prints = [own for each in smiles if (own := _fingerprint(each)) is not None]
    if len(prints) < 2:
        return Mean(math.nan, math.nan)
    bulk = rdkit().DataStructs.BulkTanimotoSimilarity
    with_others = np.array([(sum(bulk(own, prints)) - 1) / (len(prints) - 1) for own in prints])
    return Mean(1 - float(with_others.mean()), 2 * standard_error_of_mean(with_others))


def distance(a: ArrayLike, b: ArrayLike, *, seed: int = 0) -> Mean:
    """Wasserstein's distance of two samples of numbers, ∫|F(t) − G(t)| dt, in their unit, and its error by
    50 resamples of both; what is NaN is left out.

    >>> distance([0.0, 1.0], [2.0, 3.0]).value
    2.0
    """
    from scipy.stats import wasserstein_distance

    random = np.random.default_rng(seed)
    samples = [x[~np.isnan(x)] for x in (np.asarray(a, float), np.asarray(b, float))]
    if not all(map(len, samples)):
        return Mean(math.nan, math.nan)
    again = [
        wasserstein_distance(*(x[random.integers(0, len(x), len(x))] for x in samples))
        for _ in range(_RESAMPLED)
    ]
    return Mean(float(wasserstein_distance(*samples)), float(np.std(again, ddof=1)))


def frechet_distance(smiles: Sequence[str | None], others: Sequence[str | None]) -> float | None:
    """The Fréchet ChemNet distance of two sets of molecules (Preuer et al. 2018), by the package `fcd`; None
    where it is not installed, which brings a network and PyTorch with it. It falls with the size of the
    sets, so that only those of the same sizes compare."""
    if find_spec("fcd") is None:
        return None
    import fcd

    return float(fcd.get_fcd(_known(smiles), _known(others)))


def _known(smiles: Sequence[str | None]) -> list[str]:
    """Those that are molecules, canonical."""
    return [own for each in smiles if each is not None and (own := canonical(each)) is not None]


def _fingerprint(smiles: str | None) -> Any:
    molecule = None if smiles is None else molecule_of(smiles)
    if molecule is None:
        return None
    return _generator().GetFingerprint(molecule)


@cache
def _generator() -> Any:
    rdkit()
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BITS)


def _mean(values: np.ndarray) -> Mean:
    return Mean(float(values.mean()) if len(values) else math.nan, standard_error_of_mean(values))
