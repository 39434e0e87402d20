"""Missing not at random: a family of which a value may be missing because of what it is."""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.masking import GivenMissing, SelfMasked
from lowerbound.families.family import Factorized

__all__ = ["SelfMasking"]


class SelfMasking(Factorized):
    """A family whose event is what was observed and what was not: each value is missing with probability
    π(x) = σ(w (x − b)), w and b a learned number a dimension (not-MIWAE, Ipsen, Mattei & Frellsen 2021,
    "self-masking"). A value counts log p(x) + log(1 − π(x)), NaN counts log ∫ p(x) π(x) dx.

    A bound with it is one on log p(x_observed, mask), and what is imputed is drawn given that it is missing.
    The paper draws x_missing with z; here the integral, of one dimension each, is taken over 32 quantiles, so
    that a bound of as many samples is higher and less noisy.

    **Arguments:** `family`: a continuous [`Factorized`][] family whose distributions have `icdf`; `of`:
    which values are missing more often, `"high"` or `"low"` ones, or `"either"`, to be learned: then it is
    the data, and the form of p(x), that decide, and a wrong form may decide wrongly.

    **Raises:** `TypeError` for another family, `ValueError` for another `of`.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.SelfMasking(lb.DiagonalGaussian(1, scale=lb.FixedScale(1.0)), of="high")
    >>> p = family(jnp.zeros(1))
    >>> [round(float(p.log_prob(jnp.array([x]))), 2) for x in (-1.0, 1.0, jnp.nan)]
    [-1.82, -2.52, -0.69]
    """

    family: Factorized
    of: Literal["high", "low", "either"] = eqx.field(static=True)
    weight: Float[Array, " d"]
    centre: Float[Array, " d"]

    def __init__(self, family: Factorized, *, of: Literal["high", "low", "either"] = "either"):
        name = type(family).__name__
        if not isinstance(family, Factorized) or family.each.is_discrete:
            raise TypeError(
                f"SelfMasking: expected a continuous family of independent dimensions, found {name}"
            )
        if of not in ("high", "low", "either"):
            raise ValueError(f'SelfMasking.of: expected "high", "low" or "either", found {of!r}')
        try:
            jax.eval_shape(lambda v: family.marginals(v).icdf(0.5), jnp.zeros(family.size))
        except (NotImplementedError, ImportError):
            raise TypeError(
                f"SelfMasking: expected a family whose distributions have a quantile function (icdf), and "
                f"{name}'s have none"
            ) from None
        self.family, self.of, self.event_size, self.missing = family, of, family.event_size, True
        self.weight, self.centre = jnp.zeros(family.event_size), jnp.zeros(family.event_size)

    @property
    def size(self) -> int:
        return self.family.size

    @property
    def each(self) -> Constraint:
        return self.family.each

    @property
    def slope(self) -> Float[Array, " d"]:
        """w: above 0 where high values are missing more often, below where low ones are."""
        if self.of == "either":
            return self.weight
        return jax.nn.softplus(self.weight) * (1 if self.of == "high" else -1)

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return self.family.marginals(parameters)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return SelfMasked(self.marginals(parameters), self.slope, self.centre)

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        """The family's own."""
        return self.family.point(parameters)

    def taking_missing(self) -> Factorized:
        """The family of the values alone, whatever they are missing for."""
        return self.family.taking_missing()

    def given_missing(self) -> Factorized:
        return _GivenMissing(self)


class _GivenMissing(Factorized):
    """The values given that they are missing."""

    mask: SelfMasking

    def __init__(self, mask: SelfMasking):
        self.mask, self.event_size, self.missing = mask, mask.event_size, False

    @property
    def size(self) -> int:
        return self.mask.size

    @property
    def each(self) -> Constraint:
        return self.mask.each

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return self.mask.marginals(parameters)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return GivenMissing(self.marginals(parameters), self.mask.slope, self.mask.centre)
