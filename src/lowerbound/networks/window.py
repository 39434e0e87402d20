"""Convolutions over the last tokens as what says the next one."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.distributions.sequences import END
from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation, activation_named
from lowerbound.networks.embedding import first_places
from lowerbound.networks.mlp import MLP
from lowerbound.networks.product import product

__all__ = ["CausalWindow"]

# The place, the last tokens, and what the context adds.
State = tuple[Array, Array, Array]


class CausalWindow(eqx.Module):
    """How probable each next token is, from the last tokens alone and the context h: logits are

        f(a(Σₖ Eₖ[xₜ₋ₖ] + g(h) + bₜ)),   k = 1 … window,

    the rows of Eₖ what a token k places back adds, f an MLP and g linear: a causal convolution of the tokens
    and what follows at each place, which bₜ tells where it is. What else is further back is known through h
    alone, so that a latent code is used that a network with a long memory would ignore.

    **Arguments:** `vocabulary`: how many tokens, with the end; `context_size`: length of h; `window`: how
    many tokens back it sees; `length`: the most tokens of a sequence, for each of which there is a bₜ, or 0,
    where a place is not to be known; `width`, `depth`: units and hidden layers behind the convolution;
    `activation`; `key`: for the initial weights.

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.CausalWindow(5, 3, window=2, width=8, key=jax.random.key(0))
    >>> a, b = (network(jnp.array(x), jnp.zeros(3)) for x in ([1, 4, 2, 3], [2, 4, 2, 3]))
    >>> (a == b).all(1).tolist()                                     # the fourth token does not see the first
    [True, False, False, True]
    """

    window: int = eqx.field(static=True)
    convolution: Float[Array, "window*vocabulary width"]
    of_context: MLP
    behind: MLP
    places: Float[Array, "length width"] | None

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
        k1, k2, k3 = jax.random.split(key, 3)
        # Of the inputs of a place `window` are 1.
        self.convolution = jax.random.normal(k1, (window * vocabulary, width)) / window**0.5
        self.of_context = MLP(context_size, width, depth=0, activation=activation, key=k2)
        self.behind = MLP(width, vocabulary, width=width, depth=depth, activation=activation, key=k3)
        places = positive_size("CausalWindow.length", length) if length else 0
        self.places = jnp.zeros((places, width)) if places else None

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, with the end."""
        return self.behind.out_size

    @property
    def context_size(self) -> int:
        """Length of the context."""
        return self.of_context.in_size

    def __call__(
        self, tokens: Int[Array, " length"], context: Float[Array, " context"]
    ) -> Float[Array, "length vocabulary"]:
        """The logits at each place, of the tokens before it."""
        length = len(tokens)
        before = jnp.concatenate([jnp.full(self.window, END), tokens[:-1]])
        windows = jnp.stack([before[k : k + length] for k in range(self.window)], axis=1)
        added = self.of_context(context)
        return self._logits(
            windows,
            added if self.places is None else added + first_places("CausalWindow", self.places, length),
        )

    def start(self, context: Float[Array, " context"]) -> State:
        """The first place, the window before it, and what the context adds at each place."""
        return jnp.asarray(0), jnp.full(self.window, END), self.of_context(context)

    def step(self, state: State, token: Int[Array, ""]) -> tuple[State, Float[Array, " vocabulary"]]:
        """The place and the window after one more token, and the logits of the next one."""
        place, window, added = state
        window = jnp.concatenate([window[1:], token[None]])
        logits = self._logits(window, added if self.places is None else added + self.places[place])
        return (place + 1, window, added), logits

    def _logits(
        self, windows: Int[Array, "*places window"], added: Float[Array, "*places width"]
    ) -> Float[Array, "*places vocabulary"]:
        tokens = jax.nn.one_hot(windows, self.vocabulary, dtype=self.convolution.dtype)
        seen = product(tokens.reshape(*windows.shape[:-1], -1), self.convolution)
        return self.behind(activation_named(self.behind.activation)(seen + added))
