"""Attention over places, and the block of a transformer that is made of it."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation
from lowerbound.networks.mlp import MLP
from lowerbound.networks.product import multiplying, product

__all__ = ["AttentionBlock", "attended", "attention_blocks", "normalised"]


def attended(
    q: Float[Array, "queries heads d"],
    k: Float[Array, "places heads d"],
    v: Float[Array, "places heads d"],
    seen: Bool[Array, "queries places"],
) -> Float[Array, "queries heads d"]:
    """Σₛ softmaxₛ(qₜ · kₛ/√d) vₛ of each head, over the places s that t sees, of which there is one at least
    (Vaswani et al. 2017, eq. 1).

    >>> q, k, v = jnp.zeros((1, 1, 2)), jnp.ones((3, 1, 2)), jnp.arange(6.0).reshape(3, 1, 2)
    >>> attended(q, k, v, jnp.array([[True, True, False]])).tolist()
    [[[1.0, 2.0]]]
    """
    with multiplying():
        scores = jnp.einsum("qhd,phd->hqp", q, k) / q.shape[-1] ** 0.5
        weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf))
        return jnp.einsum("hqp,phd->qhd", weights, v)


def normalised(x: Float[Array, "*places width"]) -> Float[Array, "*places width"]:
    """(x − mean)/√(variance + 10⁻⁵) over the units of each place (Ba et al. 2016). Its gain and its offset
    are in the product that follows.

    >>> normalised(jnp.array([1.0, 3.0])).round(3).tolist()
    [-1.0, 1.0]
    """
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)


class AttentionBlock(eqx.Module):
    """A block of a transformer, normalised before each half (Xiong et al. 2020): at each place

        x ← x + A(N(x)) O + o,   x ← x + f(N(x)),

    A the attention of `heads` heads to the places that are seen, f an MLP of one hidden layer of 4 `width`
    units, N as in [`normalised`][].

    **Arguments:** `width`: units of a place; `heads`, a divisor of it; `halves`: how many such halves stand
    one behind the other in the network, among which the variance of a sum of so many terms is shared;
    `activation`; `key`.

    **Raises:** `ValueError` for a size that is none, and for a width that heads cannot share.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> block = lb.AttentionBlock(8, heads=2, key=jax.random.key(0))
    >>> block(jnp.ones((3, 8)), jnp.ones((3, 3), bool)).shape
    (3, 8)
    """

    attention: Float[Array, "width 3*width"]
    attention_bias: Float[Array, " 3*width"]
    joined: Float[Array, "width width"]
    joined_bias: Float[Array, " width"]
    behind: MLP
    heads: int = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        *,
        heads: int = 4,
        halves: int = 2,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        width = positive_size("AttentionBlock.width", width)
        self.heads = positive_size("AttentionBlock.heads", heads)
        if width % heads:
            raise ValueError(f"AttentionBlock.heads: expected a divisor of the width, {width}, found {heads}")
        k1, k2, k3 = jax.random.split(key, 3)
        fan_in = jax.nn.initializers.lecun_normal()
        share = positive_size("AttentionBlock.halves", halves) ** -0.5
        self.attention, self.attention_bias = fan_in(k1, (width, 3 * width)), jnp.zeros(3 * width)
        self.joined, self.joined_bias = share * fan_in(k2, (width, width)), jnp.zeros(width)
        behind = MLP(width, width, width=4 * width, depth=1, activation=activation, key=k3)
        self.behind = eqx.tree_at(lambda mlp: mlp.weights[-1], behind, share * behind.weights[-1])

    def __call__(
        self, x: Float[Array, "places width"], seen: Bool[Array, "places places"]
    ) -> Float[Array, "places width"]:
        """All places in one pass; `seen` says which places each one sees."""
        q, k, v = self.projected(x)
        return self.onward(x, q, k, v, seen)

    def projected(self, x: Float[Array, "places width"]) -> list[Float[Array, "places heads d"]]:
        """What each place asks for, q, what it is found by, k, and what it then says, v."""
        qkv = product(normalised(x), self.attention) + self.attention_bias
        return [each.reshape(len(x), self.heads, -1) for each in jnp.split(qkv, 3, axis=-1)]

    def onward(
        self,
        x: Float[Array, "queries width"],
        q: Float[Array, "queries heads d"],
        k: Float[Array, "places heads d"],
        v: Float[Array, "places heads d"],
        seen: Bool[Array, "queries places"],
    ) -> Float[Array, "queries width"]:
        """What some places are after the block, which see what all say."""
        x = x + product(attended(q, k, v, seen).reshape(x.shape), self.joined) + self.joined_bias
        return x + self.behind(normalised(x))


def attention_blocks(
    depth: int, width: int, *, heads: int, activation: Activation, key: PRNGKeyArray
) -> tuple[AttentionBlock, ...]:
    """So many blocks, one behind the other.

    >>> len(attention_blocks(2, 8, heads=2, activation="swish", key=jax.random.key(0)))
    2
    """
    return tuple(
        AttentionBlock(width, heads=heads, halves=2 * depth, activation=activation, key=k)
        for k in jax.random.split(key, depth)
    )
