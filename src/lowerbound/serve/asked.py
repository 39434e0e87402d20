"""What a request asks for: its fields, checked by the table of verbs and the limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import orjson

from lowerbound.data.tables import Columns
from lowerbound.serve.cells import kind_of_json
from lowerbound.serve.errors import Refused
from lowerbound.serve.limits import Limits
from lowerbound.serve.verb import Field, Verb

__all__ = ["asked_of", "fields_of_query", "size_of"]

Asked = dict[str, Any]


def asked_of(verb: Verb, document: Any, limits: Limits) -> Asked:
    """The fields of a request, those that it leaves out at their defaults. Rows and codes are counted, and
    looked at later.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for a field that is missing, that the verb has
    not, of another type, or outside its limits.

    >>> from lowerbound.serve.verbs import VERBS
    >>> asked_of(VERBS["sample"], {"count": 3}, Limits())
    {'count': 3, 'given': None, 'mean': False, 'seed': None}
    >>> asked_of(VERBS["sample"], {"count": 10**6}, Limits())
    Traceback (most recent call last):
    ...
    lowerbound.serve.errors.Refused: expected at most 10000 samples, found 1000000
    """
    if not isinstance(document, dict):
        found = kind_of_json(document)
        raise Refused("wrong_type", f"expected a record of fields, found {found}", None, "a record", found)
    asked = {field.name: _checked(field, document, limits) for field in verb.fields}
    if len(document) > len(asked) or not document.keys() <= asked.keys():
        name = next(name for name in document if name not in asked)
        known = ", ".join(asked)
        raise Refused(
            "unknown_field",
            f"expected fields of {known}, found {name!r}",
            name,
            f"one of {known}",
            repr(name),
        )
    return asked


def size_of(verb: Verb, asked: Mapping[str, Any]) -> int:
    """How many rows are asked for, or handed in."""
    if (over := verb.over) is not None:
        rows = asked[over]
        return rows.length if isinstance(rows, Columns) else len(rows)
    return int(asked.get("count") or asked.get("steps") or 1)


def fields_of_query(verb: Verb, query: bytes) -> Asked:
    """The fields beside an array or a table, which stand in the query: numbers, true and false as JSON has
    them.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused].
    """
    found: Asked = {}
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise Refused("bad_request", "the query is no list of fields in UTF-8") from None
    for name, text in pairs:
        if name in found:
            raise Refused("bad_request", f"expected each field once, found {name!r} twice", name)
        try:
            found[name] = orjson.loads(text)
        except orjson.JSONDecodeError:
            found[name] = text
    return found


def _checked(field: Field, document: Mapping[str, Any], limits: Limits) -> Any:
    value = document.get(field.name)
    if value is None:
        if field.required:
            raise Refused(
                "missing_field",
                f"expected the field {field.name!r}, found none",
                *(field.name, field.words, "null" if field.name in document else "no such field"),
            )
        return field.default
    kind = type(value)
    if field.kind in ("rows", "codes"):
        if kind is not list and not isinstance(value, (Columns, np.ndarray)):
            raise _wrong(field, value, f"a list of {field.name}")
        count = value.length if isinstance(value, Columns) else len(value)
        if count > limits.rows:
            _too_many(field, "rows", count, limits)
        if not count:
            message = f"expected at least one of {field.name}, found none"
            raise Refused("out_of_range", message, field.name, "at least one", "none")
        return value
    if field.kind == "code" and kind is not list:
        raise _wrong(field, value, "a list of numbers")
    if field.kind == "given" and kind is not dict:
        raise _wrong(field, value, "a record of columns")
    if field.kind == "truth" and kind is not bool:
        raise _wrong(field, value, "true or false")
    if field.kind in ("whole", "number"):
        return _number(field, value, limits)
    return value


def _number(field: Field, value: Any, limits: Limits) -> Any:
    whole = field.kind == "whole"
    if isinstance(value, float) and whole and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise _wrong(field, value, "a whole number" if whole else "a number")
    if field.limit is not None and value > getattr(limits, field.limit):
        _too_many(field, field.limit, value, limits)
    low = -math.inf if field.least is None else field.least
    high = math.inf if field.most is None else field.most
    if not low <= value <= high:
        expected = f"{low:g} to {high:g}" if field.most is not None else f"at least {low:g}"
        message = f"{field.name}: expected {expected}, found {value}"
        raise Refused("out_of_range", message, field.name, expected, str(value))
    return value if whole else float(value)


_OF_LIMITS = {
    "rows": ("too_many_rows", "rows"),
    "samples": ("too_many_samples", "samples"),
    "grid": ("too_many_steps", "steps"),
}


def _too_many(field: Field, limit: str, count: float, limits: Limits) -> None:
    code, words = _OF_LIMITS[limit]
    most = getattr(limits, limit)
    message = f"expected at most {most} {words}, found {count}"
    raise Refused(code, message, field.name, f"at most {most}", str(count))


def _wrong(field: Field, value: Any, expected: str) -> Refused:
    found = kind_of_json(value)
    return Refused(
        "wrong_type", f"{field.name}: expected {expected}, found {found}", field.name, expected, found
    )
