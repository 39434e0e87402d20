"""What is found in columns, and what a family makes of it: itself for such columns, and how it sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from lowerbound.families.family import Family

__all__ = ["FEW", "Fitted", "Found", "Image"]

Kind = TypeVar("Kind", bound="Family")
Image = Literal["grey", "colour"]
Column = Float[np.ndarray, " d"]
FEW = 64  # above so many levels whole numbers are not taken for counts unless asked


@dataclass(frozen=True)
class Fitted:
    """A family for columns, and how it sees them.

    The model sees (x − `shift`)/`scale` where they are given, and x with uniform noise in [0, 1), over
    `levels`, where those are. `start` is the vector of the member that comes near the columns without a
    latent variable, where the standard member does not: what a decoder does well to put out at first. `how`
    says what is to be said of all this, and stands behind the family's name.
    """

    family: Family
    how: str = ""
    shift: Column | None = None
    scale: Column | None = None
    levels: int | None = None
    start: Float[np.ndarray, " size"] | None = None


@dataclass(frozen=True)
class Found:
    """What was found in the rows of `x`, (n, d): the least and the greatest value that was observed, and
    whether all are whole numbers. With `missing`, NaN stands for a value that was not observed; `image` says
    that a row is known to be an image, grey or in colour.

    >>> found = Found.of(np.array([[0, 3], [1, 16]]), missing=False)
    >>> found.words, found.columns, found.levels
    ('whole numbers from 0 to 16', 2, 17)
    """

    x: np.ndarray
    missing: bool
    low: float
    high: float
    whole: bool
    image: Image | None = None
    of_all: tuple[Column, Column] | None = None

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        missing: bool,
        image: Image | None = None,
        of_all: tuple[Column, Column] | None = None,
    ) -> Found:
        """What is found in `x`.

        **Raises:** `ValueError` where no value was observed.
        """
        observed = x[~np.isnan(x)] if missing else x
        if observed.size == 0:
            raise ValueError("x: expected at least one value that was observed, found NaN alone")
        whole = x.dtype.kind in "biu" or bool((observed == np.floor(observed)).all())
        return cls(x, missing, float(observed.min()), float(observed.max()), whole, image, of_all)

    @property
    def columns(self) -> int:
        """How many there are."""
        return int(self.x.shape[1])

    @property
    def words(self) -> str:
        """The values, in words."""
        if self.whole:
            return f"whole numbers from {self.low:g} to {self.high:g}"
        return f"real numbers from {self.low:.4g} to {self.high:.4g}"

    @property
    def counts(self) -> bool:
        """Whether all are whole numbers from 0."""
        return self.whole and self.low >= 0

    @property
    def grey(self) -> bool:
        """Whether they are the levels of images of 8 bits, in whatever type; other numbers of 8 bits, ages,
        are not, nor few levels in a wider type."""
        if self.image is None or not self.counts or self.high > 255:
            return False
        return self.x.dtype == np.uint8 or self.high > FEW

    @property
    def white(self) -> float:
        """The greatest grey level that there may be, where they are said to be grey."""
        return 255.0 if self.grey or self.x.dtype == np.uint8 else self.high

    @property
    def ended(self) -> bool:
        """Whether the rows show that counts end at the greatest: more than half of the columns that vary
        reach it, and there it is at least half as frequent as the levels are in the mean. The last of a tail
        is rare.

        >>> rng = np.random.default_rng(0)
        >>> Found.of(rng.integers(0, 17, (100, 3)), missing=False).ended
        True
        >>> Found.of(rng.poisson(4, (100, 3)), missing=False).ended
        False
        """
        highest, lowest = self._ends
        varies = highest > lowest
        reaches = varies & (highest == self.high)
        among = self.x[:, reaches]
        share = float((among == self.high).mean()) if among.size else 1.0
        mean_share = 1 / (self.high - self.low + 1)
        many = 2 * int(reaches.sum()) > int(varies.sum()) or not varies.any()
        return many and share >= mean_share / 2

    @property
    def ended_apart(self) -> bool:
        """Whether the rows show that counts end, but each column at its own greatest, as grades from 0 to 4
        do beside others from 0 to 20: at least half of the columns that vary are there at least half as
        often as at their levels in the mean.

        >>> rng = np.random.default_rng(0)
        >>> grades = np.column_stack([rng.integers(0, n + 1, 100) for n in (4, 5, 20)])
        >>> Found.of(grades, missing=False).ended_apart, Found.of(grades, missing=False).ended
        (True, False)
        """
        highest, lowest = self._ends
        varies = highest > lowest
        share = (self.x[:, varies] == highest[varies]).mean(0)
        mean_share = 1 / (highest - lowest + 1)[varies]
        return not self.ended and 2 * int((share >= mean_share / 2).sum()) >= int(varies.sum())

    @property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The greatest and the least value of each column; NaN where it has none."""
        x = np.asarray(self.x, np.float64)
        return np.fmax.reduce(x, axis=0), np.fmin.reduce(x, axis=0)

    @property
    def greatest(self) -> int:
        """The greatest count, at least 1."""
        return max(int(self.high), 1)

    @property
    def levels(self) -> int:
        """How many levels whole numbers have, from 0."""
        return 256 if self.grey else self.greatest + 1

    def moments(self) -> tuple[Column, Column]:
        """Mean and standard deviation of each column, in float64, NaN left out; a column without a value
        counts as one of zeros. A column of one value has a standard deviation of 0 exactly."""
        return _moments(self.x) if self.of_all is None else self.of_all

    def log_moments(self) -> tuple[Column, Column]:
        """Those of log x; values from 0 down have none, are left out here and refused when rows are read."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return _moments(np.where(self.x > 0, np.log(np.asarray(self.x, np.float64)), np.nan))

    def logits(self, highest: float) -> Column:
        """log π/(1 − π) of the columns' means as shares π of the highest value, with half a row of each
        end."""
        share = (len(self.x) * self.moments()[0] / highest + 0.5) / (len(self.x) + 1)
        share = np.clip(share, 1e-3, 1 - 1e-3)
        return np.asarray(np.log(share / (1 - share)))

    def log_means(self) -> Column:
        """log of the columns' means, with half a count besides, so that a column of zeros has one."""
        return np.asarray(np.log((len(self.x) * self.moments()[0] + 0.5) / (len(self.x) + 1)))

    def log_concentrations(self, mean: Column, variance: Column) -> Column:
        """log r of the negative binomial of a mean m and a variance m + m²/r, kept in ±5; a count that does
        not spread wider than Poisson's is at the upper end."""
        with np.errstate(divide="ignore"):
            r = mean**2 / np.maximum(variance - mean, 1e-300)
        return np.clip(np.log(np.maximum(r, 1e-300)), -5.0, 5.0)

    def frequencies(self, levels: int) -> Float[np.ndarray, "levels d"]:
        """How often each of the whole numbers 0 … levels − 1 is found in each column, with half a row of each
        besides."""
        counts = np.stack([(self.x == level).sum(0) for level in range(levels)]) + 0.5
        return np.asarray(counts / counts.sum(0))

    def family(self, kind: type[Kind], *arguments: Any, **options: Any) -> Kind:
        """The family of a kind for as many columns, which takes missing values where there may be some."""
        return kind(self.columns, *arguments, **options, **({"missing": True} if self.missing else {}))

    def standardized(self, family: Family, how: str = "") -> Fitted:
        """The family behind a standardisation, (x − mean)/standard deviation; constant columns keep their
        unit."""
        mean, spread = self.moments()
        constant = int((spread == 0).sum())
        kept = f" ({constant} constant column{'s' * (constant > 1)} kept)" if constant else ""
        scale = np.where(spread == 0, 1.0, spread)
        return Fitted(family, f"{how}, standardised{kept}", shift=mean, scale=scale)


def _moments(x: np.ndarray) -> tuple[Column, Column]:
    nan = np.isnan(x) if x.dtype.kind == "f" else np.zeros((), bool)
    if not nan.any():
        constant = x.max(0) == x.min(0)
        return x.mean(0, dtype=np.float64), np.where(constant, 0.0, x.std(0, dtype=np.float64))
    x = np.where(nan.all(0), 0.0, x).astype(np.float64)
    constant = np.nanmax(x, 0) == np.nanmin(x, 0)
    return np.nanmean(x, 0), np.where(constant, 0.0, np.nanstd(x, 0))
