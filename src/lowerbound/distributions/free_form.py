"""Numbers of any distribution: values that stand alone, bins, and a bell."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.margins import Margins, entries
from lowerbound.distributions.quadrature import Nodes, Quadrature
from lowerbound.distributions.special import log_ndtr
from lowerbound.distributions.support import Steps

__all__ = ["FreeFormDistribution"]

# In place of log 0, so that no gradient is 0 · ∞.
_NEVER = -1e9
_LOG_ROOT = 0.5 * np.log(2 * np.pi)
_EPS = float(np.finfo(np.float32).eps)
# Functions are averaged over so many values of each bin, and so many quantiles of the bell.
_OF_A_BIN, _OF_THE_BELL = 4, 32


class FreeFormDistribution(Quadrature):
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
        upper, lower = (log_ndtr(middle + side * half) for side in (1, -1))
        wide = upper + jnp.log1p(-jnp.exp(jnp.minimum(lower - upper, -1e-6)))
        lowest = self.margins.lowest.value
        end = log_ndtr(jnp.maximum((high - self.location) * scale, -1e6))
        return jnp.where(x - 0.5 <= lowest, end, jnp.where(narrow, near, wide))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "... d"]:
        part_key, share_key = jax.random.split(key)
        shape = self.shape(sample_shape)
        part = jax.random.categorical(part_key, self._log_parts, shape=shape)
        return self._of_part(part, jax.random.uniform(share_key, shape))

    def _of_part(self, part: Int[Array, "... d"], share: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """The value of an atom; that below which a share of a bin lies, or of the bell."""
        atoms, edges = jnp.asarray(self.margins.atoms.value), jnp.asarray(self.margins.edges.value)
        low, high = (entries(table, part - atoms.shape[-1]) for table in (edges[:, :-1], edges[:, 1:]))
        in_bell = part == self.logits.shape[-1] - 1
        free = self._rounded(jnp.where(in_bell, self._of_bell(share), low + share * (high - low)))
        # Divided, and not multiplied by a step, a number is the float that its decimals name.
        return jnp.where(part < atoms.shape[-1], entries(jnp.nan_to_num(atoms), part), free) / self._to_1

    def _of_bell(self, share: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """The quantiles of the bell; in the middle of its cell of float32 a share is neither 0 nor 1."""
        normal = jax.scipy.special.ndtri(jnp.clip(share, 0.5 * _EPS, 1 - 0.5 * _EPS))
        return self.margins.original(self.location + jnp.exp(self.log_scale) * normal)

    def _rounded(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        if self.steps is None:
            return x
        return jnp.maximum(jnp.rint(x), jnp.ceil(self.margins.lowest.value))

    @property
    def nodes(self) -> Nodes:
        """Atoms, values of bins, and quantiles of the bell; one that is rounded has the derivatives of one
        that is not."""
        log_parts, edges = self._log_parts.T, jnp.asarray(self.margins.edges.value)[:, :, None]
        atoms = jnp.nan_to_num(jnp.asarray(self.margins.atoms.value)).T
        bins = len(log_parts) - len(atoms) - 1
        low, high = edges[:, :bins], edges[:, 1 : bins + 1]
        of_bins = (low + (high - low) * _shares(_OF_A_BIN)).reshape(self.batch_shape[0], -1).T
        of_bell = self._of_bell(jnp.broadcast_to(_shares(_OF_THE_BELL)[:, None], (_OF_THE_BELL, len(edges))))
        rounded = of_bell + jax.lax.stop_gradient(self._rounded(of_bell) - of_bell)
        part, _, count = self._numbers
        value = jnp.concatenate([atoms, self._rounded(of_bins), rounded]) / self._to_1
        return Nodes(value, log_parts[part] - np.log(count)[:, None])

    @property
    def _numbers(self) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """Of each node the number of its part, which of the part's nodes it is, and how many that has."""
        atoms = self.margins.atoms.value.shape[-1]
        bins = self.logits.shape[-1] - atoms - 1
        counts = np.repeat([1, _OF_A_BIN, _OF_THE_BELL], [atoms, bins, 1])
        place = np.concatenate([np.arange(count) for count in counts])
        return np.repeat(np.arange(len(counts)), counts), place, np.repeat(counts, counts)

    def sample_near(self, key: PRNGKeyArray, node: Int[Array, "... d"]) -> Float[Array, "... d"]:
        part, place, count = (jnp.asarray(x)[node] for x in self._numbers)
        return self._of_part(part, (place + jax.random.uniform(key, node.shape)) / count)

    @property
    def mean(self) -> Float[Array, " d"]:
        value, log_weight = self.nodes
        return (jnp.exp(log_weight) * value).sum(0)

    @property
    def variance(self) -> Float[Array, " d"]:
        value, log_weight = self.nodes
        return (jnp.exp(log_weight) * (value - self.mean) ** 2).sum(0)


def _shares(n: int) -> Float[Array, " n"]:
    """The middles of n parts of [0, 1]."""
    return (jnp.arange(n) + 0.5) / n
