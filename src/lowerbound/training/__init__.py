"""Training: `fit`, and behind it a run, its state, one step of ascent, and the feed that gives it batches.

[`lowerbound.fit`][] is what trains; `lb.training.Run`, `State`, `Batch` and `train_step` are for a loop of
one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowerbound.lazily import lazily

if TYPE_CHECKING:
    from lowerbound.training.feed import Batch
    from lowerbound.training.run import Run
    from lowerbound.training.state import State
    from lowerbound.training.step import train_step

__all__ = ["Batch", "Run", "State", "train_step"]

# Nothing is imported until a name is used: the command line reads the defaults alone.
_INDEX = {"Batch": "feed", "Run": "run", "State": "state", "train_step": "step"}

__getattr__ = lazily(__name__, _INDEX)
