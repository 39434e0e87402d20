"""A sequence of tokens as a vector, by convolutions over its places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.distributions.marks import UNKNOWN
from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation, activation_named
from lowerbound.networks.embedding import before_end, embedded
from lowerbound.networks.mlp import MLP
from lowerbound.networks.network import SequenceReader
from lowerbound.networks.product import product

__all__ = ["SequenceConv"]


class SequenceConv(SequenceReader):
    """A sequence of tokens → a vector for each → convolutions over the places, of stride 2, each with its
    activation → an MLP of all places that these leave, in order: it can tell what stands where.

    Places from the end on are 0 in each layer, and a place i of a layer sees the places 2 i − ⌊(k − 1)/2⌋ to
    2 i + ⌊k/2⌋ of the one before, wherever the row ends: how many empty places a sequence is stored with has
    no influence.

    **Arguments:** `vocabulary`: how many tokens, with the end; `length`: the most tokens of a sequence;
    `out_size`; `channels`: of the embedding and of each convolution, which halves the places (rounded up);
    `kernel`: k, how many places a convolution sees; `width`, `depth`: of the [`MLP`][lowerbound.MLP];
    `activation`; `key`.

    **Raises:** `ValueError` for a size that is none, and for a kernel that would step over places.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> encoder = lb.SequenceConv(5, 6, 4, channels=(8, 8), width=16, key=jax.random.key(0))
    >>> encoder(jnp.array([1.0, 4, 2, 0, 0, 0])).shape
    (4,)
    """

    tokens: Float[Array, "vocabulary channels"]
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    dense: MLP
    length: int = eqx.field(static=True)

    def __init__(
        self,
        vocabulary: int,
        length: int,
        out_size: int,
        *,
        channels: Sequence[int] = (64, 64, 128),
        kernel: int = 5,
        width: int = 256,
        depth: int = 1,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        vocabulary = positive_size("SequenceConv.vocabulary", vocabulary)
        self.length = positive_size("SequenceConv.length", length)
        for n in channels:
            positive_size("SequenceConv.channels", n)
        if not channels:
            raise ValueError("SequenceConv.channels: expected those of the embedding at least, found none")
        if positive_size("SequenceConv.kernel", kernel) < 2:
            raise ValueError("SequenceConv.kernel: expected at least 2, found 1: it would step over places")
        k1, k2, *keys = jax.random.split(key, 1 + len(channels))
        self.tokens = jax.random.normal(k1, (vocabulary, channels[0]))
        fan_in = jax.nn.initializers.lecun_normal(in_axis=(0, 1))
        pairs = zip(pairwise(channels), keys, strict=True)
        self.weights = tuple(fan_in(k, (kernel, a, b)) for (a, b), k in pairs)
        self.biases = tuple(jnp.zeros(n) for n in channels[1:])
        places = self.length
        for _ in self.weights:
            places = _halved(places)
        self.dense = MLP(
            places * channels[-1], out_size, width=width, depth=depth, activation=activation, key=k2
        )

    @property
    def in_size(self) -> int:
        return self.length

    @property
    def out_size(self) -> int:
        return self.dense.out_size

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        inside, activation = before_end(x), activation_named(self.dense.activation)
        y = embedded(jnp.where(inside, x.astype(int), UNKNOWN), self.tokens)
        for W, b in zip(self.weights, self.biases, strict=True):
            inside = inside[::2]
            y = activation(product(_windows(y, len(W)), W.reshape(-1, W.shape[2])) + b)
            y = jnp.where(inside[:, None], y, 0.0)
        return self.dense(y.ravel())


def _halved(n: int) -> int:
    return -(-n // 2)


def _windows(y: Float[Array, "places channels"], kernel: int) -> Float[Array, "half kernel*channels"]:
    """Of every second place what a convolution sees around it, 0 outside."""
    n = _halved(len(y))
    before = (kernel - 1) // 2
    y = jnp.pad(y, [(before, 2 * n + kernel - len(y)), (0, 0)])
    return jnp.concatenate([y[k : k + 2 * n : 2] for k in range(kernel)], axis=1)
