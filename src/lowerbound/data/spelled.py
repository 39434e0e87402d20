"""What a program is traced for, in words that are the same in every process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

import jax
import numpy as np

__all__ = ["TRACED_BY", "spelled"]

# The packages beside this one whose code is traced: a version of them says what it does.
TRACED_BY = ("jax", "jaxlib", "numpy", "equinox", "flowjax", "numpyro", "paramax")
_KNOWN = {"builtins", "lowerbound", *TRACED_BY}


def spelled(value: Any) -> Any:
    """`value`, a tree of arrays and parts, as JSON: of an array its shape and type, which a program is traced
    for, in place of its numbers; of a part its class and its fields; of a function of a module its name.

    >>> spelled((np.zeros((2, 3), np.float32), 1, None))
    {'tuple': [{'array': [[2, 3], 'float32']}, 1, None]}

    **Raises:** `TypeError` for what has no such words, or is of neither this library nor one that it is built
    on: what that does may change with no name of it.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return {"array": [list(value.shape), str(value.dtype)]}
    if isinstance(value, tuple | list):
        return {_name_of(type(value)): [spelled(item) for item in value]}
    if isinstance(value, Mapping):
        return {_name_of(type(value)): [[spelled(key), spelled(item)] for key, item in value.items()]}
    if isinstance(value, type):
        return {"type": _name_of(value)}
    if isinstance(value, FunctionType):
        return {"function": _name_of(value)}
    if is_dataclass(value):
        own = {each.name: spelled(getattr(value, each.name)) for each in fields(value)}
        return {_name_of(type(value)): own}
    raise TypeError(f"expected arrays, parts and functions of a module, found {type(value).__name__}")


def _name_of(thing: type | FunctionType) -> str:
    """The name by which it is found, of a type or a function of a module.

    **Raises:** `TypeError` where it is not found by it.
    """
    module, name = thing.__module__, thing.__qualname__
    if module.split(".")[0] not in _KNOWN or vars(sys.modules[module]).get(name) is not thing:
        raise TypeError(f"expected a name of {', '.join(sorted(_KNOWN))}, found {module}.{name}")
    return name if module == "builtins" else f"{module}.{name}"
