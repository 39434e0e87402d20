"""The process: answers at once that it lives, compiles in a thread, and stops without losing a request."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from lowerbound.serve.app import App
from lowerbound.serve.heads import TimedHeads

__all__ = ["Server", "serve"]

if TYPE_CHECKING:
    from lowerbound.serve.service import Service

log = logging.getLogger("lowerbound.serve")

# For so many seconds, and as many again behind a closed door, a server that was told to stop answers that it
# does, so that clients that keep their connection do not find it closed under a request.
_FAREWELL = 0.3


class Server(uvicorn.Server):
    """uvicorn's server, which on SIGTERM or SIGINT finishes what was accepted, refuses the rest, and returns;
    a second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, application: App) -> None:
        super().__init__(config)
        self.application = application
        self.failure: Exception | None = None
        self._stop_at = math.inf

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """What a signal does."""
        if self.application.stopping:
            self.should_exit = self.force_exit = True
            return
        self.application.stopping = True
        self._stop_at = time.monotonic() + _FAREWELL

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop."""
        if self.application.stopping:
            self._take_no_more(time.monotonic() > self._stop_at)
            self.should_exit |= time.monotonic() > self._stop_at + _FAREWELL
        return await super().on_tick(counter)

    def _take_no_more(self, close: bool) -> None:
        """Let no more connections wait to be accepted, and then `close` the door: to close it at once would
        cut off who stands in it."""
        for listener in self.servers:
            for each in listener.sockets:
                with socket.socket(fileno=os.dup(each.fileno())) as door:
                    door.listen(0)
            if close:
                listener.close()


def serve(
    application: App,
    load: Callable[[], Service],
    host: str,
    port: int,
    told: Callable[[str], None],
) -> None:
    """Serve until a signal: `/live` is answered at once, while a thread loads the run and compiles its
    programs, or, where an earlier process has compiled them all, reads them after it is ready; `told` is told
    a line when it is.

    **Raises:** what `load` raises, after the server has ended.
    """
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http=TimedHeads,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=math.ceil(application.limits.seconds) + 5,
        backlog=2048,
    )
    server = Server(config, application)
    start = time.perf_counter()

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def get_ready() -> None:
            def opened(service: Service) -> None:
                loop.call_soon_threadsafe(application.open, service)
                told(f"ready after {time.perf_counter() - start:.1f} s")

            try:
                service = load()
                from lowerbound.serve.warming import are_compiled, say_compiled, warm

                application.metrics.listen()
                if are_compiled(service):  # and are read while it answers, what is asked for most first
                    opened(service)
                    warm(service)
                else:
                    warm(service)
                    say_compiled(service)
                    opened(service)
            except Exception as error:
                server.failure, server.should_exit = error, True
                return
            # What is there now stays: it need not be looked through for what can be let go.
            gc.collect()
            gc.freeze()

        threading.Thread(target=get_ready, name="warming", daemon=True).start()
        await server.serve()

    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(run())
    finally:
        application.close()
    if server.failure is not None:
        raise server.failure
    _leave()


def _leave() -> None:
    """End the process where a thread still computes, or compiles, what no one waits for: Python cannot stop
    it, and to go on to its own end beneath it would abort."""
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(0.5)
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(0)
