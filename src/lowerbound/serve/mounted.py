"""The routes besides the verbs: the page, OpenAPI, and the Open Inference Protocol."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from starlette.routing import BaseRoute

from lowerbound.serve.desk import Desk

__all__ = ["mounted"]

# Modules that have `routes(desk)`.
_MODULES = ("explorer", "openapi", "inference_protocol")


def mounted(desk: Desk) -> list[BaseRoute]:
    """The routes of each of these modules."""
    found: list[BaseRoute] = []
    for name in _MODULES:
        module = f"lowerbound.serve.{name}"
        if find_spec(module) is not None:
            found += importlib.import_module(module).routes(desk)
    return found
