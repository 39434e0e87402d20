"""The routes besides the verbs: the page, OpenAPI, and the Open Inference Protocol."""

from __future__ import annotations

from starlette.routing import BaseRoute

from lowerbound.serve import explorer, inference_protocol, openapi
from lowerbound.serve.bodies import Bodies
from lowerbound.serve.desk import Desk

__all__ = ["mounted"]


def mounted(desk: Desk, bodies: Bodies) -> list[BaseRoute]:
    """Those of each of them."""
    return [*explorer.routes(desk), *openapi.routes(desk), *inference_protocol.routes(desk, bodies)]
