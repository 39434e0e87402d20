"""One step of training, a chunk of steps as one compiled loop, and the look at the validation rows."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, PRNGKeyArray, PyTree

from lowerbound.objectives.objective import DataPoint, Progress
from lowerbound.randomness.keys import RowKeys, as_key
from lowerbound.training.order import shuffled
from lowerbound.training.state import TERMS, Rows, Run, State

__all__ = ["advance", "assess"]

Terms = dict[str, Array]


def mean_objective(
    parameters: PyTree, run: Run, rows: Array, step_key: PRNGKeyArray, state: State
) -> tuple[Array, Terms]:
    """The mean over a batch of L(θ, φ; x⁽ⁱ⁾), plus log p(θ)/N where the weights have a prior; and its
    terms. A row's noise follows from (step key, the row's number)."""
    model = eqx.combine(parameters, run.constants)

    def row(i: Array) -> DataPoint:
        given = None if run.train.given is None else run.train.given[i]
        return DataPoint(run.train.x[i], RowKeys.of(jax.random.fold_in(step_key, i)), given)

    progress = Progress(state.step, state.running)
    value, terms = run.objective.of_batch(model, jax.vmap(row)(rows), progress, run.train.n)
    terms = {"objective": value, **terms}
    if run.weight_prior is not None:
        value = value + log_weight_prior(parameters, run.weight_prior) / run.train.n
    return value, terms


def log_weight_prior(parameters: PyTree, scale: Array) -> Array:
    """log p(θ) = −½ Σ (θ/scale)² up to a constant, over the parameters of prior and likelihood: the
    posterior's φ are no parameters of the model."""
    return -0.5 * sum(((leaf / scale) ** 2).sum() for leaf in jax.tree.leaves(parameters.theta))


def schedule(run: Run, step: Array) -> Array:
    """The learning rate's factor: linear warm-up, then half a cosine down to 0 (Loshchilov & Hutter 2017)."""
    warm = jnp.minimum(1.0, (step + 1) / run.warm_up)
    progress = (step - run.warm_up) / jnp.maximum(run.total_steps - run.warm_up, 1)
    return warm * 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(progress, 0, 1)))


def batch_of(run: Run, state: State, order_key: PRNGKeyArray) -> tuple[Array, Array, Array]:
    """The rows of this step, and the place (epoch, position) of the next. A batch runs on from the end of
    an epoch into the next one, so that there is no short batch and every epoch sees each row once."""
    n, place = run.train.n, state.position + jnp.arange(run.batch_size)

    def row(place: Array) -> Array:
        key = jax.random.fold_in(order_key, state.epoch + place // n)
        return shuffled(key, place % n, n)

    rows = jax.vmap(row)(place)
    if run.mesh is not None:
        rows = jax.lax.with_sharding_constraint(rows, NamedSharding(run.mesh, PartitionSpec("batch")))
    following = state.position + run.batch_size
    return rows, state.epoch + following // n, following % n


def train_step(run: Run, state: State) -> tuple[State, Terms]:
    """One step of stochastic gradient ascent on the mean bound."""
    noise_key, order_key = jax.random.split(as_key(state.key))
    rows, epoch, position = batch_of(run, state, order_key)
    step_key = jax.random.fold_in(noise_key, state.step)

    def loss(parameters: PyTree) -> tuple[Array, Terms]:
        value, terms = mean_objective(parameters, run, rows, step_key, state)
        return -value, terms

    gradient, terms = jax.grad(loss, has_aux=True)(state.parameters)
    if run.clip_norm is not None:
        # As inner products, 2 % of a step on a CPU; as sums of squares it would be 4 %.
        norm = jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(gradient)))
        shrink = jnp.minimum(1.0, run.clip_norm / norm)
        gradient = jax.tree.map(lambda leaf: leaf * shrink, gradient)
    update, optimizer = run.optimizer.update(gradient, state.optimizer, state.parameters)
    if run.learning_rate is not None:
        rate = run.learning_rate * schedule(run, state.step)
        update = jax.tree.map(lambda leaf: -rate * leaf, update)
    parameters = optax.apply_updates(state.parameters, update)
    average = state.average
    if run.averaging is not None:
        # Early on the window is as long as the run, so that the start is forgotten.
        decay = jnp.minimum(run.averaging, (state.step + 1) / (state.step + 10))
        average = optax.incremental_update(parameters, state.average, 1 - decay)
    running = optax.incremental_update({name: terms[name] for name in state.running}, state.running, 0.05)
    state = eqx.tree_at(
        lambda s: (s.parameters, s.optimizer, s.average, s.running, s.step, s.epoch, s.position, s.finite),
        state,
        (
            parameters,
            optimizer,
            average,
            running,
            state.step + 1,
            epoch,
            position,
            {name: jnp.isfinite(terms[name]) for name in TERMS},
        ),
        is_leaf=lambda leaf: leaf is None,
    )
    return state, terms


# The run is kept (it holds the data), the state given up: its buffers are reused in place.
@eqx.filter_jit(donate="all-except-first")
def advance(run_until: tuple[Run, Array], state: State) -> tuple[State, Terms]:
    """Steps until `state.step == stop`, or a term is not finite; and the sums of the terms over steps."""
    run, stop = run_until

    def unfinished(carry: tuple[State, Terms]) -> Array:
        state, _ = carry
        return (state.step < stop) & jnp.stack(list(state.finite.values())).all()

    def step(carry: tuple[State, Terms]) -> tuple[State, Terms]:
        state, sums = carry
        state, terms = train_step(run, state)
        return state, {name: sums[name] + terms[name] for name in TERMS}

    sums = {name: jnp.zeros(()) for name in TERMS}
    return jax.lax.while_loop(unfinished, step, (state, sums))


# Rows of the validation set that are looked at together.
ASSESSED_TOGETHER = 128


@eqx.filter_jit(donate="all-except-first")
def assess(run: Run, state: State) -> tuple[State, Terms]:
    """The mean terms on the validation rows, and the state with the best model so far in it.

    The noise of a row follows from its content, the same at every look, so that two looks are paired.
    Without validation rows the best model is the latest.
    """
    if run.validation is None:
        improved, objective = jnp.asarray(True), state.best_objective
        terms: Terms = {}
    else:
        terms = _mean_terms(run, run.validation, state)
        objective = terms["objective"]
        improved = objective > state.best_objective
    best = jax.tree.map(lambda new, old: jnp.where(improved, new, old), state.evaluated, state.best)
    state = eqx.tree_at(
        lambda s: (s.best, s.best_objective, s.best_step),
        state,
        (
            best,
            jnp.where(improved, objective, state.best_objective),
            jnp.where(improved, state.step, state.best_step),
        ),
    )
    return state, terms


def _mean_terms(run: Run, rows: Rows, state: State) -> Terms:
    model = eqx.combine(state.evaluated, run.constants)
    key, _ = jax.random.split(as_key(state.key))

    def of_row(i: Array) -> Terms:
        x = rows.x[i]
        given = None if rows.given is None else rows.given[i]
        value, terms = run.objective.of_point(model, DataPoint(x, RowKeys.by_content(key, x), given))
        return {"objective": value, **terms}

    def add(chunk: Array, sums: Terms) -> Terms:
        i = chunk * ASSESSED_TOGETHER + jnp.arange(ASSESSED_TOGETHER)
        terms = jax.vmap(of_row)(jnp.minimum(i, rows.n - 1))
        return {name: sums[name] + jnp.where(i < rows.n, terms[name], 0.0).sum() for name in TERMS}

    chunks = (rows.n + ASSESSED_TOGETHER - 1) // ASSESSED_TOGETHER
    sums = jax.lax.fori_loop(0, chunks, add, {name: jnp.zeros(()) for name in TERMS})
    return {name: sums[name] / rows.n for name in TERMS}
