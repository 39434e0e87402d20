"""What a row of the run is, and what a code is, as JSON Schema: as a request may have it, and as an answer
has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.declared import typed_levels
from lowerbound.serve.reader import FARTHEST
from lowerbound.serve.row_form import RowForm

__all__ = ["REAL", "code_schema", "given_schema", "row_schema"]

_Schema = dict[str, Any]

# A number of an answer; null stands for one that is not finite.
REAL: _Schema = {"type": ["number", "null"]}

# What float32 holds.
_MOST = 3.4e38
_NUMBER: _Schema = {"type": ["number", "null"], "minimum": -_MOST, "maximum": _MOST}
_ANY: _Schema = {"type": ["string", "number", "boolean", "null"]}
_DATE, _TIME = {"type": "string", "format": "date"}, {"type": "string", "format": "time"}
_MOMENT = {"type": "string", "format": "date-time"}
_NULL = {"type": "null"}
# Of an answer: far out in the latent space a date can be one of a year beyond 9999.
_TEXT: _Schema = {"type": ["string", "null"]}


def code_schema(size: int) -> _Schema:
    """A code: so many numbers.

    >>> code_schema(2)["minItems"]
    2
    """
    number = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
    return {"type": "array", "items": number, "minItems": size, "maxItems": size}


def row_schema(form: RowForm, *, given: bool) -> _Schema:
    """A row, of a request (`given`) or of an answer: a record by column name, or a list of numbers.

    >>> import pyarrow
    >>> from lowerbound.data.schema import Schema
    >>> form = RowForm(Schema.of(pyarrow.table({"color": ["red", "blue"], "mass": [0.5, 0.25]})), 2)
    >>> row_schema(form, given=True)["properties"]["color"]["enum"]
    ['blue', 'red', None]
    """
    if form.names is None or form.schema is None:
        columns = () if form.schema is None else form.schema.columns
        cells = [_cell(column, given) for column in columns] or [_NUMBER]
        alike = all(cell == cells[0] for cell in cells)
        items = {"items": cells[0]} if alike else {"prefixItems": cells, "items": False}
        width = len(columns) or form.width
        return {"type": "array", **items, "minItems": width, "maxItems": width}
    columns = form.schema.columns
    needed = [column.name for column in columns if column.encoded or not given]
    return {
        "type": "object",
        "properties": {column.name: _cell(column, given) for column in columns},
        "required": needed,
        "additionalProperties": False,
    }


def given_schema(form: RowForm) -> _Schema:
    """Values of some columns: a record by name, or null for none."""
    columns = () if form.schema is None else form.schema.encoded
    cells = {column.name: _cell(column, True) for column in columns}
    return {"type": ["object", "null"], "properties": cells, "additionalProperties": False}


def _cell(column: Column, given: bool) -> _Schema:
    """The cell of a column; null is a missing value."""
    if column.levels is not None and column.encoded:
        own = typed_levels(column.levels, column.dtype).tolist()
        both = dict.fromkeys((*own, *column.levels)) if given else own
        return {"enum": [*both, None]}
    if column.kind == "constant" and given and not column.timed:
        own = column.levels[0] if column.levels is not None else column.low
        return {"enum": [own, None]}
    if not column.encoded:
        return dict(_ANY)
    if column.tokens is not None:
        return {**_TEXT, "description": f"{column.words[0].upper()}{column.words[1:]}."}
    if column.time == "span":
        return {**(_NUMBER if given else REAL), "description": "Seconds."}
    if column.timed:
        words = {"description": f"A {column.time} in ISO 8601."}
        days = np.dtype(column.dtype) == "datetime64[D]"
        forms = [_TIME] if column.time == "time" else [_DATE] if days else [_DATE, _MOMENT]
        return {"anyOf": [*forms, _NULL], **words} if given else {**_TEXT, **words}
    if np.dtype(column.dtype).kind == "b":
        return {"type": ["boolean", "number", "null"] if given else ["boolean", "null"]}
    return dict(_NUMBER) if given else dict(REAL)
