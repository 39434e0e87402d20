"""A sound state that is kept while steps are made, from which they are made again where one goes wrong."""

from __future__ import annotations

from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from lowerbound.training.run import Run
from lowerbound.training.state import State
from lowerbound.training.step import advance
from lowerbound.training.supply import Supply

__all__ = ["Snapshot", "copied"]


def copied(state: State) -> State:
    """The state in arrays of its own, whose buffers may be given up. Nothing is compiled for it."""
    return jax.device_put(state, jax.tree.map(lambda leaf: leaf.sharding, state), may_alias=False)


def _sound(state: State) -> bool:
    """Whether all parameters are finite."""
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.parameters))


class Snapshot(NamedTuple):
    """A state whose parameters are finite, and the step that it is of."""

    state: State
    step: int

    def renewed(self, state: State) -> Self:
        """A snapshot of `state`, if it is sound."""
        return type(self)(copied(state), int(state.step)) if _sound(state) else self

    def before(self, run: Run, supply: Supply, state: State) -> tuple[State, bool]:
        """The last state with finite parameters before `state`, in which a term is not finite; and whether it
        was the gradient that was not finite there, and the term one step later.

        The steps from the snapshot on are made again, to the last bit.
        """
        for back in (1, 2):
            stop = int(state.step) - back
            if stop < self.step:
                break
            again = copied(self.state)
            while (step := int(again.step)) < stop:
                feed, until = supply.after(again)
                again, _ = advance((run, feed, jnp.asarray(min(stop, until))), again)
                if int(again.step) == step:
                    break
            if _sound(again):
                return again, back == 2
        return self.state, False
