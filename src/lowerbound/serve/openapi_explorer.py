"""What the explorer's page asks, in the description of the API."""

from __future__ import annotations

from typing import Any

from lowerbound.serve.service import Service

__all__ = ["paths"]

_Schema = dict[str, Any]
_RECORD: _Schema = {"type": "object"}


def _asked(name: str, example: Any, schema: _Schema, words: str, *, of: str = "query") -> _Schema:
    """A parameter, of the path or the query."""
    return {
        **{"name": name, "in": of, "required": True, "example": example},
        **{"schema": schema, "description": words},
    }


_AXIS: _Schema = {"type": "integer", "minimum": 0, "maximum": 999_999}
_PLANE = (
    _asked("basis", "latent", {"type": "string"}, "The coordinates, one of the scene's `bases`."),
    _asked("across", 0, _AXIS, "The axis to the right."),
    _asked("up", 1, _AXIS, "The axis upwards."),
)
_SMILES = _asked(
    "smiles",
    ["CCO"],
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 64},
    "Molecules.",
)
_KEY = _asked("key", "label", {"type": "string"}, "One of the scene's `colourings`.", of="path")
_PLACE = _asked("place", 0, {"type": "integer", "minimum": 0}, "The number of a point.", of="path")


def paths(service: Service, refused: _Schema) -> _Schema:
    """The routes of the explorer's data, those of its points' rows and colours where it has rows to show;
    `refused` are the answers that are refusals."""

    def get(name: str, words: str, *parameters: _Schema, answer: _Schema | None = _RECORD) -> _Schema:
        media = (
            {"application/octet-stream": {}} if answer is None else {"application/json": {"schema": answer}}
        )
        return {
            "get": {
                "operationId": f"explorer_{name}",
                "summary": words,
                "parameters": [*parameters],
                "responses": {"200": {"description": words, "content": media}, **refused},
            }
        }

    structures: _Schema = {"type": "array", "items": {"type": ["object", "null"]}}
    found = {
        "/explorer/scene": get(
            "scene", "What a row is, the columns, the coordinates, what can colour points."
        ),
        "/explorer/points": get(
            "points", "Where codes lie in a plane: float32, x and y in turn.", *_PLANE, answer=None
        ),
        "/explorer/contours": get(
            "contours", "Where half and nine tenths of the aggregate posterior and the prior lie.", *_PLANE
        ),
        "/explorer/molecules": get(
            "molecules", "How molecules are drawn; null of what is none.", _SMILES, answer=structures
        ),
    }
    if service.source is None:
        return found
    return found | {
        "/explorer/colours/{key}": get("colours", "What a colour says.", _KEY),
        "/explorer/colours/{key}/points": get("values", "The byte of each point.", _KEY, answer=None),
        "/explorer/rows/{place}": get("row", "The row of a point.", _PLACE),
    }
