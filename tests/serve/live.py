"""An application behind a real socket, for clients that know no other."""

import threading
import time
from contextlib import contextmanager

import uvicorn

from lowerbound.serve.app import App

__all__ = ["live"]


@contextmanager
def live(service, limits=None, access=None):
    """The address at which a service answers while the block runs; `service` None is one that starts."""
    application = App(limits, access)

    async def answer(scope, receive, send):
        if application.desk is None and service is not None:
            application.open(service)
        await application(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(answer, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        application.close()
