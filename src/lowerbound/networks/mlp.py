"""Networks: callable modules from an array to an array, for one data point."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.families.family import positive_size
from lowerbound.leaves import Fixed
from lowerbound.networks.activations import Activation, activation_named, name_of
from lowerbound.networks.product import product

__all__ = ["MLP", "Leading", "Log1p", "OneHot", "Standardized"]


class MLP(eqx.Module):
    """Multilayer perceptron: x ↦ (… a(a(x W₁ + b₁) W₂ + b₂) …) Wₘ + bₘ.

    **Arguments:** `in_size`, `out_size`; `width`: units of a hidden layer; `depth`: number of hidden
    layers, 0 for a linear map; `activation`: a function of `jax.nn` or `jax.numpy`, such as `jnp.tanh`, or
    its name; `key`: for the initial weights, normal with variance 1/fan-in (LeCun), so that a layer keeps the
    scale of its input; biases begin at 0.

    Weights are stored (in, out), which a CPU multiplies without a transpose.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> lb.MLP(784, 40, width=500, depth=1, activation="tanh", key=jax.random.key(0))(jnp.zeros(784)).shape
    (40,)
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        out_size: int,
        *,
        width: int = 256,
        depth: int = 2,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        positive_size("MLP.in_size", in_size)
        positive_size("MLP.out_size", out_size)
        positive_size("MLP.width", width)
        if depth < 0 or int(depth) != depth:
            raise ValueError(f"MLP.depth: expected a whole number of at least 0, found {depth!r}")
        sizes = [in_size, *[width] * depth, out_size]
        self.weights, self.biases = _initial(key, tuple(pairwise(sizes)))
        self.activation = name_of(activation, "MLP.activation")

    @property
    def in_size(self) -> int:
        return int(self.weights[0].shape[0])

    @property
    def out_size(self) -> int:
        return int(self.weights[-1].shape[1])

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        activation = activation_named(self.activation)
        for W, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = activation(product(x, W) + b)
        return product(x, self.weights[-1]) + self.biases[-1]


# Compiled as one program, which takes a fifth of the time that one for each operation of each shape takes.
@partial(jax.jit, static_argnums=1)
def _initial(
    key: PRNGKeyArray, shapes: tuple[tuple[int, int], ...]
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Weights of each layer, normal, cut at two standard deviations, with variance 1/fan-in (LeCun), and
    biases of 0."""
    initialize = jax.nn.initializers.lecun_normal()
    keys = jax.random.split(key, len(shapes))
    weights = tuple(initialize(layer_key, shape) for layer_key, shape in zip(keys, shapes, strict=True))
    return weights, tuple(jnp.zeros(m) for _, m in shapes)


class Standardized(eqx.Module):
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

    @property
    def out_size(self) -> int | None:
        return getattr(self.network, "out_size", None)

    @property
    def in_size(self) -> int | None:
        return getattr(self.network, "in_size", None)

    def __call__(self, x: Array) -> Array:
        return self.network(_compressed((x - self.mean.value) / self.scale.value))


# From here on, in standard deviations, a value is far out.
_FAR = 10.0


def _compressed(u: Array) -> Array:
    """u where |u| ≤ 10, beyond ±(10 + log(1 + |u| − 10)): continuous, with slope 1 there, and finite."""
    beyond = jnp.clip(jnp.abs(u) - _FAR, 0.0, jnp.finfo(u.dtype).max)
    return jnp.where(beyond > 0, jnp.sign(u) * (_FAR + jnp.log1p(beyond)), u)


class Log1p(eqx.Module):
    """A network of log(1 + x): what an encoder sees of counts, whose spread grows with their size.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Log1p(lambda x: x)(jnp.array([0.0, 1.0])).round(4).tolist()
    [0.0, 0.6931]
    """

    network: Callable[[Array], Array]

    @property
    def out_size(self) -> int | None:
        return getattr(self.network, "out_size", None)

    @property
    def in_size(self) -> int | None:
        return getattr(self.network, "in_size", None)

    def __call__(self, x: Array) -> Array:
        return self.network(jnp.log1p(x))


class OneHot(eqx.Module):
    """A network behind a one-hot code: whole numbers 0 … levels − 1 become `levels` inputs each. Codes
    without an order among them reach a decoder this way; with a linear network it is a table of rows.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.OneHot(3, lambda x: x)(jnp.array([2.0, 0.0])).tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    """

    levels: int = eqx.field(static=True)
    network: Callable[[Array], Array]

    @property
    def out_size(self) -> int | None:
        return getattr(self.network, "out_size", None)

    def __call__(self, x: Array) -> Array:
        return self.network(jax.nn.one_hot(jnp.asarray(x, int), self.levels).reshape(-1))


class Leading(eqx.Module):
    """A network of the first `size` values: the likelihood p(x∣z₁) of a chain z = (z₁, z₂).

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Leading(2, lambda z: z)(jnp.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0]
    """

    size: int = eqx.field(static=True)
    network: Callable[[Array], Array]

    @property
    def out_size(self) -> int | None:
        return getattr(self.network, "out_size", None)

    def __call__(self, x: Array) -> Array:
        return self.network(x[: self.size])
