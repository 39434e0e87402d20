"""What a file says of a schema and of its columns, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["column_fields", "schema_fields"]

_TRUTH = ("ordered", "declared")
_WHOLE, _NUMBERS = ("holes", "decimals"), ("low", "high", "offset", "unit")
_TEXT, _LISTS = ("name", "dtype", "zone", "original"), ("levels", "partners")
# Fields that may be null.
_NONE = ("low", "high", "zone", "original", *_LISTS)


def column_fields(record: Any, names: Sequence[str], kinds: Sequence[str]) -> dict[str, Any]:
    """The fields of a column, of these `names`, that `record` holds; what it leaves out is as where nothing
    is said.

    **Raises:** `ValueError` for anything else, with the field.
    """
    if not isinstance(record, Mapping) or not {"name", "kind", "dtype"} <= set(record) <= set(names):
        raise ValueError(f"schema.columns: expected the fields {', '.join(names)}, found {record!r:.60}")
    place = f"schema.columns[{record['name']!r}]"
    if record["kind"] not in kinds:
        raise ValueError(f"{place}.kind: expected one of {', '.join(kinds)}, found {record['kind']!r}")
    for name, value in record.items():
        expected, good = _checked(name, value)
        if not good:
            raise ValueError(f"{place}.{name}: expected {expected}, found {value!r:.60}")
    try:
        np.dtype(record["dtype"])
    except TypeError:
        raise ValueError(f"{place}.dtype: expected a type of NumPy, found {record['dtype']!r}") from None
    lists = {name: record[name] for name in _LISTS if record.get(name) is not None}
    return {**record, **{name: tuple(each) for name, each in lists.items()}}


def _checked(name: str, value: Any) -> tuple[str, bool]:
    """What a field of a column is expected to be, and whether it is."""
    none = value is None and name in _NONE
    if name in _TEXT:
        return "text", none or isinstance(value, str)
    if name in _TRUTH:
        return "true or false", isinstance(value, bool)
    if name in (*_WHOLE, *_NUMBERS):
        types = int if name in _WHOLE else (int, float)
        return "a number", none or (isinstance(value, types) and not isinstance(value, bool))
    if name in _LISTS:
        texts = isinstance(value, list | tuple) and all(isinstance(level, str) for level in value)
        return "a list of texts that differ", none or (texts and len(set(value)) == len(value))
    return "", True


def schema_fields(record: Any, unseen: Sequence[str]) -> dict[str, Any]:
    """The fields of a schema that `record` holds.

    **Raises:** `ValueError` for anything else.
    """
    fields = {"form": str, "named": bool, "missing": bool, "unseen": str, "columns": list}
    if not isinstance(record, Mapping) or set(record) != {*fields, "image_shape"}:
        raise ValueError(f"schema: expected the fields {', '.join(fields)} and image_shape")
    for field, kind in fields.items():
        if not isinstance(record[field], kind):
            raise ValueError(f"schema.{field}: expected {kind.__name__}, found {record[field]!r}")
    shape = record["image_shape"]
    if shape is not None and not all(isinstance(n, int) and n > 0 for n in shape):
        raise ValueError(f"schema.image_shape: expected whole numbers, found {shape!r}")
    if record["unseen"] not in unseen:
        raise ValueError(f"schema.unseen: expected {' or '.join(unseen)}, found {record['unseen']!r}")
    return {**record, "image_shape": None if shape is None else tuple(shape)}
