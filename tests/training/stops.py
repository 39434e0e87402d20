"""A run that is stopped where a test says: what tests of resuming share."""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from unittest import mock

import jax
import numpy as np

from lowerbound.training import loop
from lowerbound.training.saver import Saver

__all__ = ["Crash", "calls", "crash", "digests", "told"]


class Crash(BaseException):
    """What stops a run as a crash would: nothing that the library does on its way out saves anything."""


@contextmanager
def calls(steps: int) -> Iterator[None]:
    """Calls of the compiled loop of so many steps, in place of half a second's."""
    with mock.patch.object(loop, "steps_of_a_call", return_value=steps):
        yield


@contextmanager
def crash(*, saved: int | Collection[int], after: int) -> Iterator[None]:
    """A crash after so many calls of the compiled loop; the state after each of `saved` is saved."""
    made, advance = [0], loop.advance

    def counted(*arguments):
        if made[0] == after:
            raise Crash
        made[0] += 1
        return advance(*arguments)

    counted.lower = advance.lower
    when = {saved} if isinstance(saved, int) else set(saved)
    due = property(lambda saver: made[0] in when)
    with mock.patch.object(loop, "advance", counted), mock.patch.object(Saver, "due", due):
        try:
            yield
        except Crash:
            return
    raise AssertionError(f"the run ended after {made[0]} calls, before it was to crash")


def told(history):
    """A history but for what a clock says."""
    clocks = ("seconds", "examples_per_second")
    return [{name: value for name, value in record.items() if name not in clocks} for record in history]


def digests(result):
    """The SHA-256 of the final state and model, and of the history."""
    state = hashlib.sha256()
    for leaf in jax.tree.leaves(result.state):
        array = np.asarray(leaf)
        state.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    history = hashlib.sha256(repr((told(result.history), result.stopped, result.best_step)).encode())
    return state.hexdigest(), history.hexdigest()
