"""One step of training, and many as one compiled loop."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PyTree

from lowerbound.objectives.gradients import Terms
from lowerbound.training.feed import Batch, Feed
from lowerbound.training.run import Run
from lowerbound.training.state import State

__all__ = ["advance", "steps_of_a_call", "train_step"]


def train_step(run: Run, state: State, batch: Batch) -> tuple[State, Terms]:
    """One step of stochastic gradient ascent on the mean bound of a batch: the state after it, whose place in
    the epoch is as many rows further on, and the terms of the batch before it."""
    step_key = jax.random.fold_in(state.noise_key, state.step)

    def loss(parameters: PyTree) -> tuple[Array, Terms]:
        value, terms = run.mean_objective(parameters, batch, step_key, state.step, state.running)
        return -value, terms

    gradient, terms = jax.grad(loss, has_aux=True)(state.parameters)
    parameters, optimizer = run.optimizer.climbed(state.parameters, gradient, state.optimizer, state.step)
    average = run.optimizer.averaged(state.average, parameters, state.step)
    if set(terms) != set(state.running):
        raise ValueError(
            f"objective: expected the terms of a data point, {sorted(state.running)}, for a batch as well; "
            f"found {sorted(terms)}"
        )
    running = optax.incremental_update(terms, state.running, 0.05)
    following = state.position + len(batch.numbers)
    state = eqx.tree_at(
        lambda s: (s.parameters, s.optimizer, s.average, s.running, s.step, s.epoch, s.position, s.finite),
        state,
        (
            parameters,
            optimizer,
            average,
            running,
            state.step + 1,
            state.epoch + following // run.population,
            following % run.population,
            jax.tree.map(jnp.isfinite, terms),
        ),
        is_leaf=lambda leaf: leaf is None,
    )
    return state, terms


# Run and feed are kept (the feed holds the data), the state given up: its buffers are reused in place.
@eqx.filter_jit(donate="all-except-first")
def advance(run_until: tuple[Run, Feed, Array], state: State) -> tuple[State, Terms]:
    """Steps until `state.step == stop`, or a term is not finite; and the sums of the terms over steps."""
    run, feed, stop = run_until

    def unfinished(carry: tuple[State, Terms]) -> Array:
        state, _ = carry
        return (state.step < stop) & jnp.stack(list(state.finite.values())).all()

    def step(carry: tuple[State, Terms]) -> tuple[State, Terms]:
        state, sums = carry
        batch = feed.batch(state.order_key, state.epoch, state.position)
        state, terms = train_step(run, state, batch)
        return state, jax.tree.map(jnp.add, sums, terms)

    sums = jax.tree.map(jnp.zeros_like, state.running)
    return jax.lax.while_loop(unfinished, step, (state, sums))


def steps_of_a_call(run: Run, feed: Feed, state: State) -> int:
    """How many steps one call of [`advance`][] is to make, compiled for the first of them: between two calls
    Ctrl-C is heard, and a call costs a millisecond in Python.

    So many that a processor is busy for about half a second, by the operations of a step as XLA counts them.
    Nothing is timed: processes that share a run agree on the number, and a run repeats to the last bit.
    """
    compiled = advance.lower((run, feed, jnp.asarray(0)), state).compile()  # type: ignore[attr-defined]
    operations = (compiled.compiled.cost_analysis() or {}).get("flops", 0.0)
    of_a_call = OF_A_CPU if jax.default_backend() == "cpu" else OF_AN_ACCELERATOR
    return max(1, int(of_a_call / max(operations, 1.0)))


# Operations in about half a second of training.
OF_A_CPU, OF_AN_ACCELERATOR = 3e10, 1e12
