"""Location-scale families: z = μ + σ ε, ε from a distribution without parameters; and where σ comes from."""

from __future__ import annotations

import math
from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.location_scale import StudentTDistribution, UniformDistribution
from lowerbound.distributions.special import exp_bounded
from lowerbound.families.family import Factorized, positive_size
from lowerbound.families.fitted import Fitted, Found
from lowerbound.leaves import Fixed

__all__ = [
    "FixedScale",
    "Heteroscedastic",
    "Laplace",
    "LearnedScale",
    "LocationScale",
    "StudentT",
    "Uniform",
]


class Scale(eqx.Module):
    """Where the scale σ of a location-scale family comes from."""

    @abstractmethod
    def size(self, event_size: int) -> int:
        """How many numbers of the conditioning vector the scale takes."""

    @abstractmethod
    def __call__(self, parameters: Float[Array, " size"]) -> Array:
        """σ, of a shape that broadcasts to `(event_size,)`."""


class Heteroscedastic(Scale):
    """The scale is a function of the condition: the network puts out log σ², as in the AEVB paper
    (Kingma & Welling 2014, appendix C.2). σ is kept within e^±40, so that densities are numbers wherever a
    network runs away to.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Heteroscedastic()(jnp.zeros(2)).tolist()
    [1.0, 1.0]
    """

    def size(self, event_size: int) -> int:
        return event_size

    def __call__(self, parameters: Float[Array, " size"]) -> Array:
        return exp_bounded(40.0, 0.5 * parameters)


class LearnedScale(Scale):
    """The scale is learned and does not depend on the condition: one for all dimensions, or, with
    `event_size`, one a dimension. It is at least 1e-3, so that a column without variance cannot buy
    density without end.

    **Arguments:** `event_size`: number of dimensions, or `None` for a shared scale; `initial`: σ at the
    start (a number, or one a dimension).

    >>> import lowerbound as lb
    >>> lb.DiagonalGaussian(3, scale=lb.LearnedScale()).size          # the mean alone
    3
    >>> lb.LearnedScale(3).log_variance.shape
    (3,)
    """

    log_variance: Array

    def __init__(self, event_size: int | None = None, *, initial: float | Array = 1.0):
        if not bool(np.all(np.asarray(initial) > 0)):
            raise ValueError(f"LearnedScale.initial: expected a positive scale, found {initial}")
        shape = () if event_size is None else (positive_size("LearnedScale", event_size),)
        self.log_variance = jnp.broadcast_to(2 * jnp.log(jnp.asarray(initial, float)), shape)

    def size(self, event_size: int) -> int:
        return 0

    def __call__(self, parameters: Float[Array, " 0"]) -> Array:
        return jnp.maximum(jnp.exp(0.5 * self.log_variance), 1e-3)


class FixedScale(Scale):
    """The scale is given and not trained. With σ² = β/2 the Gaussian's negative bound is squared error
    plus β·KL, over β and up to a constant.

    >>> import lowerbound as lb
    >>> lb.DiagonalGaussian(3, scale=lb.FixedScale(0.5)).size
    3
    """

    scale: Fixed

    def __init__(self, scale: float | Array):
        if not bool(np.all(np.asarray(scale) > 0)):
            raise ValueError(f"FixedScale: expected a positive scale, found {scale}")
        self.scale = Fixed(jnp.asarray(scale, float))

    def size(self, event_size: int) -> int:
        return 0

    def __call__(self, parameters: Float[Array, " 0"]) -> Array:
        return jnp.asarray(self.scale.value)


class LocationScale(Factorized):
    """Independent zᵢ = μᵢ + σᵢ εᵢ, where ε follows the family's standard member.

    **Arguments:** `event_size`: number of dimensions; `scale`: where σ comes from, one of
    [`Heteroscedastic`][] (the network), [`LearnedScale`][], [`FixedScale`][]; `missing`: whether NaN
    stands for a value that was not observed.

    The conditioning vector holds μ, then what the scale takes (by default log σ²).
    """

    scale: Scale = eqx.field(default_factory=Heteroscedastic, kw_only=True)

    @property
    def size(self) -> int:
        return self.event_size + self.scale.size(self.event_size)

    @property
    def each(self) -> Constraint:
        return constraints.real

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Over the real numbers: behind a standardisation, with a learned scale a column."""
        family = found.family(cls, scale=LearnedScale(found.columns))
        if family.each is not constraints.real:
            return super().fitted(found)
        return found.standardized(family, " with a learned scale a column")

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        location, rest = jnp.split(parameters, [self.event_size])
        return self.at(location, jnp.broadcast_to(self.scale(rest), location.shape))

    @abstractmethod
    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        """The distributions of the single dimensions, with these locations and scales."""


class Laplace(LocationScale):
    """The Laplace distribution: log p(x) = −Σᵢ [∣xᵢ − μᵢ∣/σᵢ + log 2σᵢ], in nats, of Lebesgue measure.

    **Arguments:** as [`DiagonalGaussian`][]'s; here σ is the mean of ∣x − μ∣, and the variance is 2σ².

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Laplace(2)(jnp.zeros(4)).log_prob(jnp.zeros(2))), 4)              # −2 log 2
    -1.3863
    """

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return dist.Laplace(location, scale)


class StudentT(LocationScale):
    """Student's t with ν degrees of freedom:

        log p(x) = Σᵢ [log Γ((ν + 1)/2) − log Γ(ν/2) − ½ log νπ − log σᵢ − ½ (ν + 1) log(1 + εᵢ²/ν)],

    εᵢ = (xᵢ − μᵢ)/σᵢ, in nats, of Lebesgue measure. It has a mean for ν > 1 (else `mean` is NaN) and the
    variance σ² ν/(ν − 2) for ν > 2. Samples are kept finite in float32, which tells below ν = ½ only:
    ∣ε∣ beyond e⁴⁰ or so is not drawn.

    **Arguments:** `event_size`, `scale`, `missing`: as [`DiagonalGaussian`][]'s; `degrees`: ν, fixed.

    **Raises:** `ValueError` where ν is not a positive number.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> q = lb.StudentT(1, degrees=1.0)(jnp.zeros(2))                # the Cauchy distribution
    >>> round(float(q.log_prob(jnp.zeros(1))), 4)                    # −log π
    -1.1447
    """

    degrees: float = eqx.field(static=True, default=5.0, converter=float, kw_only=True)

    def __check_init__(self) -> None:
        if not 0 < self.degrees < math.inf:
            raise ValueError(f"StudentT.degrees: expected a positive number, found {self.degrees!r}")

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return StudentTDistribution(self.degrees, location, scale)

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        """The centre μ, which is the mean where there is one."""
        return parameters[: self.event_size]


class Uniform(LocationScale):
    """The uniform distribution of centre μ and width σ, over [μ − σ/2, μ + σ/2]:
    log p(x) = −Σᵢ log σᵢ inside and −∞ outside, in nats, of Lebesgue measure.

    Its support moves with its parameters, hence two warnings. As a posterior it is trained through its
    samples only, `gradient="reparameterized"`: what differentiates log q(z∣x) at a fixed z
    ("score_function", "vimco", "sticking_the_landing", "doubly_reparameterized") misses the ends and is
    wrong. And where p(z∣x) has mass outside it, an importance-weighted estimate of log p(x) converges to
    log p(x, z inside), a lower bound, however many samples are drawn.

    **Arguments:** as [`DiagonalGaussian`][]'s, σ the width. `support` is that of the family, all reals.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.Uniform(1)(jnp.zeros(2))                              # over [−½, ½]
    >>> float(p.log_prob(jnp.array([0.25]))), float(p.log_prob(jnp.array([0.75])))
    (0.0, -inf)
    """

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return UniformDistribution(location, scale)
