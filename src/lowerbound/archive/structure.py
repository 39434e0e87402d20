"""What a value is made of: its structure as JSON, its arrays by their place in it.

Numbers, text, lists, tuples, mappings, arrays, and parts of the closed table ([`lowerbound.parts`][]):
modules and other frozen dataclasses field by field, a [`Storable`][] class by what it says of itself.
Whatever else a model is made of keeps its arrays alone, for a skeleton that the caller gives.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from lowerbound.archive.checked import Checked
from lowerbound.parts import kebab, names, part

__all__ = ["Arrays", "Storable", "filled", "packed", "unpacked"]

Arrays = dict[str, np.ndarray]
AsArray = Callable[[np.ndarray], Any]


class Storable(ABC):
    """A part that says itself what is kept of it, since it is more than its fields."""

    @abstractmethod
    def stored(self) -> Mapping[str, Any]:
        """What is kept, by name: values that can be packed."""

    @classmethod
    @abstractmethod
    def restored(cls, kept: Mapping[str, Any]) -> Self:
        """The object of which [`stored`][] gave this.

        **Raises:** `KeyError`, `TypeError` or `ValueError` for what it did not give.
        """


def packed(value: Any, place: str, arrays: Arrays) -> Any:
    """`value` as JSON; its arrays are put into `arrays` under their places, which begin with `place`.

    >>> arrays = {}
    >>> packed({"scale": 2.0, "mean": np.zeros(3)}, "a", arrays), list(arrays)
    ({'mapping': {'scale': 2.0, 'mean': {'array': 'a.mean'}}}, ['a.mean'])
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if eqx.is_array(value):
        arrays[place] = np.asarray(value, order="C")
        return {"array": place}
    if isinstance(value, (tuple, list)):
        items = [packed(item, f"{place}.{i}", arrays) for i, item in enumerate(value)]
        return items if isinstance(value, tuple) else {"list": items}
    if isinstance(value, Mapping):
        return {"mapping": _packed_fields(value, place, arrays)}
    kind = type(value)
    name = kebab(kind.__name__)
    if name in names("file") and kind is part(name, "file"):
        kept = value.stored() if isinstance(value, Storable) else _fields(value)
        return {"part": name, **_packed_fields(kept, place, arrays)}
    arrays.update(_arrays_of(value, place))
    return {"custom": kind.__name__}


def unpacked(
    structure: Any, place: str, arrays: Mapping[str, np.ndarray], as_array: AsArray = np.asarray
) -> Any:
    """The value that [`packed`][] made a structure of. Arrays are NumPy's, those of modules JAX's.

    **Raises:** `ValueError`, `KeyError` or `TypeError` for what it never made, an unknown part with the
    nearest name.

    >>> unpacked({"mapping": {"a": [1, 2], "b": {"list": [None]}}}, "", {})
    {'a': (1, 2), 'b': [None]}
    """
    if isinstance(structure, list):
        return tuple(unpacked(item, f"{place}.{i}", arrays, as_array) for i, item in enumerate(structure))
    if not isinstance(structure, dict):
        return structure
    if "float" in structure:
        return float(structure["float"])
    if "array" in structure:
        return as_array(arrays[place])
    if "list" in structure:
        return list(unpacked(structure["list"], place, arrays, as_array))
    if "mapping" in structure:
        return _unpacked_fields(structure["mapping"], place, arrays, as_array)
    if "custom" in structure:
        raise ValueError(
            f"{place} is a part of your own ({structure['custom']}); give its structure: "
            "lb.load(path, like=model)"
        )
    return _unpacked_part(structure, place, arrays)


def _unpacked_part(structure: dict[str, Any], place: str, arrays: Mapping[str, np.ndarray]) -> Any:
    kind = part(structure["part"], "file")
    inside = {name: item for name, item in structure.items() if name != "part"}
    if issubclass(kind, Storable):
        return kind.restored(_unpacked_fields(inside, place, arrays, np.asarray))
    expected = {field.name for field in fields(kind)}
    if set(inside) != expected:
        raise ValueError(f"{place}: expected the fields {sorted(expected)}, found {sorted(inside)}")
    for field in fields(kind):
        types = _PLAIN.get(str(field.type))
        if types is not None and type(inside[field.name]) not in types:
            raise ValueError(f"{place}.{field.name}: expected {field.type}, found {inside[field.name]!r:.60}")
    if not issubclass(kind, eqx.Module):
        made = kind(**_unpacked_fields(inside, place, arrays, np.asarray))
        return made.checked() if isinstance(made, Checked) else made
    # A module is a frozen dataclass; its __init__ takes sizes and keys, not the fields that it made.
    module = object.__new__(kind)
    for name, value in _unpacked_fields(inside, place, arrays, jnp.asarray).items():
        object.__setattr__(module, name, value)
    return module


# The types of JSON that a field may have whose annotation is so plain; {"float": "inf"} is a number as well.
_PLAIN = {"int": (int,), "float": (float, int, dict), "str": (str,), "bool": (bool,)}


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _packed_fields(kept: Mapping[str, Any], place: str, arrays: Arrays) -> dict[str, Any]:
    return {name: packed(value, f"{place}.{name}", arrays) for name, value in kept.items()}


def _unpacked_fields(
    kept: Any, place: str, arrays: Mapping[str, np.ndarray], as_array: AsArray
) -> dict[str, Any]:
    return {name: unpacked(item, f"{place}.{name}", arrays, as_array) for name, item in dict(kept).items()}


def filled(skeleton: PyTree, place: str, arrays: Mapping[str, np.ndarray]) -> PyTree:
    """`skeleton` with its arrays replaced by those of the same place.

    **Raises:** `ValueError` where there are others, or of another shape.
    """
    expected = _arrays_of(skeleton, place)
    found = {name for name in arrays if name.startswith(f"{place}.")}
    if set(expected) != found:
        differing = ", ".join(sorted(set(expected) ^ found)[:3])
        raise ValueError(f"like: another structure than what was saved (they differ in {differing})")

    def replaced(where: Any, leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        name = place + _dotted(where)
        if arrays[name].shape != leaf.shape:
            raise ValueError(
                f"like: expected {name} of shape {arrays[name].shape}, as saved, found {leaf.shape}"
            )
        return jnp.asarray(arrays[name])

    return jax.tree.map_with_path(replaced, skeleton)


def _arrays_of(tree: PyTree, place: str) -> Arrays:
    """The arrays of a tree, by their places."""
    leaves = jax.tree.leaves_with_path(tree)
    return {
        place + _dotted(where): np.asarray(leaf, order="C") for where, leaf in leaves if eqx.is_array(leaf)
    }


def _dotted(where: Any) -> str:
    return f".{jax.tree_util.keystr(where, simple=True, separator='.')}"
