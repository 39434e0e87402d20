"""The gated recurrent unit, and what says the next token by it."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.distributions.marks import END
from lowerbound.families.family import positive_size
from lowerbound.networks.embedding import embedded
from lowerbound.networks.product import product

__all__ = ["GRU", "GatedUnit"]


class GatedUnit(eqx.Module):
    """The gated recurrent unit (Cho et al. 2014): from a state s, and what is added at a place, a,

        r = σ(aᵣ + s Wᵣ),   u = σ(aᵤ + s Wᵤ),   n = tanh(aₙ + r (s Wₙ + bₙ)),   s ← u s + (1 − u) n.

    **Arguments:** `width`: length of s, a third of that of a; `key`: for W, each third orthogonal.

    **Raises:** `ValueError` for a width that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> lb.GatedUnit(2, key=jax.random.key(0))(jnp.ones(2), jnp.zeros(6)).shape
    (2,)
    """

    recurrent: Float[Array, "width gates"]
    bias: Float[Array, " width"]

    def __init__(self, width: int, *, key: PRNGKeyArray):
        width = positive_size("GatedUnit.width", width)
        square = jax.nn.initializers.orthogonal()
        self.recurrent = jnp.concatenate([square(k, (width, width)) for k in jax.random.split(key, 3)], 1)
        self.bias = jnp.zeros(width)

    @property
    def width(self) -> int:
        """Length of the state."""
        return len(self.bias)

    def __call__(self, s: Float[Array, " width"], a: Float[Array, " gates"]) -> Float[Array, " width"]:
        of_s = product(s, self.recurrent)
        a_r, a_u, a_n = jnp.split(a, 3)
        s_r, s_u, s_n = jnp.split(of_s, 3)
        r, u = jax.nn.sigmoid(a_r + s_r), jax.nn.sigmoid(a_u + s_u)
        return u * s + (1 - u) * jnp.tanh(a_n + r * (s_n + self.bias))


class GRU(eqx.Module):
    """How probable each next token is, from a state s that a [`GatedUnit`][lowerbound.GatedUnit] carries from
    place to place: a = E[xₜ₋₁] + h C is added, the rows of E being what each token adds, and logits are
    s V + b. The context h is given at each place, and begins the state, s₀ = tanh(h S). Only the product with
    s waits for the place before.

    **Arguments:** `vocabulary`: how many tokens, with the end; `context_size`: length of h; `width`: length
    of the state; `key`: for the initial weights.

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.GRU(5, 3, width=8, key=jax.random.key(0))
    >>> network(jnp.array([1, 4, 2, 0]), jnp.zeros(3)).shape         # at each place the logits of five tokens
    (4, 5)
    """

    tokens: Float[Array, "vocabulary gates"]
    context: Float[Array, "context gates"]
    unit: GatedUnit
    first: Float[Array, "context width"]
    out: Float[Array, "width vocabulary"]
    out_bias: Float[Array, " vocabulary"]

    def __init__(self, vocabulary: int, context_size: int, *, width: int = 256, key: PRNGKeyArray):
        vocabulary = positive_size("GRU.vocabulary", vocabulary)
        context_size = positive_size("GRU.context_size", context_size)
        width = positive_size("GRU.width", width)
        fan_in = jax.nn.initializers.lecun_normal()
        keys = jax.random.split(key, 5)
        self.tokens = jax.random.normal(keys[0], (vocabulary, 3 * width))
        self.context = fan_in(keys[1], (context_size, 3 * width))
        self.unit = GatedUnit(width, key=keys[2])
        self.first = fan_in(keys[3], (context_size, width))
        self.out = fan_in(keys[4], (width, vocabulary))
        self.out_bias = jnp.zeros(vocabulary)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, with the end."""
        return int(self.tokens.shape[0])

    @property
    def context_size(self) -> int:
        """Length of the context."""
        return int(self.first.shape[0])

    def __call__(
        self, tokens: Int[Array, " length"], context: Float[Array, " context"]
    ) -> Float[Array, "length vocabulary"]:
        """The logits at each place, of the tokens before it."""
        before = jnp.concatenate([jnp.full(1, END), tokens[:-1]])
        first, of_context = self.start(context)

        # What a token adds is found where it is read: found for all places before, and kept, it would take a
        # training step 1.1 times as long on a CPU, and log p(x) alone 2.8 times.
        def on(s: Array, token: Array) -> tuple[Array, Array]:
            s = self.unit(s, embedded(token, self.tokens) + of_context)
            return s, s

        _, states = jax.lax.scan(on, first, before)
        return self._logits(states)

    def start(self, context: Float[Array, " context"]) -> tuple[Array, Array]:
        """The state before the first token, and what the context adds at each place."""
        return jnp.tanh(product(context, self.first)), product(context, self.context)

    def step(
        self, state: tuple[Array, Array], token: Int[Array, ""]
    ) -> tuple[tuple[Array, Array], Float[Array, " vocabulary"]]:
        """The state after one more token, and the logits of the next one."""
        s, of_context = state
        s = self.unit(s, embedded(token, self.tokens) + of_context)
        return (s, of_context), self._logits(s)

    def _logits(self, s: Float[Array, "*places width"]) -> Float[Array, "*places vocabulary"]:
        return product(s, self.out) + self.out_bias
