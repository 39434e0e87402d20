"""A sequence of tokens as a vector, by attention to its places."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.distributions.marks import END
from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation
from lowerbound.networks.attention import AttentionBlock, attended, attention_blocks, normalised
from lowerbound.networks.embedding import before_end, embedded
from lowerbound.networks.mlp import MLP
from lowerbound.networks.network import SequenceReader
from lowerbound.networks.product import product

__all__ = ["SequenceAttention"]


class SequenceAttention(SequenceReader):
    """A sequence of tokens → a vector for each, of the token and of its place → `depth` blocks in which all
    places before the end see each other → what `queries` learned questions q find, each

        Σₜ softmaxₜ(q · kₜ/√width) vₜ,   (k, v) = N(y) K,

    one after another through a linear map. A place before the first token is always seen, so that there is
    something to be found in an empty sequence. Places from the end on have no influence.

    **Arguments:** `vocabulary`: how many tokens, with the end; `length`: the most tokens of a sequence;
    `out_size`; `width`: units of a place; `depth`: how many [`AttentionBlock`][lowerbound.AttentionBlock]s;
    `heads`: of each, a divisor of the width; `queries`; `activation`; `key`.

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> encoder = lb.SequenceAttention(5, 6, 4, width=8, heads=2, key=jax.random.key(0))
    >>> encoder(jnp.array([1.0, 4, 2, 0, 0, 0])).shape
    (4,)
    """

    tokens: Float[Array, "vocabulary width"]
    places: Float[Array, "length+1 width"]
    blocks: tuple[AttentionBlock, ...]
    queries: Float[Array, "queries width"]
    found: Float[Array, "width 2*width"]
    out: MLP

    def __init__(
        self,
        vocabulary: int,
        length: int,
        out_size: int,
        *,
        width: int = 128,
        depth: int = 1,
        heads: int = 4,
        queries: int = 4,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        vocabulary = positive_size("SequenceAttention.vocabulary", vocabulary)
        length = positive_size("SequenceAttention.length", length)
        width = positive_size("SequenceAttention.width", width)
        depth = positive_size("SequenceAttention.depth", depth)
        queries = positive_size("SequenceAttention.queries", queries)
        keys = jax.random.split(key, 6)
        self.tokens = jax.random.normal(keys[0], (vocabulary, width))
        self.places = jax.random.normal(keys[1], (length + 1, width))
        self.blocks = attention_blocks(depth, width, heads=heads, activation=activation, key=keys[2])
        self.queries = jax.random.normal(keys[3], (queries, width))
        self.found = jax.nn.initializers.lecun_normal()(keys[4], (width, 2 * width))
        self.out = MLP(queries * width, out_size, depth=0, key=keys[5])

    @property
    def in_size(self) -> int:
        return len(self.places) - 1

    @property
    def out_size(self) -> int:
        return self.out.out_size

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        tokens = jnp.concatenate([jnp.full(1, END), x.astype(int)])
        seen = jnp.concatenate([jnp.ones(1, bool), before_end(x)])
        y = embedded(tokens, self.tokens) + self.places
        for block in self.blocks:
            y = block(y, jnp.broadcast_to(seen, (len(y), len(y))))
        k, v = jnp.split(product(normalised(y), self.found), 2, axis=1)
        q = self.queries
        pooled = attended(q[:, None], k[:, None], v[:, None], jnp.broadcast_to(seen, (len(q), len(y))))
        return self.out(pooled.ravel())
