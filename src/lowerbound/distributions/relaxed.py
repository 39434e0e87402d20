"""Relaxed codes: softmax and sigmoid of logits plus noise."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.implicit import SMALLEST
from lowerbound.distributions.kinds import OnePass, Relaxed
from lowerbound.distributions.support import SimplexBlocks

__all__ = ["ConcreteDistribution", "RelaxedBitDistribution"]


_LOG_SMALLEST = math.log(SMALLEST)


class ConcreteDistribution(OnePass, Relaxed):
    """The Concrete distributions of one event, from logits of shape (..., variables, levels)."""

    arg_constraints = {"logits": constraints.independent(constraints.real, 2)}  # noqa: RUF012  # NumPyro's way
    reparametrized_params = ["logits"]  # noqa: RUF012
    pytree_aux_fields = ("temperature",)

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


class RelaxedBitDistribution(Relaxed):
    """One relaxed bit."""

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012  # NumPyro's way
    reparametrized_params = ["logits"]  # noqa: RUF012
    pytree_aux_fields = ("temperature",)
    support = constraints.open_interval(0.0, 1.0)

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
