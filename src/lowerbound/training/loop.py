"""The loop of a run: chunk after chunk, with a look at the validation rows and a record after each."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from lowerbound.archive.records import HistoryRecord
from lowerbound.networks.product import multiplying
from lowerbound.objectives.gradients import Terms
from lowerbound.training.assess import Held, assess, objective_of_best
from lowerbound.training.division import Division
from lowerbound.training.history import Callback, recorded
from lowerbound.training.interrupts import Interrupted
from lowerbound.training.not_finite import began_in, broken_rows, in_words, left_out
from lowerbound.training.patience import Patience
from lowerbound.training.plan import Plan
from lowerbound.training.processes import any_process
from lowerbound.training.run import Run
from lowerbound.training.saver import Saver
from lowerbound.training.snapshot import Snapshot, copied
from lowerbound.training.standing import Chunk, Standing
from lowerbound.training.state import State
from lowerbound.training.step import advance, steps_of_a_call
from lowerbound.training.supply import Supply
from lowerbound.training.warning import TrainingWarning

__all__ = ["Climbed", "Guard", "climb"]


@dataclass(frozen=True)
class Guard:
    """What may stop a run before its plan ends, and in which precision its steps are."""

    patience: Patience
    callbacks: Sequence[Callback]
    interrupted: Interrupted
    precision: str | None

    @property
    def in_precision(self) -> AbstractContextManager[None]:
        """Within it products are of that precision."""
        return multiplying(self.precision)

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal has reached any of the processes."""
        return any_process(bool(self.interrupted))

    def stopped_by(
        self, plan: Plan, held: Held | None, state: State, history: Sequence[HistoryRecord]
    ) -> str | None:
        """Why no chunk follows the last record; every callback is called with it."""
        if any_process(any([bool(callback(history[-1])) for callback in self.callbacks])):
            return "callback"
        if self.is_interrupted:
            return "interrupted"
        return self.ended_by(plan, held, state, history)

    def ended_by(
        self, plan: Plan, held: Held | None, state: State, history: Sequence[HistoryRecord]
    ) -> str | None:
        """What there is in a run itself that no chunk follows the last record."""
        spent = sum(record["seconds"] for record in history)
        patience = self.patience
        if patience.minutes is not None and any_process(spent > 60 * patience.minutes):
            return "minutes"
        if held is None:
            return None
        if math.isnan(history[-1]["validation_objective"]):  # of no row
            return "not finite"
        waited = int(state.step) - int(state.best_step)
        late = patience.epochs is not None and waited > patience.epochs * plan.steps_per_epoch
        return "patience" if late else None


class Climbed(NamedTuple):
    """Where a run ended, its records, and why it ended."""

    state: State
    history: list[HistoryRecord]
    stopped: str


def climb(
    run: Run,
    supply: Supply,
    held: Held | None,
    standing: Standing,
    plan: Plan,
    division: Division,
    guard: Guard,
    saver: Saver | None = None,
) -> Climbed:
    """Steps from where a run stands on until the plan ends or something stops it. The buffers of a state are
    given up at every step: those of `standing` itself are not."""
    snapshot, state = Snapshot(standing.state, int(standing.state.step)), copied(standing.state)
    history, chunk = [*standing.history], standing.chunk
    if held is not None and len(standing.left_out):
        held = held.without(standing.left_out)
    # Compiled while the steps are, for which a first fit waits as long; what was compiled costs 1 ms.
    looking = assess.lower((run, held), state)  # type: ignore[attr-defined]  # by eqx.filter_jit
    threading.Thread(target=looking.compile).start()
    with guard.in_precision:
        at_once = standing.at_once or steps_of_a_call(run, supply.after(state).feed, state)

    def stands(state: State, chunk: Chunk) -> Standing:
        left_out = standing.left_out if held is None else held.left_out
        return Standing(state, tuple(history), chunk, left_out, at_once)

    def heard(state: State, chunk: Chunk) -> bool:
        """After a call: saves where the run stands, where it is time to; whether it is to stop here."""
        interrupted = guard.is_interrupted
        if saver is not None and (interrupted or saver.due):
            saver.save(stands(state, chunk), wait=interrupted)
        return interrupted

    stopped = None
    if history and chunk.begin == int(state.step):  # a checkpoint at the end of training
        stopped = guard.ended_by(plan, held, state, history)
    while stopped is None and chunk.begin < plan.total_steps:
        clock = time.perf_counter() - chunk.seconds
        if int(state.step) - snapshot.step >= at_once:
            snapshot = snapshot.renewed(state)
        stop = plan.end_of_chunk(chunk.begin)
        with guard.in_precision:
            state, chunk = _steps(run, supply, state, chunk, stop, at_once, heard)
            if not _finite(state):
                before, of_gradient = snapshot.before(run, supply, state)
                cell = began_in(run, supply.after(before).feed, before, division.train_rows)
                message = in_words(state, of_gradient, cell, plan.steps_per_epoch)
                warnings.warn(message, TrainingWarning, 3)
                return Climbed(state, history, "not finite")
        state, held, terms = _looked(run, held, state, division)
        seconds = time.perf_counter() - clock
        history.append(recorded(plan, state, chunk, terms, seconds))
        stopped = guard.stopped_by(plan, held, state, history)
        whole, chunk = int(state.step) >= stop, Chunk(int(state.step), {})
        if saver is not None and whole and (stopped is not None or chunk.begin >= plan.total_steps):
            saver.save(stands(state, chunk), wait=True)
    return Climbed(state, history, stopped or "epochs")


def _steps(
    run: Run,
    supply: Supply,
    state: State,
    chunk: Chunk,
    stop: int,
    at_once: int,
    heard: Callable[[State, Chunk], bool],
) -> tuple[State, Chunk]:
    """Steps until `stop`, something that is not finite, or a call after which it was heard that it is to end;
    with the sums of the terms over the chunk."""
    clock = time.perf_counter() - chunk.seconds
    while (begin := int(state.step)) < stop:
        feed, end = supply.after(state)
        until = jnp.asarray(min(begin + at_once, stop, end))
        state, added = advance((run, feed, until), state)
        sums = {name: chunk.sums.get(name, 0.0) + float(added[name]) for name in state.running}
        chunk = replace(chunk, sums=sums, seconds=time.perf_counter() - clock)
        if not _finite(state) or heard(state, chunk):
            break
    return state, chunk


def _finite(state: State) -> bool:
    return all(map(bool, state.finite.values()))


def _looked(
    run: Run, held: Held | None, state: State, division: Division
) -> tuple[State, Held | None, Terms]:
    """The look at the validation rows. Rows that are not finite are named, and models are compared on the
    others from then on, the best so far anew."""
    state, terms, broken = assess((run, held), state)
    if held is None or not int(broken):
        return state, held, terms
    places, cells = broken_rows(run, held, state, division.held_rows)
    warnings.warn(left_out(cells, division.held_name), TrainingWarning, 4)
    held = held.without(places)
    best = objective_of_best(run, held, state)
    state, terms, _ = assess((run, held), eqx.tree_at(lambda s: s.best_objective, state, best))
    return state, held, terms
