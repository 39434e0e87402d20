"""Saving where a run stands, beside training, and finding it again."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, final

import jax

from lowerbound.archive.generations import Generation, Generations
from lowerbound.archive.lock import locked
from lowerbound.training.checkpoint import Checkpoint
from lowerbound.training.processes import writes
from lowerbound.training.snapshot import copied
from lowerbound.training.standing import Standing, software
from lowerbound.training.state import State
from lowerbound.training.warning import TrainingWarning

__all__ = ["Saver", "saving"]

_FILE = "standing.safetensors"


@contextmanager
def saving(checkpoint: Checkpoint | None, *, resume: bool) -> Iterator[Saver | None]:
    """What saves a run for as long as it trains; its folder is made, and held for this process.

    **Raises:** `FileExistsError` where the folder has checkpoints from which the run is not to go on;
    `BlockingIOError` where another process trains into it; `OSError` where it cannot be written.
    """
    if checkpoint is None:
        yield None
        return
    folder = Path(checkpoint.folder)
    if not writes():  # one of the processes that share a run does, and all of them read
        yield Saver(Generations(folder, checkpoint.keep), checkpoint.seconds, None)
        return
    folder.mkdir(parents=True, exist_ok=True)
    generations = Generations(folder, checkpoint.keep)
    with locked(folder):
        if not resume and (paths := generations.paths()):
            raise FileExistsError(
                f"checkpoint: {folder} holds checkpoints of a run, the newest {paths[0].name}; go on from "
                "there with resume=True, or take another folder"
            )
        generations.prune()
        with ThreadPoolExecutor(1, "checkpoint") as thread:
            saver = Saver(generations, checkpoint.seconds, thread)
            yield saver
            saver.settle()


class _Failed(NamedTuple):
    """A checkpoint of so many bytes that could not be written."""

    needed: int
    error: OSError


@final
class Saver:
    """Saves a run every so many seconds, in generations, by a thread; without one it only reads."""

    def __init__(self, generations: Generations, every: float, thread: ThreadPoolExecutor | None):
        self.generations, self.every, self.thread = generations, every, thread
        self._written: Future[_Failed | None] | None = None
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to save again; no while the one before is still written."""
        if self._written is not None and self._written.done():
            self.settle()
        return (
            self.thread is not None and self._written is None and time.monotonic() - self._saved >= self.every
        )

    def save(self, standing: Standing, *, wait: bool = False) -> None:
        """Save where a run stands. Its state is copied on the device, since its buffers are given up at the
        next call; with `wait` it is on the disk when this returns.

        What cannot be written is a [`TrainingWarning`][] that names the folder and the bytes needed, here or
        at a later call: the checkpoint before stays, and training goes on.
        """
        self.settle()
        if self.thread is None:
            return
        if jax.process_count() > 1:  # what all hold is not copied by one alone
            content = standing.to_bytes()
            to_bytes = lambda: content  # noqa: E731
        else:
            to_bytes = (standing if wait else replace(standing, state=copied(standing.state))).to_bytes
        self._saved = time.monotonic()
        self._written = self.thread.submit(self._write, to_bytes)
        if wait:
            self.settle()

    def _write(self, to_bytes: Callable[[], bytes]) -> _Failed | None:
        content = to_bytes()
        try:
            self.generations.write({_FILE: content})
        except OSError as error:
            return _Failed(len(content), error)
        return None

    def settle(self) -> None:
        """Wait for what is being written, and tell what became of it."""
        written, self._written = self._written, None
        if written is None:
            return
        if (failed := written.result()) is not None:
            paths = self.generations.paths()
            before = f"the one before, {paths[0]}, stays" if paths else "there is none before it"
            warnings.warn(
                f"checkpoint: {self.generations.folder}: {failed.needed:,} bytes could not be written "
                f"({failed.error.strerror or failed.error}); {before}, and training goes on",
                TrainingWarning,
                stacklevel=5,
            )

    def newest(self, fresh: State) -> Standing | None:
        """Where the run whose state before its first step is `fresh` stood at its newest checkpoint that is
        whole, with a [`TrainingWarning`][] where that is not the newest, or was made with other software or
        on other devices; `None` where the folder has no checkpoint.

        **Raises:** `ValueError` where none of them is whole; for one of another run, with the first
        difference.
        """
        found, damaged = self.generations.newest()
        said = "; ".join(f"{one.path} is not whole ({one.why})" for one in damaged)
        if found is None:
            if damaged:
                raise ValueError(
                    f"checkpoint: expected one that is whole, found none: {said}; begin again elsewhere"
                )
            return None
        if damaged:
            warnings.warn(f"checkpoint: {said}: going on from {found.path}", TrainingWarning, stacklevel=4)
        return _standing(found, fresh)


def _standing(found: Generation, fresh: State) -> Standing:
    if _FILE not in found.files:
        raise ValueError(f"{found.path}: expected {_FILE}, found {', '.join(found.files) or 'no file'}")
    name = str(found.path / _FILE)
    standing, made_with = Standing.of_bytes(found.files[_FILE], name, fresh)
    now = software(fresh)
    others = [f"{of} {made_with.get(of)}, now {now[of]}" for of in now if made_with.get(of) != now[of]]
    if others:
        warnings.warn(
            f"checkpoint: {found.path} was made with {'; '.join(others)}: the run goes on, but not to the "
            "same bits",
            TrainingWarning,
            stacklevel=5,
        )
    return standing
