"""Training: `fit`, and behind it a run, its state, one step of ascent, and the feed that gives it batches.

[`lowerbound.fit`][] is what trains; `lb.training.Run`, `State`, `Batch` and `train_step` are for a loop of
one's own."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lowerbound.training.feed import Batch
    from lowerbound.training.run import Run
    from lowerbound.training.state import State
    from lowerbound.training.step import train_step

__all__ = ["Batch", "Run", "State", "train_step"]

# Nothing is imported until a name is used: the command line reads the defaults alone.
_INDEX = {"Batch": "feed", "Run": "run", "State": "state", "train_step": "step"}


def __getattr__(name: str) -> Any:
    if name not in _INDEX:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"lowerbound.training.{_INDEX[name]}"), name)
    globals()[name] = value
    return value
