"""What the explorer's page asks, in the description of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowerbound.serve.explorer.explorer import STRUCTURES
from lowerbound.serve.media_types import JSON
from lowerbound.serve.openapi_get import get
from lowerbound.serve.service import Service

__all__ = ["paths"]

_Schema = dict[str, Any]


def _parameter(place: str, name: str, example: Any, words: str, schema: _Schema, **more: Any) -> _Schema:
    said = {"in": place, "name": name, "example": example, "description": words, "schema": schema}
    return {**said, "required": True, **more}


def _axis(name: str, default: int, words: str) -> _Schema:
    schema = {"type": "integer", "minimum": 0, "maximum": 999_999, "default": default}
    return _parameter("query", name, default, words, schema, required=False)


_TEXT: _Schema = {"type": "string"}
_PLANE = [
    _parameter(
        *("query", "basis", "latent", "The coordinates, one of the scene's `bases`."),
        {**_TEXT, "default": "latent"},
        required=False,
    ),
    _axis("across", 0, "The axis to the right."),
    _axis("up", 1, "The axis upwards."),
]
_SMILES = _parameter(
    *("query", "smiles", ["CCO"], "Molecules."),
    {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": STRUCTURES},
)
_KEY = _parameter("path", "key", "label", "One of the scene's `colourings`.", _TEXT)
_PLACE = _parameter("path", "place", 0, "The number of a point.", {"type": "integer", "minimum": 0})

_RECORD: _Schema = {JSON: {"schema": {"type": "object"}}}
_STRUCTURES: _Schema = {JSON: {"schema": {"type": "array", "items": {"type": ["object", "null"]}}}}
_BYTES: _Schema = {"application/octet-stream": {}}

# By path: what the operation is called, what it answers, in words and by media type, and what it is asked.
_ROUTES: Mapping[str, tuple[str, str, _Schema, list[_Schema]]] = {
    "/explorer/scene": (
        *("scene", "What a row is, the columns, the coordinates, what can colour points.", _RECORD),
        [],
    ),
    "/explorer/points": ("points", "Where codes lie in a plane: float32, x and y in turn.", _BYTES, _PLANE),
    "/explorer/contours": (
        *("contours", "Where half and nine tenths of the aggregate posterior and the prior lie.", _RECORD),
        _PLANE,
    ),
    "/explorer/molecules": ("molecules", "How molecules are drawn; null of none.", _STRUCTURES, [_SMILES]),
}
# Where there are rows to show.
_OF_ROWS: Mapping[str, tuple[str, str, _Schema, list[_Schema]]] = {
    "/explorer/colours/{key}": ("colours", "What a colour says.", _RECORD, [_KEY]),
    "/explorer/colours/{key}/points": ("values", "The byte of each point.", _BYTES, [_KEY]),
    "/explorer/rows/{place}": ("row", "The row of a point.", _RECORD, [_PLACE]),
}


def paths(service: Service, refused: _Schema) -> _Schema:
    """The routes of the explorer's data, those of its points' rows and colours where it has rows to show;
    `refused` are the answers that are refusals."""
    routes = _ROUTES if service.source is None else {**_ROUTES, **_OF_ROWS}
    return {
        path: {"get": get(f"explorer_{name}", words, content, refused, parameters=parameters)}
        for path, (name, words, content, parameters) in routes.items()
    }
