"""Requests to an application in this process."""

import asyncio

import httpx

from lowerbound.serve.app import App

__all__ = ["asked", "together"]


def asked(service, method, path, *, limits=None, access=None, **request):
    """One answer."""
    (answer,) = together(service, (method, path, request), limits=limits, access=access)
    return answer


def together(service, *requests, limits=None, access=None, raises=True):
    """The answers to requests that are made at once; `service` None is one that is not ready."""

    async def run():
        application = App(limits, access)
        if service is not None:
            application.open(service)
        transport = httpx.ASGITransport(application, raise_app_exceptions=raises)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = await asyncio.gather(
                *(client.request(method, path, **request) for method, path, request in requests)
            )
        application.close()
        return answers

    return asyncio.run(run())
