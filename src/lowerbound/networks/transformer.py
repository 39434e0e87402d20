"""The causal transformer as what says the next token."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.distributions.marks import END
from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation
from lowerbound.networks.attention import AttentionBlock, attention_blocks, normalised
from lowerbound.networks.embedding import embedded, first_places
from lowerbound.networks.product import product

__all__ = ["CausalTransformer"]

# A state: the place, what the context adds, and of each block what the places so far are found by and say.
State = tuple[Array, Array, tuple[tuple[Array, Array], ...]]


class CausalTransformer(eqx.Module):
    """How probable each next token is, from all tokens before and the context h, by attention (Vaswani et al.
    2017): with N the normalisation of each place,

        yₜ = E[xₜ₋₁] + Pₜ + h C,   then `depth` blocks in which t sees the places s ≤ t,   logits N(yₜ) V + b,

    the rows of E being what each token adds, those of P what each place adds. Token by token it keeps what
    each block found at the places before (their keys and values).

    **Arguments:** `vocabulary`: how many tokens, with the end; `context_size`: length of h; `length`: the
    most tokens of a sequence; `width`: units of a place; `depth`: how many
    [`AttentionBlock`][lowerbound.AttentionBlock]s; `heads`: of each, a divisor of the width; `activation`;
    `key`: for the initial weights.

    **Raises:** `ValueError` for a size that is none, and where it is given more tokens than `length`. Of a
    place behind the last, token by token, the logits are NaN.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.CausalTransformer(5, 3, length=4, width=8, heads=2, key=jax.random.key(0))
    >>> network(jnp.array([1, 4, 2, 0]), jnp.zeros(3)).shape         # at each place the logits of five tokens
    (4, 5)
    """

    tokens: Float[Array, "vocabulary width"]
    places: Float[Array, "length width"]
    context: Float[Array, "context width"]
    blocks: tuple[AttentionBlock, ...]
    out: Float[Array, "width vocabulary"]
    out_bias: Float[Array, " vocabulary"]

    def __init__(
        self,
        vocabulary: int,
        context_size: int,
        *,
        length: int,
        width: int = 128,
        depth: int = 2,
        heads: int = 4,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        vocabulary = positive_size("CausalTransformer.vocabulary", vocabulary)
        context_size = positive_size("CausalTransformer.context_size", context_size)
        length = positive_size("CausalTransformer.length", length)
        width = positive_size("CausalTransformer.width", width)
        depth = positive_size("CausalTransformer.depth", depth)
        fan_in = jax.nn.initializers.lecun_normal()
        k1, k2, k3, k4, k5 = jax.random.split(key, 5)
        self.tokens = jax.random.normal(k1, (vocabulary, width))
        self.places = jax.random.normal(k2, (length, width))
        self.context = fan_in(k3, (context_size, width))
        self.blocks = attention_blocks(depth, width, heads=heads, activation=activation, key=k4)
        self.out, self.out_bias = fan_in(k5, (width, vocabulary)), jnp.zeros(vocabulary)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, with the end."""
        return len(self.tokens)

    @property
    def context_size(self) -> int:
        """Length of the context."""
        return len(self.context)

    def __call__(
        self, tokens: Int[Array, " length"], context: Float[Array, " context"]
    ) -> Float[Array, "length vocabulary"]:
        """The logits at each place, of the tokens before it."""
        length = len(tokens)
        before = jnp.concatenate([jnp.full(1, END), tokens[:-1]])
        x = (
            embedded(before, self.tokens)
            + first_places("CausalTransformer", self.places, length)
            + product(context, self.context)
        )
        seen = jnp.tril(jnp.ones((length, length), bool))
        for block in self.blocks:
            x = block(x, seen)
        return self._logits(x)

    def start(self, context: Float[Array, " context"]) -> State:
        """Nothing but what the context adds at each place."""
        of_context = product(context, self.context)
        length, width = self.places.shape
        empty = [jnp.zeros((length, b.heads, width // b.heads), of_context.dtype) for b in self.blocks]
        return jnp.asarray(0), of_context, tuple((k, k) for k in empty)

    def step(self, state: State, token: Int[Array, ""]) -> tuple[State, Float[Array, " vocabulary"]]:
        """What is known after one more token, and the logits of the next one."""
        place, of_context, known = state
        x = (embedded(token, self.tokens) + self.places[place] + of_context)[None]
        inside = (jnp.arange(len(self.places)) <= place)[None]
        after = []
        for block, (keys, values) in zip(self.blocks, known, strict=True):
            q, k, v = block.projected(x)
            keys, values = keys.at[place].set(k[0]), values.at[place].set(v[0])
            x = block.onward(x, q, keys, values, inside)
            after.append((keys, values))
        logits = jnp.where(place < len(self.places), self._logits(x)[0], jnp.nan)
        return (place + 1, of_context, tuple(after)), logits

    def _logits(self, x: Float[Array, "places width"]) -> Float[Array, "places vocabulary"]:
        return product(normalised(x), self.out) + self.out_bias
