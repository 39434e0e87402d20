"""The layers of normalising flows.

They are flowjax's. Its modules hold closures, which cannot be stored, and which make every new flow a new
program; so a flow keeps the arrays of its layers alone, and the rest, which follows from a few whole numbers,
is built once a process and looked up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flowjax.bijections import (
    AbstractBijection,
    Affine,
    Chain,
    Coupling,
    Invert,
    MaskedAutoregressive,
    Permute,
    RationalQuadraticSpline,
    Scan,
)
from jaxtyping import Array, ArrayLike, PRNGKeyArray, PyTree
from paramax import NonTrainable, Parameterize

__all__ = [
    "Architecture",
    "AutoregressiveLayer",
    "Layer",
    "Spline",
    "SplineCouplingLayer",
    "cancelling",
    "skeleton",
    "split",
]


class Layer(ABC):
    """One layer, by the numbers that its structure follows from: equal and hashable by them."""

    @abstractmethod
    def __call__(self, key: PRNGKeyArray) -> AbstractBijection:
        """The layer with its initial weights."""


class Architecture(NamedTuple):
    """What a flow's program depends on: the layer, how dimensions are permuted after each, and whether f is
    the layers' inverse."""

    layer: Layer
    permutations: tuple[tuple[int, ...], ...]
    inverted: bool

    def build(self, key: PRNGKeyArray) -> AbstractBijection:
        """f with its initial weights."""

        def layer(key: PRNGKeyArray, permutation: Array) -> AbstractBijection:
            return Chain([self.layer(key), Permute(permutation)])

        keys = jax.random.split(key, len(self.permutations))
        layers = Scan(eqx.filter_vmap(layer)(keys, jnp.asarray(self.permutations)))
        return Invert(layers) if self.inverted else layers


# The least slope of a layer; and the least width and height of a spline's bin, over those of equal bins.
# float32 is to find z₀ again from z through all layers.
_LEAST, _LEAST_WIDTH = 1e-2, 0.1


@dataclass(frozen=True)
class AutoregressiveLayer(Layer):
    """z ← m + s z, the m and s of a dimension from those before it: s = softplus(…) of at least 1e-2."""

    event_size: int
    context_size: int
    width: int
    depth: int

    def __call__(self, key: PRNGKeyArray) -> AbstractBijection:
        affine = eqx.tree_at(lambda affine: affine.scale, Affine(), _slopes(_softplus, ()))
        layer = MaskedAutoregressive(
            key,
            transformer=affine,
            dim=self.event_size,
            # None and 0 differ: with a context one hidden unit in event_size sees that alone. Without one
            # those would be wasted; but a single dimension has no others.
            cond_dim=self.context_size if self.context_size or self.event_size == 1 else None,
            nn_width=self.width,
            nn_depth=self.depth,
            nn_activation=jnp.tanh,
        )
        return _beginning_small(lambda layer: layer.masked_autoregressive_mlp.layers[-1], layer)


@dataclass(frozen=True)
class SplineCouplingLayer(Layer):
    """The first half of the dimensions stays, and chooses a spline for each of the others."""

    event_size: int
    context_size: int
    width: int
    depth: int
    knots: int
    interval: float

    def __call__(self, key: PRNGKeyArray) -> AbstractBijection:
        layer = Coupling(
            key,
            transformer=Spline(self.knots, self.interval),
            untransformed_dim=self.event_size // 2,
            dim=self.event_size,
            cond_dim=self.context_size,
            nn_width=self.width,
            nn_depth=self.depth,
            nn_activation=jnp.tanh,
        )
        return _beginning_small(lambda layer: layer.conditioner.layers[-1], layer)


class Spline(RationalQuadraticSpline):
    """flowjax's spline with slopes of 1 at its two ends, as the paper has them (flowjax's are free, and then
    the density jumps there, which biases every pathwise gradient), and an inverse that float32 can compute.

    In a bin of slope s, with slopes δ₀ and δ₁ at its knots, y at the fraction t of its height comes from x
    at the fraction ξ of its width (Durkan et al. 2019, eq. 6–8). With m = δ₀ (1 − t) − δ₁ t the paper's
    discriminant is a sum of squares, r² = m² + 4s² t(1 − t), and

        ξ = 2st / (2st + r + m) = (r − m) / (r − m + 2s(1 − t)).

    Of the two the one is taken that subtracts nothing; as a difference, in the paper and in flowjax, r² is
    negative by rounding where slopes differ much, and its root NaN.
    """

    def __init__(self, knots: int, interval: float):
        bin_width = 2 * interval / (knots + 1)
        super().__init__(knots=knots, interval=interval, min_width=_LEAST_WIDTH * bin_width)
        self.derivatives = _slopes(_softplus_within, (knots,))  # type: ignore[assignment]  # as flowjax's

    def inverse_and_log_det(self, y: ArrayLike, condition: ArrayLike | None = None) -> tuple[Array, Array]:
        inside = jnp.clip(y, *self.interval)
        k = jnp.clip(jnp.searchsorted(self.y_pos, inside) - 1, 0, len(self.y_pos) - 2)
        width, height = self.x_pos[k + 1] - self.x_pos[k], self.y_pos[k + 1] - self.y_pos[k]
        s, t = height / width, jnp.clip((inside - self.y_pos[k]) / height, 0, 1)
        m = self.derivatives[k] * (1 - t) - self.derivatives[k + 1] * t
        r = jnp.sqrt(m**2 + 4 * s**2 * t * (1 - t))
        total = r + jnp.abs(m)
        xi = jnp.where(m > 0, 2 * s * t / (2 * s * t + total), total / (total + 2 * s * (1 - t)))
        x = jnp.where(inside == y, self.x_pos[k] + xi * width, y)
        return x, -self.transform_and_log_det(x)[1]  # type: ignore[no-untyped-call]


def _slopes(function: Callable[[Array], Array], shape: tuple[int, ...]) -> Parameterize[Array]:
    """Slopes of at least `_LEAST` from unbounded numbers: 1 where the network in front puts out 0."""
    return Parameterize(function, jnp.full(shape, np.log(np.expm1(1 - _LEAST))))


def _softplus(x: Array) -> Array:
    return jax.nn.softplus(x) + _LEAST


def _softplus_within(x: Array) -> Array:
    return jnp.pad(_softplus(x), [(0, 0)] * (x.ndim - 1) + [(1, 1)], constant_values=1)


def _beginning_small(last: Callable[[Any], Any], layer: AbstractBijection) -> AbstractBijection:
    """The layer with the last weights of its network a hundredth of what they were: near the identity."""
    trained, rest = split(last(layer))
    return eqx.tree_at(last, layer, eqx.combine(jax.tree.map(lambda array: 0.01 * array, trained), rest))


def cancelling(order: np.ndarray, layers: int) -> tuple[tuple[int, ...], ...]:
    """`order` after every layer but the last, and there what restores the dimensions, so that a flow of
    layers near the identity is near it itself."""
    total = np.arange(len(order))
    for _ in range(layers - 1):
        total = total[order]
    return tuple(tuple(map(int, p)) for p in (*[order] * (layers - 1), np.argsort(total)))


def _is_trained(node: Any) -> bool:
    return not isinstance(node, NonTrainable) and bool(eqx.is_inexact_array(node))


def split(bijection: PyTree) -> tuple[PyTree, PyTree]:
    """The arrays that are trained, and all else: masks, permutations, functions."""
    return eqx.partition(bijection, _is_trained, is_leaf=lambda node: isinstance(node, NonTrainable))


@cache
def skeleton(architecture: Architecture, precision: str) -> tuple[jax.tree_util.PyTreeDef, PyTree]:
    """Where the trained arrays go, and all else. Made outside whatever is being traced, since it is kept
    (`ensure_compile_time_eval` would set off Equinox's checks); and once for each precision, since flowjax's
    closures hold numbers of one."""
    with jax.core.eval_context(), jax.enable_x64(precision == "float64"):
        trained, constants = split(architecture.build(jax.random.key(0)))
    return jax.tree.structure(trained), constants
