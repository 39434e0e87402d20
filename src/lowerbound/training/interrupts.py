"""Ctrl-C while training runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["interrupts"]


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Sets an event at the first Ctrl-C, since an exception amid a step would lose the state whose
    buffers the step was given; the second Ctrl-C is as ever. Other threads have no signals."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    if previous is None:  # set outside Python: it is not ours to replace
        yield event
        return
    signal.signal(signal.SIGINT, first)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)
