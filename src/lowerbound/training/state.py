"""The state of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree, UInt32

from lowerbound.objectives.gradients import Terms
from lowerbound.randomness.keys import as_key
from lowerbound.training.feed import Batch
from lowerbound.training.run import Run

__all__ = ["Origin", "State", "order_key"]

# What the run was given, by the name of the argument: 64 bits each, as two words.
Origin = dict[str, UInt32[np.ndarray, "2"] | UInt32[Array, "2"]]


class State(eqx.Module):
    """All that a run changes, in one pytree: a run that is stopped and goes on from here takes the same
    path to the last bit."""

    parameters: PyTree
    optimizer: PyTree
    average: PyTree | None
    running: Terms  # means over the last steps, about 20
    step: Array
    epoch: Array
    position: Array  # in the epoch
    key: Array  # its two words, so that a state is numbers alone
    finite: dict[str, Array]  # by term, at the last step
    best: PyTree
    best_objective: Array  # on the validation rows
    best_step: Array
    origin: Origin  # which a run that goes on from here has to share

    @classmethod
    @eqx.filter_jit  # as one program: a first fit waits for it
    def initial(
        cls, run: Run, parameters: PyTree, batch: Batch, key: PRNGKeyArray, origin: Origin | None = None
    ) -> State:
        """The state before the first step.

        **Arguments:** `parameters`: [`lb.trainable`][lowerbound.trainable] of the model; `batch`: any, or its
        shapes, since an objective names its terms when it is called; `key`: of all that the run draws;
        `origin`: what `fit` holds the state against where it goes on from it.
        """
        zero = jnp.zeros((), jnp.int32)

        names = run.names(parameters, batch)
        return cls(
            parameters=parameters,
            optimizer=run.optimizer.transformation.init(parameters),
            average=None if run.optimizer.averaging is None else parameters,
            running={name: jnp.zeros(()) for name in names},
            step=zero,
            epoch=zero,
            position=zero,
            key=jax.random.key_data(key),
            finite={name: jnp.asarray(True) for name in names},
            best=parameters,
            best_objective=-jnp.inf * jnp.ones(()),  # not weakly typed, as no array of a later state is
            best_step=zero,
            origin=origin or {},
        )

    def afresh(self, key: PRNGKeyArray) -> State:
        """The parameters and the optimiser of this state at the start of another run, on any rows."""
        zero = jnp.zeros((), jnp.int32)
        begun: dict[str, Any] = {"step": zero, "epoch": zero, "position": zero, "best_step": zero}
        return replace(self, **begun, key=jax.random.key_data(key), origin={})

    @property
    def evaluated(self) -> PyTree:
        """The parameters that are evaluated and kept: the average where there is one."""
        return self.parameters if self.average is None else self.average

    @property
    def noise_key(self) -> PRNGKeyArray:
        """The key of all that is drawn, but for the order of the rows."""
        return jax.random.split(as_key(self.key))[0]

    @property
    def order_key(self) -> PRNGKeyArray:
        """The key of the order of the rows."""
        return order_key(as_key(self.key))


def order_key(key: PRNGKeyArray) -> PRNGKeyArray:
    """The key of the order of the rows of a run of this key."""
    return jax.random.split(key)[1]
