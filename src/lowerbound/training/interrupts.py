"""Signals that ask a process to end while training runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

__all__ = ["Interrupted", "interrupts"]


@final
class Interrupted:
    """Whether a signal has asked the run to stop, and which was the first."""

    signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def interrupts(*, terminate: bool = False) -> Iterator[Interrupted]:
    """Hears the first Ctrl-C, and with `terminate` SIGTERM as well, since an exception amid a step would lose
    the state whose buffers the step was given; the second one is as ever. SIGTERM is raised again at the
    end, and takes its course. Threads other than the main one have no signals."""
    interrupted = Interrupted()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    numbers = [signal.SIGINT, *([signal.SIGTERM] if terminate else [])]
    # One that is ignored stays so; a handler that was set outside Python is not ours to replace.
    previous = {
        number: handler
        for number in numbers
        if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN)
    }

    def first(number: int, frame: Any) -> None:
        interrupted.signal = interrupted.signal or signal.Signals(number)
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, first)
    try:
        yield interrupted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if interrupted.signal == signal.SIGTERM:
        signal.raise_signal(signal.SIGTERM)
