"""What a file of compressed rows says of itself, checked before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from lowerbound.compression.source import Source

__all__ = ["check_header"]

_FIELDS: Mapping[str, type] = {
    **{"rows": int, "first": int, "type": str, "posterior": str, "ends": list, "tables": str},
    **{"data": str, "model": str, "by": str},
}
# The bits below the first row are a few a dimension of z, doubled where they are too few.
_MOST_FIRST = 2**26


def check_header(structure: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Whether the header and the arrays of a file are such as `compress` writes.

    **Raises:** `ValueError` that names the field.

    >>> check_header({"rows": 10**12}, {})
    Traceback (most recent call last):
    ...
    ValueError: decompress: expected the fields rows, first, type, posterior, ends, tables, data, model, by
    """
    if not isinstance(structure, dict) or set(structure) != set(_FIELDS):
        raise ValueError(f"decompress: expected the fields {', '.join(_FIELDS)}")
    for name, kind in _FIELDS.items():
        value = structure[name]
        if type(value) is not kind or not _in_range(name, value):
            raise ValueError(f"decompress: {name}: expected what compress writes, found {value!r:.60}")
    words, missing = arrays.get("words"), arrays.get("missing")
    if words is None or words.ndim != 1 or words.dtype.str != "<u4":
        raise ValueError("decompress: expected words of 32 bits, found none")
    if missing is not None and (missing.ndim != 1 or missing.dtype.str != "|u1"):
        raise ValueError("decompress: missing: expected bytes, found others")


def _in_range(name: str, value: Any) -> bool:
    match name:
        case "rows":
            return bool(0 < value < 2**63)
        case "first":
            return bool(0 < value <= _MOST_FIRST)
        case "type":
            return re.fullmatch(r"[<>|=][biuf]\d", value) is not None
        case "posterior":
            return value in get_args(Source)
        case "ends":
            return all(type(end) is int and 0 <= end < 2**31 for end in value)
    return True
