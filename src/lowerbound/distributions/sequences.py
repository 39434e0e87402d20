"""Sequences of tokens, one token after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.each import each_drawn
from lowerbound.distributions.marks import END

__all__ = ["NextToken", "SequenceDistribution", "Sequences"]


class Sequences(Constraint):
    """Vectors of tokens 0, 1, …, vocabulary − 1, in which nothing but 0 follows the first 0: it ends the
    sequence, and what is behind it is no data. A sequence that fills all places ends without it. With
    `missing`, and NaN in every place, one that was not observed.

    >>> import jax.numpy as jnp
    >>> Sequences(3)(jnp.array([[1, 2, 0], [2, 2, 2], [0, 1, 0]])).tolist()
    [True, True, False]
    """

    event_dim = 1
    is_discrete = True

    def __init__(self, vocabulary: int, *, missing: bool = False):
        self.vocabulary, self.missing = vocabulary, missing
        super().__init__()

    def __call__(self, x: Array) -> Array:
        tokens = (x >= 0) & (x < self.vocabulary) & (x == jnp.floor(x))
        inside = (tokens & (_read(x) | (x == END))).all(-1)
        return inside | jnp.isnan(x).all(-1) if self.missing else inside

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequences) and self._said == other._said

    def __hash__(self) -> int:
        return hash((Sequences, self._said))

    @property
    def _said(self) -> tuple[int, bool]:
        return self.vocabulary, self.missing

    def __repr__(self) -> str:
        return f"Sequences({self.vocabulary})"

    def feasible_like(self, prototype: Array) -> Array:
        return jnp.full_like(prototype, END)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (), ((), {"vocabulary": self.vocabulary, "missing": self.missing})


def _read(x: Array) -> Bool[Array, "... length"]:
    """The places that are data: those that no end stands before."""
    before = jnp.cumsum(x == END, -1) - (x == END)
    return before == 0


class NextToken(Protocol):
    """A network that says at each place, from a context and the tokens before it, how probable each token is:
    of a whole sequence in one pass, or a place at a time, with the same numbers."""

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, with the end."""

    @property
    def context_size(self) -> int:
        """Length of the context."""

    def __call__(
        self, tokens: Int[Array, " length"], context: Float[Array, " context"]
    ) -> Float[Array, "length vocabulary"]:
        """The logits at each place, of the tokens before it, of which −1 is one that is not known: it adds
        nothing."""

    def start(self, context: Float[Array, " context"]) -> PyTree:
        """What it knows before the first token."""

    def step(self, state: PyTree, token: Int[Array, ""]) -> tuple[PyTree, Float[Array, " vocabulary"]]:
        """What it knows after one more token, and the logits of the next one. Before the first token of a
        sequence stands the end of what was before it."""


class SequenceDistribution(Distribution):
    """p(x) = Πₜ p(xₜ∣x₁ … xₜ₋₁, h) up to the first 0, in nats, of counting measure on the sequences
    of at most `length` tokens; of −∞ is what holds another token behind an end. With `missing`, log p(x) of
    NaN in every place is 0: nothing was observed."""

    arg_constraints = {"context": constraints.real_vector}  # noqa: RUF012
    pytree_data_fields = ("network", "context")
    pytree_aux_fields = ("length", "missing")

    def __init__(
        self,
        network: NextToken,
        context: Float[Array, " context"],
        length: int,
        *,
        missing: bool = False,
        validate_args: bool | None = None,
    ) -> None:
        self.network, self.context, self.length, self.missing = network, context, length, missing
        super().__init__(batch_shape=(), event_shape=(length,), validate_args=validate_args)

    @property
    def support(self) -> Constraint:
        return Sequences(self.network.vocabulary, missing=self.missing)

    def log_prob(self, value: Array) -> Float[Array, ...]:
        return jnp.vectorize(self._log_prob, signature="(d)->()")(jnp.asarray(value))

    def _log_prob(self, x: Array) -> Float[Array, ""]:
        """Σₜ log p(xₜ∣x₁ … xₜ₋₁, h): all places in one pass (teacher forcing)."""
        observed = ~jnp.isnan(x).all() if self.missing else True
        tokens = jnp.where(observed, x, END).astype(int)
        logits = self.network(tokens, self.context)
        log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[:, None], axis=1)[:, 0]
        total = jnp.where(_read(tokens) & observed, log_p, 0.0).sum()
        return jnp.where(self.support(x), total, -jnp.inf)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "... length"]:
        return each_drawn(self._drawn, key, sample_shape)

    def _drawn(self, key: PRNGKeyArray) -> Float[Array, " length"]:
        def chosen(place: Array, logits: Array) -> Array:
            return jax.random.categorical(jax.random.fold_in(key, place), logits)

        return self._token_by_token(chosen)

    def greedy(self) -> Float[Array, " length"]:
        """The sequence whose every token is the most probable one after those before it."""
        return self._token_by_token(lambda place, logits: logits.argmax())

    def _token_by_token(self, chosen: Callable[[Array, Array], Array]) -> Float[Array, " length"]:
        """Tokens, each `chosen(place, logits)`, until the end; of several rows until all have ended."""

        def unfinished(carry: tuple[Array, Array, Array, PyTree]) -> Array:
            place, last, _, _ = carry
            return (place < self.length) & ((place == 0) | (last != END))

        def next_one(carry: tuple[Array, Array, Array, PyTree]) -> tuple[Array, Array, Array, PyTree]:
            place, last, tokens, state = carry
            state, logits = self.network.step(state, last)
            token = chosen(place, logits).astype(int)
            return place + 1, token, tokens.at[place].set(token.astype(float)), state

        nothing = jnp.full(self.length, END, float)
        start = (jnp.asarray(0), jnp.asarray(END), nothing, self.network.start(self.context))
        return jax.lax.while_loop(unfinished, next_one, start)[2]
