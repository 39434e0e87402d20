"""The state of a run, and what stays constant in it."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, PRNGKeyArray, PyTree

from lowerbound.objectives.objective import Objective

__all__ = ["Rows", "Run", "State"]


class Rows(eqx.Module):
    """Rows on the device, in their own type, filled up to a size that few data sets do not share."""

    x: Array
    given: Array | None
    n: Array


class Run(eqx.Module):
    """What a run is given and does not change: data, model's structure, objective, and the numbers that
    rule the optimiser. Numbers are arrays, so that other numbers compile nothing."""

    constants: PyTree  # the model without what is trained
    objective: Objective
    optimizer: optax.GradientTransformation
    train: Rows
    validation: Rows | None
    learning_rate: Array | None  # None: the optimiser's own updates are taken as they are
    warm_up: Array
    total_steps: Array
    clip_norm: Array | None
    averaging: Array | None
    weight_prior: Array | None
    batch_size: int = eqx.field(static=True)
    mesh: Mesh | None = eqx.field(static=True)


class State(eqx.Module):
    """All that a run changes, in one pytree: a run that is stopped and goes on from here takes the same
    path to the last bit."""

    parameters: PyTree
    optimizer: PyTree
    average: PyTree | None
    running: dict[str, Array]  # means of the terms over the last steps, about 20
    step: Array
    epoch: Array
    position: Array  # in the epoch
    key: Array  # its two words, so that a state is numbers alone
    finite: dict[str, Array]  # by term, at the last step
    best: PyTree
    best_objective: Array  # on the validation rows
    best_step: Array

    @classmethod
    @eqx.filter_jit  # as one program: a first fit waits for it
    def initial(cls, parameters: PyTree, run: Run, key: PRNGKeyArray) -> State:
        """The state before the first step, in arrays of its own: a donated buffer is gone, and the
        caller's model must not be."""
        zero = jnp.zeros((), jnp.int32)
        state = cls(
            parameters=parameters,
            optimizer=run.optimizer.init(parameters),
            average=None if run.averaging is None else parameters,
            running={name: jnp.zeros(()) for name in TERMS[1:]},
            step=zero,
            epoch=zero,
            position=zero,
            key=jax.random.key_data(key),
            finite={name: jnp.asarray(True) for name in TERMS},
            best=parameters,
            best_objective=-jnp.inf * jnp.ones(()),  # not weakly typed, as no array of a later state is
            best_step=zero,
        )
        copied: State = jax.tree.map(jnp.copy, state)
        return copied

    def afresh(self, key: PRNGKeyArray) -> State:
        """The parameters and the optimiser of this state at the start of another run."""
        zero = jnp.zeros((), jnp.int32)
        places = (zero, zero, zero, jax.random.key_data(key), zero)
        begun: State = eqx.tree_at(lambda s: (s.step, s.epoch, s.position, s.key, s.best_step), self, places)
        return begun

    @property
    def evaluated(self) -> PyTree:
        """The parameters that are evaluated and kept: the average where there is one."""
        return self.parameters if self.average is None else self.average


# The terms of an objective, by name, as Objective.of_point gives them, and the objective itself.
TERMS = ("objective", "bound", "log_likelihood", "kl")
