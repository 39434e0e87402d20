"""How long a run is, in steps, and where its chunks end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from lowerbound.training.checks import check_numbers, check_validation
from lowerbound.training.defaults import default_epochs

__all__ = ["Plan", "steps_of"]

# A chunk is the least number of epochs that has this many steps: small data would otherwise spend its
# time on the look at the validation rows and in Python.
_FEWEST_STEPS = 20


@dataclass(frozen=True)
class Plan:
    """A run of `epochs` passes over `rows` rows, `batch_size` of them a step, with a look at the validation
    rows every so many epochs; where that is not said every epoch, or every few of fewer than 20 steps.

    >>> plan = Plan(rows=1293, batch_size=128, epochs=396)
    >>> plan.total_steps, plan.end_of_chunk(0), plan.end_of_chunk(3990)
    (4001, 21, 4001)
    >>> Plan(rows=60_000, batch_size=100, epochs=10, look_every=0.25).end_of_chunk(150)
    300
    """

    rows: int
    batch_size: int
    epochs: float
    look_every: float | None = None

    @classmethod
    def of(cls, rows: int, batch_size: int, epochs: float | None, look_every: float | None = None) -> Self:
        """That of `rows` rows, which a batch is no larger than, and of as many epochs as
        [`default_epochs`][lowerbound.training.defaults.default_epochs] has where none are said.

        >>> Plan.of(900, 100, 10).total_steps, Plan.of(30, 100, None).total_steps
        (90, 400)
        """
        batch_size = min(batch_size, rows)
        epochs = default_epochs(rows, batch_size) if epochs is None else epochs
        return cls(rows, batch_size, epochs, look_every)

    @property
    def steps_per_epoch(self) -> float:
        """A batch runs on from one epoch into the next, so that this is no whole number."""
        return self.rows / self.batch_size

    @property
    def total_steps(self) -> int:
        """The steps of all epochs."""
        return math.ceil(self.epochs * self.steps_per_epoch)

    def end_of_chunk(self, step: int) -> int:
        """The step at which the chunk ends that `step` lies in: there the validation rows are looked at and a
        record is made."""
        if self.look_every is None:
            rows = self.rows * math.ceil(_FEWEST_STEPS / self.steps_per_epoch)  # whole epochs
        else:
            rows = max(self.batch_size, round(self.rows * self.look_every))
        # In whole numbers: a quotient that is rounded may leave a chunk without a step.
        chunk = step * self.batch_size // rows + 1
        return min(-(-chunk * rows // self.batch_size), self.total_steps)


def steps_of(n: int, batch_size: int, epochs: float | None, validation: float) -> int:
    """The steps of training on `n` rows of which a share `validation` chooses the model.

    **Raises:** as [`lowerbound.fit`][].

    >>> steps_of(1000, 100, 10, 0.1), steps_of(100_000, 100, None, 0.0)
    (90, 40000)
    """
    check_numbers(epochs=epochs, batch_size=batch_size)
    check_validation(validation)
    return Plan.of(max(1, n - round(validation * n)), batch_size, epochs).total_steps
