"""The history of a run: a record a chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lowerbound.archive.records import HistoryRecord
from lowerbound.training.plan import Plan
from lowerbound.training.standing import Chunk
from lowerbound.training.state import State
from lowerbound.training.terms import ordered

__all__ = ["Callback", "recorded"]

Callback = Callable[[HistoryRecord], object]


def recorded(
    plan: Plan, state: State, chunk: Chunk, held_out: Mapping[str, Any], seconds: float
) -> HistoryRecord:
    """The record of the chunk that `state` ends, from the sums of the terms over its steps and their means on
    the validation rows: nats a row."""
    steps, sums = int(state.step) - chunk.begin, chunk.sums
    return {
        "step": int(state.step),
        "epoch": float(state.step) / plan.steps_per_epoch,
        "of_epochs": plan.epochs,
        **{name: sums[name] / steps for name in ordered(sums)},
        **{f"validation_{name}": float(held_out[name]) for name in ordered(held_out)},
        "best_step": int(state.best_step),
        "seconds": seconds,
        "examples_per_second": steps * plan.batch_size / seconds,
    }
