"""An MLP of which the i-th output is told the inputs before the i-th alone."""

from __future__ import annotations

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation, activation_named, name_of
from lowerbound.networks.product import product

__all__ = ["MaskedMLP"]


class MaskedMLP(eqx.Module):
    """x ↦ y with `blocks` numbers yᵢ for each input, of x₁ … xᵢ₋₁ alone: an MLP with weights left out (MADE,
    Germain et al. 2015). A hidden unit has a degree m from 0 to d − 1, as many units each; it is told
    x₁ … xₘ, through units of no higher degree, and tells what it knows to the yᵢ with i > m.

    **Arguments:** `in_size`: d; `blocks`: numbers for each input; `width`, `depth`: units and number of
    hidden layers; `activation`; `key`: for the initial weights, normal with variance 1/(weights of a unit
    that are not left out).

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.MaskedMLP(3, 2, width=12, key=jax.random.key(0))
    >>> jacobian = jax.jacobian(network)(jnp.ones(3))                    # (d, blocks, d)
    >>> (jnp.abs(jacobian).sum(1) > 0).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    blocks: int = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        blocks: int,
        *,
        width: int = 256,
        depth: int = 2,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        in_size = positive_size("MaskedMLP.in_size", in_size)
        self.blocks = positive_size("MaskedMLP.blocks", blocks)
        hidden = [positive_size("MaskedMLP.width", width)] * positive_size("MaskedMLP.depth", depth)
        masks = _masks([in_size, *hidden], self.blocks)
        keys = jax.random.split(key, len(masks))
        self.weights = tuple(
            jax.random.normal(k, mask.shape) * mask / np.sqrt(np.maximum(mask.sum(0), 1))
            for k, mask in zip(keys, masks, strict=True)
        )
        self.biases = tuple(jnp.zeros(mask.shape[1]) for mask in masks)
        self.activation = name_of(activation, "MaskedMLP.activation")

    @property
    def in_size(self) -> int:
        """d."""
        return int(self.weights[0].shape[0])

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, "d blocks"]:
        """The numbers of each input."""
        activation = activation_named(self.activation)
        masks = _masks([len(W) for W in self.weights], self.blocks)
        *hidden, last = [W * mask for W, mask in zip(self.weights, masks, strict=True)]
        for W, b in zip(hidden, self.biases[:-1], strict=True):
            x = activation(product(x, W) + b)
        return (product(x, last) + self.biases[-1]).reshape(-1, self.blocks)


def _masks(sizes: list[int], blocks: int) -> list[Bool[np.ndarray, "in out"]]:
    """Which weights there are of each layer, from the sizes of the input and of the hidden layers."""
    d = sizes[0]
    degrees = [np.arange(1, d + 1), *(np.arange(size) * d // size for size in sizes[1:])]
    hidden = [below[:, None] <= above for below, above in pairwise(degrees)]
    return [*hidden, degrees[-1][:, None] < np.repeat(degrees[0], blocks)]
