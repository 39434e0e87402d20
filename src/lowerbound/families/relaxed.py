"""Relaxed codes: continuous vectors near the corners of a simplex, whose samples are differentiable where
those of a discrete code are not."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.families.family import Factorized, Family, positive_size
from lowerbound.families.implicit import SMALLEST

__all__ = ["Concrete", "RelaxedBernoulli", "SimplexBlocks"]

_LOG_SMALLEST = math.log(SMALLEST)


def _plain_float(value: float) -> float:
    """A NumPy number as Python's, which a file can hold; anything else as it is, to be refused."""
    return float(value) if isinstance(value, (int, float, np.number)) and value is not True else value


def _check_temperature(name: str, temperature: float) -> None:
    if not isinstance(temperature, float) or not 0 < temperature < math.inf:
        raise ValueError(
            f"{name}.temperature: expected a positive number, found {temperature!r}; 0.5 is a usual one"
        )


class SimplexBlocks(Constraint):
    """Vectors made of blocks of `levels` numbers from 0 to 1, each block of sum 1 (to 1e-5).

    >>> import jax.numpy as jnp
    >>> bool(SimplexBlocks(2)(jnp.array([0.1, 0.9, 0.5, 0.5])))
    True
    """

    event_dim = 1
    is_discrete = False

    def __init__(self, levels: int):
        self.levels = levels
        super().__init__()

    def __call__(self, x: Array) -> Array:
        if x.shape[-1] % self.levels:
            return jnp.zeros(x.shape[:-1], bool)
        blocks = x.reshape(*x.shape[:-1], -1, self.levels)
        return ((blocks >= 0).all(-1) & (abs(blocks.sum(-1) - 1) < 1e-5)).all(-1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SimplexBlocks) and self.levels == other.levels

    def __hash__(self) -> int:
        return hash((SimplexBlocks, self.levels))

    def __repr__(self) -> str:
        return f"SimplexBlocks({self.levels})"

    def feasible_like(self, prototype: Array) -> Array:
        return jnp.full_like(prototype, 1 / self.levels)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (), ((), {"levels": self.levels})


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
    code; the distribution says so in its attribute `relaxed`. `mean` and `variance` have no closed form:
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
        """Number of the codes that it relaxes, and of their levels."""
        return self.variables, self.levels

    @property
    def size(self) -> int:
        return self.event_size

    @property
    def support(self) -> Constraint:
        return SimplexBlocks(self.levels)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return _Concrete(parameters.reshape(self.levels, self.variables).T, self.temperature)


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

    A bound with this posterior is one of the model whose code is relaxed; the distribution says so in its
    attribute `relaxed`. `mean` and `variance` are those of the bits that it relaxes, π = σ(θ) and π(1 − π).

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
        """Number of the bits that it relaxes, and of their levels."""
        return self.event_size, 2

    @property
    def each(self) -> Constraint:
        return constraints.open_interval(0.0, 1.0)

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return _RelaxedBit(parameters, self.temperature)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return super().__call__(parameters) if self.missing else _RelaxedBits(self.marginals(parameters), 1)


class _Concrete(Distribution):
    """The Concrete distributions of one event, from logits of shape (..., variables, levels)."""

    arg_constraints = {"logits": constraints.independent(constraints.real, 2)}  # noqa: RUF012  # NumPyro's way
    reparametrized_params = ["logits"]  # noqa: RUF012
    pytree_aux_fields = ("temperature",)

    relaxed = True

    def __init__(self, logits: Float[Array, "... variables levels"], temperature: float):
        self.logits, self.temperature = logits, temperature
        super().__init__(logits.shape[:-2], (logits.shape[-2] * logits.shape[-1],))

    @property
    def support(self) -> Constraint:
        return SimplexBlocks(self.logits.shape[-1])

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        return self._event(self._log_sample(key, sample_shape))

    def sample_with_log_prob(
        self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()
    ) -> tuple[Array, Array]:
        """A sample and its log-density, from the sample's logarithm before it is rounded to a sample."""
        log_z = self._log_sample(key, sample_shape)
        return self._event(log_z), self._log_density(log_z)

    def log_prob(self, value: Array) -> Array:
        z = jnp.asarray(value, jnp.result_type(value, self.logits))
        inside = z > SMALLEST
        log_z = jnp.where(z <= SMALLEST, _LOG_SMALLEST, jnp.log(jnp.where(inside, z, 1.0) + 0 * z))
        log_prob = self._log_density(log_z.reshape(*log_z.shape[:-1], *self.logits.shape[-2:]))
        return jnp.where((value < 0).any(-1), -jnp.inf, log_prob)

    @property
    def mean(self) -> Array:
        return self._flat(jax.nn.softmax(self.logits))

    @property
    def variance(self) -> Array:
        probabilities = jax.nn.softmax(self.logits)
        return self._flat(probabilities * (1 - probabilities))

    def _flat(self, blocks: Array) -> Array:
        return blocks.reshape(*blocks.shape[:-2], -1)

    def _log_sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...]) -> Array:
        noise = jax.random.gumbel(key, sample_shape + self.logits.shape, self.logits.dtype)
        log_z = jax.nn.log_softmax((self.logits + noise) / self.temperature)
        return jnp.where(log_z > _LOG_SMALLEST, log_z, _LOG_SMALLEST)

    def _event(self, log_z: Array) -> Array:
        z = jnp.where(log_z > _LOG_SMALLEST, jnp.exp(log_z), SMALLEST)
        # Neither an end of the interval by rounding.
        return self._flat(jnp.clip(z, SMALLEST, 1 - float(np.finfo(z.dtype).epsneg)))

    def _log_density(self, log_z: Array) -> Array:
        """Of log z in blocks. A coordinate at the lower end has the probability of the interval for its
        factor, where the others have a density: of e^(−gumbel) = u exp(θₖ − λ log zₖ), u > 0 common to a
        block, it keeps P(gumbel < …) = exp(−e^(−gumbel)) and loses a factor u; the integral over u is a
        gamma function of the number m of coordinates that are above the end."""
        temperature, logits = self.temperature, self.logits
        inside = log_z > _LOG_SMALLEST
        scores = logits - temperature * log_z
        m = inside.sum(-1).astype(log_z.dtype)
        above = jnp.where(inside, scores, 0.0).sum(-1) - m * jax.nn.logsumexp(scores, axis=-1)
        blocks = gammaln(m) + (m - 1) * math.log(temperature) + above - log_z.sum(-1)
        return blocks.sum(-1)


class _RelaxedBit(Distribution):
    """One relaxed bit."""

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012  # NumPyro's way
    reparametrized_params = ["logits"]  # noqa: RUF012
    pytree_aux_fields = ("temperature",)
    support = constraints.open_interval(0.0, 1.0)

    relaxed = True

    def __init__(self, logits: Array, temperature: float):
        self.logits, self.temperature = logits, temperature
        super().__init__(jnp.shape(logits))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        noise = jax.random.logistic(key, sample_shape + self.batch_shape, self.logits.dtype)
        z = jax.nn.sigmoid((self.logits + noise) / self.temperature)
        end = float(np.finfo(z.dtype).epsneg)
        return jnp.clip(z, end, 1 - end)

    def log_prob(self, value: Array) -> Array:
        z = jnp.asarray(value, jnp.result_type(value, self.logits))
        end = float(np.finfo(z.dtype).epsneg)
        bottom, top = z <= end, z >= 1 - end
        z = jnp.where(bottom, end, jnp.where(top, 1 - end, z))
        log_z, log_rest = jnp.log(z), jnp.log1p(-z)
        u = self.temperature * (log_z - log_rest) - self.logits
        below, above = jax.nn.log_sigmoid(u), jax.nn.log_sigmoid(-u)
        inside = math.log(self.temperature) - log_z - log_rest + below + above
        log_prob = jnp.where(bottom, below - math.log(end), jnp.where(top, above - math.log(end), inside))
        return jnp.where((value < 0) | (value > 1), -jnp.inf, log_prob)

    @property
    def mean(self) -> Array:
        return jax.nn.sigmoid(self.logits)

    @property
    def variance(self) -> Array:
        return jax.nn.sigmoid(self.logits) * jax.nn.sigmoid(-self.logits)


class _RelaxedBits(dist.Independent):
    """Independent relaxed bits as one event, which says that it is relaxed."""

    relaxed = True
