"""Numbers of any distribution: values that stand alone, bins, and a bell."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from scipy import special

from lowerbound.distributions.margins import Margins, entries
from lowerbound.distributions.support import Steps

__all__ = ["FreeFormDistribution"]

# In place of log 0, so that no gradient is 0 · ∞.
_NEVER = -1e9
_LOG_ROOT = 0.5 * np.log(2 * np.pi)
# A bell's mean is over so many of its quantiles.
_NODES = special.ndtri((np.arange(16) + 0.5) / 16)


class FreeFormDistribution(Distribution):
    """A batch of d columns. Column i is one of its atoms, or in one of its bins, or g(x) is normal: with
    probabilities softmax(`logits`), over atoms, bins (none where `logits` holds none) and the bell."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    pytree_data_fields = ("logits", "location", "log_scale", "margins")
    pytree_aux_fields = ("steps",)

    def __init__(
        self,
        logits: Float[Array, "d parts"],
        location: Float[Array, " d"],
        log_scale: Float[Array, " d"],
        margins: Margins,
        steps: tuple[int, ...] | None,
    ):
        self.logits, self.location, self.log_scale = logits, location, log_scale
        self.margins, self.steps = margins, steps
        super().__init__((location.shape[-1],), ())

    @property
    def support(self) -> Constraint:
        return constraints.real if self.steps is None else Steps(self.steps)

    @property
    def _log_parts(self) -> Float[Array, "d parts"]:
        """Logarithms of the probabilities of the atoms, the bins and the bell; never is what a column has
        not."""
        atoms, widths = jnp.asarray(self.margins.atoms.value), self.margins.widths
        bins = self.logits.shape[-1] - atoms.shape[-1] - 1
        has = [~jnp.isnan(atoms), widths[:, :bins] > 0, jnp.full((len(widths), 1), True)]
        return jax.nn.log_softmax(jnp.where(jnp.concatenate(has, -1), self.logits, _NEVER))

    @property
    def _to_1(self) -> Float[np.ndarray, " d"]:
        """How many steps there are to 1."""
        return np.asarray(1.0 if self.steps is None else self.steps, np.float32)

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, "... d"]:
        x, log_parts = jnp.asarray(value, float), self._log_parts
        if self.steps is not None:
            x = jnp.rint(x * self._to_1)
        atoms = jnp.asarray(self.margins.atoms.value)
        is_atom = x[..., None] == atoms
        stands = is_atom.any(-1)
        at_atom = jnp.where(is_atom, log_parts[:, : atoms.shape[-1]], 0.0).sum(-1)
        among = log_parts[:, -1] + self._log_bell(x)
        if log_parts.shape[-1] > atoms.shape[-1] + 1:
            among = jnp.logaddexp(among, self._log_bin(x, log_parts[:, atoms.shape[-1] : -1]))
        # A whole number may be its cell's besides; among other numbers no value but an atom has a mass.
        both = jnp.logaddexp(jnp.where(stands, at_atom, _NEVER), among) if self.steps is not None else at_atom
        return jnp.where(x < self.margins.lowest.value, -jnp.inf, jnp.where(stands, both, among))

    def _log_bin(self, x: Float[Array, "... d"], log_parts: Float[Array, "d B"]) -> Float[Array, "... d"]:
        edges, widths = jnp.asarray(self.margins.edges.value), self.margins.widths
        log_density = log_parts - jnp.log(jnp.where(widths > 0, widths, 1.0))
        inside = (x >= edges[:, 0]) & (x <= edges[:, -1])
        return jnp.where(inside, entries(log_density, self.margins.piece(x).bin), _NEVER)

    def _log_bell(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        y, log_slope = self.margins.normalised(x)
        if self.steps is not None:
            return self._log_cell(x, log_slope)
        # Of a value far out y, and then the square, leave float32's range.
        u = jnp.clip((jnp.clip(y, -1e15, 1e15) - self.location) * jnp.exp(-self.log_scale), -1e15, 1e15)
        return -0.5 * u**2 - _LOG_ROOT - self.log_scale + log_slope

    def _log_cell(self, x: Float[Array, "... d"], log_slope: Array) -> Float[Array, "... d"]:
        """log ∫ N(y; μ, σ²) dy over g's cell about x; the lowest takes all below it. By the density in its
        middle, with the term of second order, where it is narrow, else by the distribution function on the
        side where that is small."""
        scale = jnp.exp(-self.log_scale)
        low, high = (jnp.clip(self.margins.normalised(x + side)[0], -1e15, 1e15) for side in (-0.5, 0.5))
        between = high - low
        width = jnp.where(between < 0.01, jnp.exp(log_slope), between) * scale
        u = jnp.clip(((high + low) / 2 - self.location) * scale, -1e15, 1e15)
        narrow = width < 0.1
        second = (u**2 - 1) * jnp.where(narrow, width, 0.0) ** 2 / 24
        near = -0.5 * u**2 - _LOG_ROOT + jnp.log(width) + jnp.minimum(second, 1.0)
        middle, half = -jnp.abs(u), jnp.minimum(jnp.where(narrow, 0.1, width) / 2, 1e6)
        upper, lower = (jax.scipy.special.log_ndtr(middle + side * half) for side in (1, -1))
        wide = upper + jnp.log1p(-jnp.exp(jnp.minimum(lower - upper, -1e-6)))
        lowest = self.margins.lowest.value
        end = jax.scipy.special.log_ndtr(jnp.maximum((high - self.location) * scale, -1e6))
        return jnp.where(x - 0.5 <= lowest, end, jnp.where(narrow, near, wide))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "... d"]:
        part_key, bin_key, bell_key = jax.random.split(key, 3)
        shape, atoms = self.shape(sample_shape), jnp.asarray(self.margins.atoms.value)
        log_parts = self._log_parts
        part = jax.random.categorical(part_key, log_parts, shape=shape)
        edges = jnp.asarray(self.margins.edges.value)
        ends = [entries(table, part - atoms.shape[-1]) for table in (edges[:, :-1], edges[:, 1:])]
        share = jax.random.uniform(bin_key, shape)
        in_bin = ends[0] + share * (ends[1] - ends[0])
        bell = self.margins.original(self._bell(jax.random.normal(bell_key, shape)))
        free = jnp.where(part == log_parts.shape[-1] - 1, bell, in_bin)
        if self.steps is not None:
            free = jnp.maximum(jnp.rint(free), jnp.ceil(self.margins.lowest.value))
        # Divided, and not multiplied by a step, a number is the float that its decimals name.
        return jnp.where(part < atoms.shape[-1], entries(jnp.nan_to_num(atoms), part), free) / self._to_1

    def _bell(self, normal: Array) -> Array:
        return self.location + jnp.exp(self.log_scale) * normal

    def _expected(self, function: Callable[[Array], Array]) -> Float[Array, " d"]:
        """E[f(x)], of a bin at its middle and of the bell over its quantiles."""
        parts, edges = jnp.exp(self._log_parts), jnp.asarray(self.margins.edges.value)
        bell = function(
            jax.vmap(self.margins.original)(jax.vmap(self._bell)(jnp.asarray(_NODES, float)))
        ).mean(0)
        bins = parts.shape[-1] - self.margins.atoms.value.shape[-1] - 1
        middle = function((edges[:, 1:] + edges[:, :-1]) / 2)[:, :bins]
        atoms = function(jnp.nan_to_num(jnp.asarray(self.margins.atoms.value)))
        return (parts * jnp.concatenate([atoms, middle, bell[:, None]], -1)).sum(-1)

    @property
    def mean(self) -> Float[Array, " d"]:
        return self._expected(lambda x: x) / self._to_1

    @property
    def variance(self) -> Float[Array, " d"]:
        return self._expected(jnp.square) / self._to_1**2 - self.mean**2
