"""A server of a run that compiles what is asked for, once it is: `python unwarmed.py RUN DATA PORT`."""

import asyncio
import sys

import uvicorn

from lowerbound.archive.records import AS_FOUND
from lowerbound.cli.inputs import rows_for
from lowerbound.runs import RunFolder
from lowerbound.serve.app import app
from lowerbound.serve.limits import Limits
from lowerbound.serve.service import Service


async def main(folder, data, port):
    run = RunFolder.read(folder)
    service = Service.of(run, rows_for(run, data, None, AS_FOUND))
    application = app(service, Limits(seconds=120.0))
    config = uvicorn.Config(application, port=int(port), http="httptools", lifespan="off", log_config=None)
    await uvicorn.Server(config).serve()
    application.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
