"""Missing not at random: a family of which a value may be missing because of what it is."""

from __future__ import annotations

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.masking import GivenMissing, Mask, SelfMasked
from lowerbound.distributions.quadrature import quadrature
from lowerbound.families.cut import with_what_is_cut
from lowerbound.families.family import Factorized, Family
from lowerbound.leaves import Fixed
from lowerbound.parts import Missed

__all__ = ["MaskStart", "SelfMasking", "masked"]

# The learned numbers are so many times as fast as a network's: a mask may be a step.
_PACE = 10.0
# So steep is a mask at first, in spreads of its column, where it is known which values are missing; and so
# many spreads do values reach.
_RISE, _REACH = 4.0, 3.0


class SelfMasking(Factorized):
    """A family whose event is what was observed and what was not: each value is missing with probability
    π(x) = σ(w (x − b)), w and b learned, a dimension each (not-MIWAE, Ipsen, Mattei & Frellsen 2021,
    "self-masking"). A value counts log p(x) + log(1 − π(x)), NaN counts log ∫ p(x) π(x) dx.

    A bound with it is one on log p(x_observed, mask), and what is imputed is drawn given that it is missing.
    The paper draws x_missing with z; here the integral, of one dimension each, is a sum (over 32 quantiles,
    or as the family's distributions say), so that a bound of as many samples is higher and less noisy.

    **Arguments:** `family`: a [`Factorized`][] family of numbers; `of`: which values are missing more often,
    `"high"` or `"low"` ones, or `"either"`, to be learned: then it is the data, and the form of p(x), that
    decide, and a wrong form may decide wrongly; `observed`, (n, d): what the family is to be of, NaN where a
    value was not observed. The mask is then learned in units of its columns, and begins, where it is known
    which values are missing, at the end of those that were observed. And π(x) falls off with
    exp(−½ ((x − m)/3s)²), m and s the mean and the spread of the column with what is cut
    ([`with_what_is_cut`][lowerbound.families.cut.with_what_is_cut]): where all values beyond b are missing,
    nothing else holds those that a network puts far beyond.

    **Raises:** `TypeError` for another family, `ValueError` for another `of`.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.SelfMasking(lb.DiagonalGaussian(1, scale=lb.FixedScale(1.0)), of="high")
    >>> p = family(jnp.zeros(1))
    >>> [round(float(p.log_prob(jnp.array([x]))), 2) for x in (-1.0, 1.0, jnp.nan)]
    [-1.82, -2.52, -0.69]
    """

    family: Factorized
    of: Missed = eqx.field(static=True)
    steepness: Float[Array, " d"]
    lift: Float[Array, " d"]
    start: MaskStart

    def __init__(
        self,
        family: Family,
        *,
        of: Missed = "either",
        observed: Float[np.ndarray, "n d"] | None = None,
    ):
        name = type(family).__name__
        if not isinstance(family, Factorized) or family.categories:
            raise TypeError(
                f"SelfMasking: expected a family of independent dimensions that are numbers, found {name}"
            )
        if of not in ("high", "low", "either"):
            raise ValueError(f'SelfMasking.of: expected "high", "low" or "either", found {of!r}')
        try:
            jax.eval_shape(lambda v: quadrature(family.marginals(v)).nodes, jnp.zeros(family.size))
        except (NotImplementedError, ImportError):
            raise TypeError(
                f"SelfMasking: expected a family whose distributions have a quantile function (icdf), and "
                f"{name}'s have none"
            ) from None
        d = family.event_size
        self.family, self.of, self.event_size, self.missing = family, of, d, True
        self.steepness, self.lift = jnp.zeros(d), jnp.zeros(d)
        self.start = (
            MaskStart.of_nothing(d)
            if observed is None
            else MaskStart.of(np.asarray(observed, np.float64), of)
        )

    @property
    def size(self) -> int:
        return self.family.size

    @property
    def each(self) -> Constraint:
        return self.family.each

    @property
    def mask(self) -> Mask:
        """π, with w and b in the units of the values."""
        at = self.start
        steep = jnp.asarray(at.steepness.value) + _PACE * self.steepness
        if self.of != "either":
            steep = jax.nn.softplus(steep) * (1 if self.of == "high" else -1)
        unit, level = jnp.asarray(at.unit.value), jnp.asarray(at.level.value) + _PACE * self.lift
        origin, middle = jnp.asarray(at.origin.value), jnp.asarray(at.middle.value)
        return Mask(steep / unit, level, origin, middle, at.reach * unit)

    @property
    def slope(self) -> Float[Array, " d"]:
        """w: above 0 where high values are missing more often, below where low ones are."""
        return self.mask.slope

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return self.family.marginals(parameters)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return SelfMasked(self.marginals(parameters), self.mask)

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        """The family's own."""
        return self.family.point(parameters)

    def taking_missing(self) -> Factorized:
        """The family of the values alone, whatever they are missing for."""
        return self.family.taking_missing()

    def given_missing(self) -> Factorized:
        return _GivenMissing(self)


def masked(family: Family, observed: Float[np.ndarray, "n d"], of: Missed) -> Factorized:
    """The family with a mask for columns of which this was observed.

    **Raises:** `TypeError` as [`SelfMasking`][] does.
    """
    return SelfMasking(family, of=of, observed=observed)


class _GivenMissing(Factorized):
    """The values given that they are missing."""

    masking: SelfMasking

    def __init__(self, masking: SelfMasking):
        self.masking, self.event_size, self.missing = masking, masking.event_size, False

    @property
    def size(self) -> int:
        return self.masking.size

    @property
    def each(self) -> Constraint:
        return self.masking.each

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return self.masking.marginals(parameters)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return GivenMissing(self.marginals(parameters), self.masking.mask)


class MaskStart(eqx.Module):
    """Where the masks of columns begin, and in which units they are learned: their steepness and level, where
    the slope turns, and from where and how far values reach."""

    steepness: Fixed
    level: Fixed
    origin: Fixed
    middle: Fixed
    unit: Fixed
    reach: float = eqx.field(static=True)

    @classmethod
    def of_nothing(cls, d: int) -> Self:
        """Where no values are known."""
        zeros = Fixed(np.zeros(d, np.float32))
        return cls(zeros, zeros, zeros, zeros, Fixed(np.ones(d, np.float32)), np.inf)

    @classmethod
    def of(cls, observed: Float[np.ndarray, "n d"], of: Missed) -> Self:
        """By the values that were observed: where it is known which are missing, the mask rises at their end;
        else, and in a column without holes, values are missing at random."""
        columns = []
        for column in observed.T:
            hole = np.isnan(column)
            seen, share = column[~hole], (hole.sum() + 0.5) / (len(column) + 1)
            seen = seen if len(seen) else np.zeros(1)
            at_random = of == "either" or not hole.any()
            whole = column if of == "either" else with_what_is_cut(column, of)
            whole = whole[~np.isnan(whole)] if len(seen) else seen
            level = np.log(share / (1 - share)) if at_random else 0.0
            origin = seen.mean() if of == "either" else seen.max() if of == "high" else seen.min()
            columns.append((0 if at_random else _RISE, level, origin, whole.mean(), whole.std() or 1.0))
        steepness, level, origin, middle, unit = (Fixed(np.float32(each)) for each in np.array(columns).T)
        return cls(steepness, level, origin, middle, unit, _REACH)
