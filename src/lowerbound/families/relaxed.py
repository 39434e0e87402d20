"""Relaxed codes: continuous vectors near the corners of a simplex, whose samples are differentiable where
those of a discrete code are not."""

from __future__ import annotations

import math
from typing import Self

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.relaxed import ConcreteDistribution, RelaxedBitDistribution
from lowerbound.distributions.support import SimplexBlocks
from lowerbound.families.family import LEVELS, Factorized, Family, positive_size

__all__ = ["Concrete", "RelaxedBernoulli", "SimplexBlocks"]


def _plain_float(value: float) -> float:
    """A NumPy number as Python's, which a file can hold; anything else as it is, to be refused."""
    return float(value) if isinstance(value, (int, float, np.number)) and value is not True else value


def _check_temperature(name: str, temperature: float) -> None:
    if not isinstance(temperature, float) or not 0 < temperature < math.inf:
        raise ValueError(
            f"{name}.temperature: expected a positive number, found {temperature!r}; 0.5 is a usual one"
        )


class Concrete(Family):
    """Relaxed one-hot codes: `variables` blocks of `levels` numbers that sum to 1, each block a softmax of
    logits plus Gumbel noise, over the temperature λ (Maddison, Mnih & Teh 2017; Jang, Gu & Poole 2017,
    who call it Gumbel-softmax). For one block with logits θ

        log p(z) = log Γ(n) + (n − 1) log λ + Σₖ [θₖ − (λ + 1) log zₖ] − n log Σₖ exp(θₖ − λ log zₖ),

    n = levels (Maddison et al., eq. 10): nats, in the Lebesgue measure of each block's first n − 1
    coordinates. At any temperature the largest coordinate is the k-th with probability softmax(θ)ₖ.

    The vector holds the logits in the layout of [`Categorical`][], level by level: `levels` blocks of
    `variables`; zeros are uniform logits. The event is block by block: `variables` blocks of `levels`,
    so that a decoder takes variables · levels inputs.

    A coordinate is at least 2⁻¹¹⁰, a value that stands for the interval (0, 2⁻¹¹⁰]; its density there is
    the interval's mean density, in closed form, so that bounds and importance weights stay valid at low
    temperatures, where without it a bound could come out tens of nats too high. Gradients through samples
    leave these intervals out; a coordinate reaches them where its logit, noise included, is more than 76 λ
    below the largest.

    A bound with this posterior is one of the model whose code is relaxed, not of the model with a discrete
    code; the distribution says so, being [`Relaxed`][]. `mean` and `variance` have no closed form:
    they are those of the one-hot code that it relaxes, π and π(1 − π) with π = softmax(θ).

    **Arguments:** `variables`; `levels`; `temperature`: λ > 0.

    **Raises:** `ValueError` for a size or a temperature that is not positive.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> q = lb.Concrete(2, 3)(jnp.zeros(6))
    >>> z, log_q = q.sample_with_log_prob(jax.random.key(0))
    >>> z.reshape(2, 3).sum(axis=1).tolist()
    [1.0, 1.0]
    """

    event_size: int = eqx.field(static=True)
    levels: int = eqx.field(static=True)
    temperature: float = eqx.field(static=True)

    def __init__(self, variables: int, levels: int, *, temperature: float = 0.5):
        self.levels = positive_size("Concrete.levels", levels)
        self.event_size = positive_size("Concrete.variables", variables) * self.levels
        self.temperature = _plain_float(temperature)
        _check_temperature("Concrete", self.temperature)

    @property
    def variables(self) -> int:
        """Number of blocks."""
        return self.event_size // self.levels

    @property
    def codes(self) -> tuple[int, int]:
        return self.variables, self.levels

    @classmethod
    def latent(cls, dimensions: int, key: PRNGKeyArray) -> Self:
        return cls(dimensions, LEVELS)

    @property
    def size(self) -> int:
        return self.event_size

    @property
    def support(self) -> Constraint:
        return SimplexBlocks(self.levels)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return ConcreteDistribution(parameters.reshape(self.levels, self.variables).T, self.temperature)


class RelaxedBernoulli(Factorized):
    """Relaxed bits: z = σ((θ + ε)/λ) in (0, 1), ε logistic noise, λ the temperature (Maddison, Mnih & Teh
    2017, appendix B, the binary Concrete distribution). With u = λ log(z/(1 − z)) − θ

        log p(z) = log λ − log z − log(1 − z) + log σ(u) + log σ(−u),

    in nats, Lebesgue measure. At any temperature z > ½ with probability σ(θ). The vector holds the logits
    θ; zeros are fair bits.

    Samples lie in [c, 1 − c], c the distance from 1 to the next number below (2⁻²⁴ in float32). The two
    ends stand for the intervals (0, c] and [1 − c, 1), and their densities are those intervals' mean
    densities, so that bounds and importance weights stay valid. Gradients through samples leave the
    intervals out: in float32 a bit lies there where its logit, noise included, is beyond ±16.6 λ. For
    confident bits at low temperatures [`Concrete`][] with two levels reaches to ±76 λ.

    A bound with this posterior is one of the model whose code is relaxed; the distribution says so, being
    made of [`Relaxed`][] ones. `mean` and `variance` are those of the bits that it relaxes, π = σ(θ) and
    π(1 − π).

    **Arguments:** `event_size`: number of dimensions; `temperature`: λ > 0; `missing`: whether NaN stands
    for a value that was not observed.

    **Raises:** `ValueError` for a size or a temperature that is not positive.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.RelaxedBernoulli(1, temperature=1.0)(jnp.zeros(1))    # uniform
    >>> round(float(jnp.exp(p.log_prob(jnp.array([0.3])))), 4)
    1.0
    """

    temperature: float = eqx.field(static=True, default=0.5, kw_only=True, converter=_plain_float)

    def __check_init__(self) -> None:
        _check_temperature("RelaxedBernoulli", self.temperature)

    @property
    def codes(self) -> tuple[int, int]:
        return self.event_size, 2

    @property
    def each(self) -> Constraint:
        return constraints.open_interval(0.0, 1.0)

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return RelaxedBitDistribution(parameters, self.temperature)
