"""The loop of a run: chunk after chunk, with a look at the validation rows and a record after each."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from lowerbound.archive.records import HistoryRecord
from lowerbound.objectives.gradients import Terms
from lowerbound.training.assess import Held, assess, objective_of_best
from lowerbound.training.division import Division
from lowerbound.training.history import Callback, recorded
from lowerbound.training.not_finite import began_in, broken_rows, in_words, left_out
from lowerbound.training.plan import Plan
from lowerbound.training.run import Run
from lowerbound.training.snapshot import Snapshot, copied
from lowerbound.training.state import State
from lowerbound.training.step import advance, steps_of_a_call
from lowerbound.training.supply import Supply
from lowerbound.training.warning import TrainingWarning

__all__ = ["Climbed", "Guard", "climb"]


@dataclass(frozen=True)
class Guard:
    """What may stop a run before its plan ends, and in which precision its steps are."""

    patience: float | None
    callbacks: Sequence[Callback]
    interrupted: threading.Event
    precision: str | None

    @property
    def in_precision(self) -> AbstractContextManager[None]:
        """Within it the products of networks are of that precision."""
        context: AbstractContextManager[None] = jax.default_matmul_precision(
            self.precision or jax.default_matmul_precision.value
        )
        return context

    def stopped_by(self, plan: Plan, held: Held | None, state: State, record: HistoryRecord) -> str | None:
        """Why no chunk follows this record; every callback is called with it."""
        if any([bool(callback(record)) for callback in self.callbacks]):
            return "callback"
        if self.interrupted.is_set():
            return "interrupted"
        if held is None:
            return None
        if math.isnan(record["validation_objective"]):  # of no row
            return "not finite"
        waited = int(state.step) - int(state.best_step)
        late = self.patience is not None and waited > self.patience * plan.steps_per_epoch
        return "patience" if late else None


class Climbed(NamedTuple):
    """Where a run ended, its records, and why it ended."""

    state: State
    history: list[HistoryRecord]
    stopped: str


def climb(
    run: Run, supply: Supply, held: Held | None, state: State, plan: Plan, division: Division, guard: Guard
) -> Climbed:
    """Steps from `state` on until the plan ends or something stops it. The buffers of a state are given up at
    every step: those of `state` itself are not."""
    snapshot, state = Snapshot(state, int(state.step)), copied(state)
    history: list[HistoryRecord] = []
    # Compiled while the steps are, for which a first fit waits as long; what was compiled costs 1 ms.
    looking = assess.lower((run, held), state)  # type: ignore[attr-defined]  # by eqx.filter_jit
    threading.Thread(target=looking.compile).start()
    with guard.in_precision:
        at_once = steps_of_a_call(run, supply.after(state).feed, state)
    while (begin := int(state.step)) < plan.total_steps:
        clock = time.perf_counter()
        if begin - snapshot.step >= at_once:
            snapshot = snapshot.renewed(state)
        with guard.in_precision:
            state, sums = _steps(run, supply, state, plan.end_of_chunk(begin), at_once, guard.interrupted)
            if not _finite(state):
                before, of_gradient = snapshot.before(run, supply, state)
                cell = began_in(run, supply.after(before).feed, before, division.train_rows)
                message = in_words(state, of_gradient, cell, plan.steps_per_epoch)
                warnings.warn(message, TrainingWarning, 3)
                return Climbed(state, history, "not finite")
        state, held, terms = _looked(run, held, state, division)
        seconds = time.perf_counter() - clock
        history.append(recorded(plan, state, int(state.step) - begin, sums, terms, seconds))
        if (stopped := guard.stopped_by(plan, held, state, history[-1])) is not None:
            return Climbed(state, history, stopped)
    return Climbed(state, history, "epochs")


def _steps(
    run: Run, supply: Supply, state: State, stop: int, at_once: int, interrupted: threading.Event
) -> tuple[State, dict[str, float]]:
    """Steps until `stop`, something that is not finite, or Ctrl-C; with the sums of the terms."""
    sums = dict.fromkeys(state.running, 0.0)
    while (begin := int(state.step)) < stop:
        feed, end = supply.after(state)
        until = jnp.asarray(min(begin + at_once, stop, end))
        state, added = advance((run, feed, until), state)
        for name in sums:
            sums[name] += float(added[name])
        if interrupted.is_set() or not _finite(state):
            break
    return state, sums


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
    held = Held(held.block, held.kept.at[places].set(False))
    best = objective_of_best(run, held, state)
    state, terms, _ = assess((run, held), eqx.tree_at(lambda s: s.best_objective, state, best))
    return state, held, terms
