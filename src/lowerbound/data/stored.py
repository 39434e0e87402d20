"""What a file says of a schema and of its columns, checked field by field."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lowerbound.data.tables import FORMS
from lowerbound.data.tokens import Tokens

__all__ = ["column_fields", "schema_fields"]

_TRUTH = ("ordered", "declared")
_WHOLE, _NUMBERS = ("holes", "decimals"), ("low", "high", "offset", "unit")
_TEXT, _LISTS = ("name", "dtype", "zone", "original"), ("levels", "partners")
# Fields that may be null.
_NONE = ("low", "high", "zone", "original", "tokens", *_LISTS)
# The most decimals that a number shows.
_DECIMALS = 17
# A type of NumPy of one value, which is a number, a date, a time span, text or an object.
_TYPE, _TYPES = re.compile(r"[<>=|]?[A-Za-z]+\d*(\[\d*[A-Za-z]+\])?"), "biufMmOUS"
# A time zone is a name, such as Europe/Berlin or +01:00, and no path of a file.
_ZONE = re.compile(r"[A-Za-z0-9_+:-]+(/[A-Za-z0-9_+-]+)*")


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
    tokens = record.get("tokens")
    if (record["kind"] == "tokens") != (tokens is not None):
        raise ValueError(f"{place}.tokens: expected them of the kind 'tokens', and of no other")
    lists = {name: record[name] for name in _LISTS if record.get(name) is not None}
    known = {**record, **{name: tuple(each) for name, each in lists.items()}}
    return known if tokens is None else {**known, "tokens": Tokens.from_json(tokens, f"{place}.tokens")}


def _checked(name: str, value: Any) -> tuple[str, bool]:
    """What a field of a column is expected to be, and whether it is."""
    none = value is None and name in _NONE
    if name == "dtype":
        return "a type of NumPy", _is_type(value)
    if name == "zone":
        return "a time zone", none or (isinstance(value, str) and _ZONE.fullmatch(value) is not None)
    if name in _TEXT:
        return "text", none or isinstance(value, str)
    if name in _TRUTH:
        return "true or false", isinstance(value, bool)
    if name in (*_WHOLE, *_NUMBERS):
        types = int if name in _WHOLE else (int, float)
        number = isinstance(value, types) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
        return "a number", none or (number and _in_range(name, value))
    if name in _LISTS:
        texts = isinstance(value, list | tuple) and all(isinstance(level, str) for level in value)
        return "a list of texts that differ", none or (texts and len(set(value)) == len(value))
    return "", True


def _in_range(name: str, value: float) -> bool:
    if name == "decimals":
        return 0 <= value <= _DECIMALS
    return value > 0 if name == "unit" else value >= 0 or name != "holes"


def _is_type(value: Any) -> bool:
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        return False
    try:
        return np.dtype(value).kind in _TYPES
    except TypeError:
        return False


def _is_shape(shape: Any) -> bool:
    """Whether this is the shape of an image: (height, width), and channels."""
    if not isinstance(shape, list | tuple) or not 2 <= len(shape) <= 3:
        return False
    return all(isinstance(n, int) and not isinstance(n, bool) and 0 < n < 2**31 for n in shape)


def schema_fields(record: Any, unseen: Sequence[str]) -> dict[str, Any]:
    """The fields of a schema that `record` holds.

    **Raises:** `ValueError` for anything else.
    """
    fields = {"form": str, "named": bool, "missing": bool, "unseen": str, "targets": list, "columns": list}
    if not isinstance(record, Mapping) or set(record) != {*fields, "image_shape"}:
        raise ValueError(f"schema: expected the fields {', '.join(fields)} and image_shape")
    for field, kind in fields.items():
        if not isinstance(record[field], kind):
            raise ValueError(f"schema.{field}: expected {kind.__name__}, found {record[field]!r}")
    if record["form"] not in FORMS:
        raise ValueError(f"schema.form: expected one of {', '.join(FORMS)}, found {record['form']!r:.60}")
    shape = record["image_shape"]
    if shape is not None and not _is_shape(shape):
        raise ValueError(f"schema.image_shape: expected whole numbers, found {shape!r}")
    if record["unseen"] not in unseen:
        raise ValueError(f"schema.unseen: expected {' or '.join(unseen)}, found {record['unseen']!r}")
    if not all(isinstance(name, str) for name in record["targets"]):
        raise ValueError(f"schema.targets: expected names of columns, found {record['targets']!r}")
    known = {"image_shape": None if shape is None else tuple(shape), "targets": tuple(record["targets"])}
    return {**record, **known}
