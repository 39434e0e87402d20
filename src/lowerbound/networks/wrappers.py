"""Networks behind a map of their input: standardised numbers, counts, codes, a table's columns, the first of
several latents."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from lowerbound.leaves import Fixed
from lowerbound.networks.network import Wrapper

__all__ = ["Features", "Leading", "Log1p", "OneHot", "Standardized"]


class Standardized(Wrapper):
    """A network behind u = (x − mean)/scale, constants of the data. Beyond 10 scales from the mean it sees
    ±(10 + log(1 + |u| − 10)) in place of u, so that a value of thousands of deviations, a fill value, does
    not overflow what the network puts out.

    Only the network's view of x changes; no density is transformed, so no Jacobian is owed.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.Standardized(lambda x: x, mean=jnp.array([8.0]), scale=jnp.array([2.0]))
    >>> network(jnp.array([10.0])).tolist()
    [1.0]
    """

    network: Callable[[Array], Array]
    mean: Fixed
    scale: Fixed

    def __init__(self, network: Callable[[Array], Array], *, mean: Array, scale: Array):
        self.network = network
        self.mean = Fixed(jnp.asarray(mean, float))
        self.scale = Fixed(jnp.asarray(scale, float))

    def __call__(self, x: Array) -> Array:
        return self.network(_compressed((x - self.mean.value) / self.scale.value))


# From here on, in standard deviations, a value is far out.
_FAR = 10.0


def _compressed(u: Array) -> Array:
    """u where |u| ≤ 10, beyond ±(10 + log(1 + |u| − 10)): continuous, with slope 1 there, and finite."""
    beyond = jnp.clip(jnp.abs(u) - _FAR, 0.0, float(np.finfo(u.dtype).max))
    return jnp.where(beyond > 0, jnp.sign(u) * (_FAR + jnp.log1p(beyond)), u)


class Log1p(Wrapper):
    """A network of log(1 + x): what an encoder sees of counts, whose spread grows with their size.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Log1p(lambda x: x)(jnp.array([0.0, 1.0])).round(4).tolist()
    [0.0, 0.6931]
    """

    network: Callable[[Array], Array]

    def __call__(self, x: Array) -> Array:
        return self.network(jnp.log1p(x))


class Features(Wrapper):
    """A network of what an encoder sees of a table's row: of a category one input a level, of a number
    (v − mean)/scale as [`Standardized`][] has it, v = log(1 + x) of a count. Of a missing value it sees 0 in
    every input.

    **Arguments:** `levels`: how many levels each column has, 0 of a number; `counts`: whether it is a count;
    `mean`, `scale`: of v, a number a column.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> options = {"counts": (False, False), "mean": jnp.zeros(2), "scale": jnp.ones(2)}
    >>> features = lb.Features(lambda x: x, levels=(3, 0), **options)
    >>> features(jnp.array([2.0, 0.5])).tolist(), features(jnp.array([jnp.nan, 0.5])).tolist()
    ([0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.0, 0.5])
    """

    network: Callable[[Array], Array]
    levels: tuple[int, ...] = eqx.field(static=True)
    counts: tuple[bool, ...] = eqx.field(static=True)
    mean: Fixed
    scale: Fixed

    def __init__(
        self,
        network: Callable[[Array], Array],
        *,
        levels: tuple[int, ...],
        counts: tuple[bool, ...],
        mean: Array,
        scale: Array,
    ):
        self.network, self.levels, self.counts = network, tuple(levels), tuple(counts)
        self.mean, self.scale = Fixed(jnp.asarray(mean, float)), Fixed(jnp.asarray(scale, float))

    @staticmethod
    def inputs(levels: tuple[int, ...]) -> int:
        """How many inputs columns of so many levels are."""
        return sum(max(each, 1) for each in levels)

    @property
    def in_size(self) -> int:
        return len(self.levels)

    @property
    def takes_missing(self) -> bool:
        return True

    def __call__(self, x: Array) -> Array:
        v = jnp.where(np.asarray(self.counts), jnp.log1p(jnp.maximum(x, 0.0)), x)
        u = _compressed((v - self.mean.value) / self.scale.value)
        numbers = jnp.where(jnp.isnan(x), 0.0, u)
        # Of −1 there is no level.
        places = jnp.where(jnp.isnan(x), -1.0, x).astype(int)
        seen = [
            jax.nn.one_hot(places[i], levels) if levels else numbers[i : i + 1]
            for i, levels in enumerate(self.levels)
        ]
        return self.network(jnp.concatenate(seen))


class OneHot(Wrapper):
    """A network behind a one-hot code: whole numbers 0 … levels − 1 become `levels` inputs each. Codes
    without an order among them reach a decoder this way; with a linear network it is a table of rows.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.OneHot(3, lambda x: x)(jnp.array([2.0, 0.0])).tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    """

    levels: int = eqx.field(static=True)
    network: Callable[[Array], Array]

    def __init__(self, levels: int, network: Callable[[Array], Array]):
        self.levels, self.network = levels, network

    @property
    def in_size(self) -> None:
        """That of the network within is another."""

    def __call__(self, x: Array) -> Array:
        return self.network(jax.nn.one_hot(jnp.asarray(x, int), self.levels).reshape(-1))


class Leading(Wrapper):
    """A network of the first `size` values: the likelihood p(x∣z₁) of a chain z = (z₁, z₂).

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Leading(2, lambda z: z)(jnp.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0]
    """

    size: int = eqx.field(static=True)
    network: Callable[[Array], Array]

    def __init__(self, size: int, network: Callable[[Array], Array]):
        self.size, self.network = size, network

    @property
    def in_size(self) -> None:
        """That of the network within is another."""

    def __call__(self, x: Array) -> Array:
        return self.network(x[: self.size])
