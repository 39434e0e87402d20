"""Convolutions over the last tokens as what says the next one."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.distributions.marks import END
from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation, activation_named
from lowerbound.networks.embedding import embedded, first_places
from lowerbound.networks.mlp import MLP
from lowerbound.networks.product import product

__all__ = ["CausalWindow"]

# Numbers that a token is before the convolution.
_EMBEDDING = 32
# The place, the last tokens, and the context.
State = tuple[Array, Array, Array]


class CausalWindow(eqx.Module):
    """How probable each next token is, from the last tokens alone and the context h: logits are

        f(a(Σₖ Eₓ Wₖ + g(hₜ))),   x = xₜ₋ₖ, k = 1 … window,

    the rows of E a short vector for each token, Wₖ what one k places back adds, f an MLP and g linear: a
    causal convolution of the tokens and what follows at each place. What else is further back is known
    through h alone, so that a latent code is used that a network with a long memory would ignore.

    With a `length`, h is a vector for each place, one after the other, and hₜ the t-th of them: what makes h
    of a code has weights of its own for each place, so that the code can say which token stands where.
    Without it each hₜ is h, and no place is known.

    **Arguments:** `vocabulary`: how many tokens, with the end; `context_size`: length of h, a multiple of
    `length`; `window`: how many tokens back it sees; `length`: the most tokens of a sequence, or 0, where a
    place is not to be known; `width`, `depth`: units and hidden layers behind the convolution; `activation`;
    `key`: for the initial weights.

    **Raises:** `ValueError` for a size that is none, and a `context_size` that is no multiple of `length`.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.CausalWindow(5, 3, window=2, width=8, key=jax.random.key(0))
    >>> a, b = (network(jnp.array(x), jnp.zeros(3)) for x in ([1, 4, 2, 3], [2, 4, 2, 3]))
    >>> (a == b).all(1).tolist()                                     # the fourth token does not see the first
    [True, False, False, True]
    >>> network = lb.CausalWindow(5, 8, window=1, length=4, width=8, key=jax.random.key(0))
    >>> a, b = (network(jnp.array([1, 4, 2, 3]), h) for h in (jnp.zeros(8), jnp.zeros(8).at[4].set(1.0)))
    >>> (a == b).all(1).tolist()                                     # h₅ and h₆ are of the third place
    [True, True, False, True]
    """

    window: int = eqx.field(static=True)
    embedding: Float[Array, "vocabulary n"]
    convolution: Float[Array, "window*n width"]
    of_context: MLP
    behind: MLP
    length: int = eqx.field(static=True)

    def __init__(
        self,
        vocabulary: int,
        context_size: int,
        *,
        window: int = 6,
        length: int = 0,
        width: int = 256,
        depth: int = 1,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        vocabulary = positive_size("CausalWindow.vocabulary", vocabulary)
        self.window = positive_size("CausalWindow.window", window)
        self.length = positive_size("CausalWindow.length", length) if length else 0
        if length and context_size % length:
            raise ValueError(
                f"CausalWindow.context_size: expected a multiple of length={length}, a vector for each "
                f"place, found {context_size}"
            )
        k1, k2, k3, k4 = jax.random.split(key, 4)
        self.embedding = jax.random.normal(k1, (vocabulary, _EMBEDDING))
        seen = self.window * _EMBEDDING
        self.convolution = jax.random.normal(k4, (seen, width)) / seen**0.5
        self.of_context = MLP(context_size // (length or 1), width, depth=0, activation=activation, key=k2)
        self.behind = MLP(width, vocabulary, width=width, depth=depth, activation=activation, key=k3)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, with the end."""
        return self.behind.out_size

    @property
    def context_size(self) -> int:
        """Length of the context, of all places together."""
        return self.of_context.in_size * (self.length or 1)

    def __call__(
        self, tokens: Int[Array, " length"], context: Float[Array, " context"]
    ) -> Float[Array, "length vocabulary"]:
        """The logits at each place, of the tokens before it."""
        length = len(tokens)
        before = embedded(jnp.concatenate([jnp.full(self.window, END), tokens[:-1]]), self.embedding)
        windows = jnp.concatenate([before[k : k + length] for k in range(self.window)], axis=1)
        h = first_places("CausalWindow", self._by_place(context), length) if self.length else context
        return self._logits(windows, h)

    def start(self, context: Float[Array, " context"]) -> State:
        """The first place, the window before it, and the context."""
        return jnp.asarray(0), jnp.full(self.window, END), context

    def step(self, state: State, token: Int[Array, ""]) -> tuple[State, Float[Array, " vocabulary"]]:
        """The place and the window after one more token, and the logits of the next one."""
        place, window, context = state
        window = jnp.concatenate([window[1:], token[None]])
        h = self._by_place(context)[place] if self.length else context
        logits = self._logits(embedded(window, self.embedding).ravel(), h)
        return (place + 1, window, context), logits

    def _by_place(self, context: Float[Array, " context"]) -> Float[Array, "length own"]:
        return context.reshape(self.length, -1)

    def _logits(
        self, windows: Float[Array, "*places window*n"], h: Float[Array, "*places own"]
    ) -> Float[Array, "*places vocabulary"]:
        seen = product(windows, self.convolution) + self.of_context(h)
        return self.behind(activation_named(self.behind.activation)(seen))
