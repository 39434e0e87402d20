"""A sound state that is kept while steps are made, from which they are made again where one goes wrong."""

from __future__ import annotations

from typing import NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from lowerbound.training.feed import Feed
from lowerbound.training.run import Run
from lowerbound.training.state import State
from lowerbound.training.step import advance

__all__ = ["Snapshot", "copied"]


@eqx.filter_jit
def copied(state: State) -> tuple[State, Bool[Array, ""]]:
    """The state in arrays of its own, whose buffers may be given up; whether its parameters are finite."""
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.parameters)]
    return jax.tree.map(jnp.copy, state), jnp.stack(finite).all()


class Snapshot(NamedTuple):
    """A state whose parameters are finite, and the step that it is of."""

    state: State
    step: int

    def renewed(self, state: State) -> Self:
        """A snapshot of `state`, if it is sound."""
        copy, sound = copied(state)
        return type(self)(copy, int(copy.step)) if sound else self

    def before(self, run: Run, feed: Feed, state: State) -> tuple[State, bool]:
        """The last state with finite parameters before `state`, in which a term is not finite; and whether it
        was the gradient that was not finite there, and the term one step later.

        The steps from the snapshot on are made again, to the last bit.
        """
        for back in (1, 2):
            stop = int(state.step) - back
            if stop < self.step:
                break
            again, _ = advance((run, feed, jnp.asarray(stop)), copied(self.state)[0])
            if copied(again)[1]:
                return again, back == 2
        return self.state, False
