"""Names of a package whose modules are imported when a name is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, index: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package of the library, whose names are in the modules that `index` says.

    **Raises**, when it is called: `AttributeError` for another name.

    >>> lazily("lowerbound.training", {"Run": "run"})("Run").__name__
    'Run'
    """

    inside = package.removeprefix("lowerbound.")  # no other package's code runs, whatever a name says

    def attribute(name: str) -> Any:
        if name not in index:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"lowerbound.{inside}.{index[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return attribute
