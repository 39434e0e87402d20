"""Several processes that train one model: how they find each other, agree, and learn that one has died."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import jax
import numpy as np

__all__ = ["ProcessDiedError", "any_process", "join", "together", "writes"]


class ProcessDiedError(ConnectionAbortedError):
    """Another process of the run has died, and so the run has ended; its checkpoints stay."""


def join(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> None:
    """Make this process one of several that train together, before anything is computed: `jax.distributed`,
    by whose addresses they find each other. [`lowerbound.fit`][] then shares every batch among the devices
    of all processes; each is to be called alike.

    **Arguments:** `coordinator`: `"host:port"` of process 0, `processes`: how many there are, `process`:
    which this is, from 0; all `None` to find them as JAX does under SLURM, Open MPI and Kubernetes.

    **Raises:** `ValueError` for a part of the three without the others; as `jax.distributed.initialize`
    where the others are not found within five minutes.
    """
    given = {"coordinator": coordinator, "processes": processes, "process": process}
    missing = [name for name, value in given.items() if value is None]
    if missing and len(missing) < len(given):
        raise ValueError(f"{missing[0]}: expected with the other two of coordinator, processes and process")
    if processes is not None and process is not None and not 0 <= process < processes:
        raise ValueError(f"process: expected 0 to {processes - 1}, found {process}")
    # Without it XLA aborts the process when another dies, and nothing can be said.
    jax.config.update("jax_enable_recoverability", True)
    jax.distributed.initialize(coordinator, processes, process, heartbeat_timeout_seconds=30)
    atexit.register(_leave)


# Seconds that the coordinator waits at its end for processes that have not left.
_LEAVING = 10.0


def _leave() -> None:
    """The coordinator leaves last: XLA aborts a process that has lost it."""
    store = _store()
    if store is None:
        return
    try:
        if not writes():
            store.key_value_set(f"lowerbound/left/{jax.process_index()}", "1", allow_overwrite=True)
            jax.distributed.shutdown()
            return
        last = time.monotonic() + _LEAVING
        while len(store.key_value_dir_get("lowerbound/left")) + 1 < jax.process_count():
            if time.monotonic() > last:
                return
            time.sleep(0.05)
    except jax.errors.JaxRuntimeError:
        return


def _store() -> Any:
    """The coordinator's store of keys; JAX has no public way to it, and what is used of it is tested."""
    from jax._src.distributed import global_state

    return global_state.client


def writes() -> bool:
    """Whether this process writes what is written: one of all does."""
    return jax.process_index() == 0


def any_process(flag: bool) -> bool:
    """Whether it is so in any process: they wait for each other, and agree."""
    if jax.process_count() == 1:
        return flag
    from jax.experimental.multihost_utils import process_allgather

    return bool(np.any(process_allgather(np.asarray(flag))))


# Seconds between two beats of a process, and after how many without one it is dead.
_BEAT, _DEAD = 1.0, 6.0


@contextmanager
def together() -> Iterator[None]:
    """Within it a process that dies ends the others.

    **Raises:** [`ProcessDiedError`][] in each of the others, that names it.
    """
    if jax.process_count() == 1:
        yield
        return
    pulse = _Pulse()
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if not _of_connection(error):
            raise
        raise ProcessDiedError(pulse.verdict()) from error
    finally:
        pulse.stop()


def _of_connection(error: Exception) -> bool:
    """Whether an error is that of a process which another does not answer."""
    return any(word in str(error) for word in ("Gloo", "NCCL", "Connection", "coordination", "UNAVAILABLE"))


@final
class _Pulse:
    """Tells the others once a second that this process is alive, by the store of the coordinator."""

    def __init__(self) -> None:
        self._store = _store()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        count = 0
        while not self._ended.wait(_BEAT if count else 0):
            count += 1
            try:
                self._store.key_value_set(_key(jax.process_index()), str(count), allow_overwrite=True)
            except jax.errors.JaxRuntimeError:  # the coordinator has gone: the run ends by itself
                return

    def _beats(self) -> dict[int, str]:
        others = (i for i in range(jax.process_count()) if i != jax.process_index())
        return {i: str(self._store.key_value_try_get(_key(i))) for i in others}

    def verdict(self) -> str:
        """Which process has died, in words."""
        try:
            before = self._beats()
            time.sleep(_DEAD)
            after = self._beats()
        except jax.errors.JaxRuntimeError:
            return _DIED.format("process 0, the coordinator,")
        dead = [i for i, beat in after.items() if before[i] == beat]
        try:
            said = str(self._store.key_value_try_get(_VERDICT))
        except jax.errors.JaxRuntimeError:
            said = ""
        if said:
            return said
        names = " and ".join(f"process {i}" for i in dead) or "a process that answers no more"
        verdict = _DIED.format(f"{names} of {jax.process_count()}")
        self._store.key_value_set(_VERDICT, verdict, allow_overwrite=True)
        if writes():  # the store ends with this process: the others read it first
            time.sleep(_DEAD + 2)
        return verdict

    def stop(self) -> None:
        self._ended.set()


def _key(process: int) -> str:
    return f"lowerbound/beat/{process}"


_VERDICT = "lowerbound/died"
_DIED = "{} has died, and the run with it; its checkpoints stay: begin all processes again to go on"
