"""The API's description, OpenAPI 3.1, made from the table of verbs for the run that is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lowerbound.serve import openapi_explorer, openapi_protocol
from lowerbound.serve.desk import Desk
from lowerbound.serve.errors import CODES
from lowerbound.serve.limits import DESCRIPTIONS, Limits
from lowerbound.serve.media_types import ARROW, JSON, NPY
from lowerbound.serve.openapi_get import get
from lowerbound.serve.row_schema import REAL, code_schema, given_schema, row_schema
from lowerbound.serve.service import Service
from lowerbound.serve.verb import Field, Part, Verb
from lowerbound.serve.verbs import VERBS

__all__ = ["document", "routes"]

_Schema = dict[str, Any]


def routes(desk: Desk) -> list[BaseRoute]:
    """The route of the description, which is made when it is first asked for."""
    made: list[bytes] = []

    async def openapi(request: Request) -> Response:
        if not made:
            made.append(orjson.dumps(await run_in_threadpool(document, desk.service, desk.limits)))
        return Response(made[0], media_type=JSON)

    return [Route("/openapi.json", openapi, methods=["GET"])]


def document(service: Service, limits: Limits) -> _Schema:
    """OpenAPI 3.1 of a service: its routes, what rows and codes of its run are, an example of every request,
    the limits."""
    verbs = {f"/{verb.name}": {"post": _operation(verb, service, limits)} for verb in VERBS.values()}
    said = "\n".join(f"- `{name}` {getattr(limits, name)}: {words}" for name, words in DESCRIPTIONS.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"lowerbound: {service.name}",
            "version": "1",
            "summary": "A variational auto-encoder as a service.",
            "description": f"Limits:\n\n{said}\n\nA row's numbers do not depend on the rows beside it.",
        },
        "security": [{"token": []}, {}],
        "paths": {
            **{path: {"get": each} for path, each in _PLAIN.items()},
            **verbs,
            **openapi_protocol.paths(service, _refused(*_OF_PROTOCOL, of="Protocol")),
            **openapi_explorer.paths(service, _refused(*_OF_EXPLORER)),
        },
        "components": {
            "schemas": {
                "Code": code_schema(service.latent_dim),
                "RowGiven": row_schema(service.form, given=True),
                "Row": row_schema(service.form, given=False),
                "Score": _SCORE,
                "Error": _ERROR,
                "ProtocolError": openapi_protocol.REFUSAL,
            },
            "responses": _REFUSALS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Where the service has a token."}
            },
        },
    }


def _operation(verb: Verb, service: Service, limits: Limits) -> _Schema:
    """A verb as an operation."""
    fields = {field.name: _field(field, service, limits) for field in verb.fields}
    asked = {
        "type": "object",
        "properties": fields,
        "required": [field.name for field in verb.fields if field.required],
        "additionalProperties": False,
    }
    answer = _record(**{part.name: _part(part) for part in verb.parts})
    binary: _Schema = {}
    words = verb.words
    if verb.over is not None:
        binary = {ARROW: {}, NPY: {}}
        others = ", ".join(f"`{name}`" for name in fields if name != verb.over)
        words += f"\n\nOf an Arrow stream or a `.npy` the body is `{verb.over}`" + (
            f"; {others} then stand in the query." if others else "."
        )
    words += f" An answer in such a form is `{verb.main}` alone."
    return {
        "operationId": verb.name,
        "summary": verb.words,
        "description": words,
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": asked, "example": verb.example(service)}, **binary},
        },
        "responses": {
            "200": {"description": verb.words, "content": {JSON: {"schema": answer}, ARROW: {}, NPY: {}}},
            **_refused(*_OF_VERBS),
        },
    }


def _field(field: Field, service: Service, limits: Limits) -> _Schema:
    """A field of a request."""
    said: _Schema = {"description": field.words}
    if not field.required and field.default is not None:
        said["default"] = field.default
    if field.kind in ("rows", "codes"):
        item = "RowGiven" if field.kind == "rows" else "Code"
        return said | {"type": "array", "items": _ref(item), "minItems": 1, "maxItems": limits.rows}
    if field.kind == "code":
        return said | _ref("Code")
    if field.kind == "given":
        return said | given_schema(service.form)
    kind = {"truth": "boolean", "whole": "integer", "number": "number"}[field.kind]
    most = field.most if field.limit is None else getattr(limits, field.limit)
    if field.name == "dimension":
        most = service.latent_dim - 1
    ends = {"minimum": field.least, "maximum": most}
    said["type"] = kind if field.required else [kind, "null"]
    return said | {name: end for name, end in ends.items() if end is not None}


def _part(part: Part) -> _Schema:
    """A part of an answer."""
    said = {"description": part.words, **_PARTS[part.kind]}
    if part.optional:
        said["type"] = [said["type"], "null"]
    return said


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _record(**fields: _Schema) -> _Schema:
    """A record of all these fields and no other."""
    return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


_PARTS: Mapping[str, _Schema] = {
    "rows": _list(_ref("Row")),
    "codes": _list(_list(REAL)),
    "numbers": _list(REAL),
    "number": {"type": "number"},
    "text": {"type": "string"},
    "names": _list({"type": "string"}),
    "scores": _list(_ref("Score")),
    "matrix": _list(_list(REAL)),
    "draws": _list(_list(_ref("Row"))),
    "levels": {"type": "object", "additionalProperties": _list(_list(REAL))},
}

_TEXT: _Schema = {"type": ["string", "null"]}
_SCORE = _record(
    log_prob={**REAL, "description": "log p(x) in nats; null where it is −∞."},
    standard_error=REAL,
    effective_sample_size=REAL,
    k_hat=REAL,
    method={"type": "string"},
    reliable={"type": "boolean", "description": "Whether the standard error can be relied on."},
    outside={**_TEXT, "description": "Why log p(x) is −∞, where it is."},
)
_ERROR = _record(
    error=_record(
        code={"enum": [*CODES]},
        message={"type": "string"},
        field={**_TEXT, "description": "Where in the request, such as `rows[3].age`."},
        expected=_TEXT,
        found=_TEXT,
    )
)


def _refusals() -> dict[str, _Schema]:
    """Every status that a refusal has, with its codes."""
    found: dict[str, _Schema] = {}
    for status in sorted({status for status, _ in CODES.values()}):
        words = "\n".join(f"- `{code}`: {said}" for code, (each, said) in CODES.items() if each == status)
        header = {"description": "After how many seconds to ask again.", "schema": {"type": "integer"}}
        headers = {"headers": {"Retry-After": header}} if status == 503 else {}
        for shape, of in (("Error", ""), ("ProtocolError", "Protocol")):
            content = {JSON: {"schema": _ref(shape)}}
            found[f"{of}Refused{status}"] = {"description": words, "content": content, **headers}
    return found


def _refused(*statuses: int, of: str = "") -> dict[str, _Schema]:
    return {str(status): {"$ref": f"#/components/responses/{of}Refused{status}"} for status in statuses}


_REFUSALS = _refusals()
_OF_ALL = (400, 401, 405, 421, 500, 503)
_OF_PROTOCOL = (400, 401, 404, 405, 408, 409, 413, 415, 421, 422, 500, 503)
_OF_EXPLORER = (400, 401, 404, 405, 421, 422, 500, 503)
_OF_VERBS = (400, 401, 405, 406, 408, 409, 413, 415, 421, 422, 500, 503)


def _get(name: str, words: str, answer: _Schema, media: str = JSON, **more: Any) -> _Schema:
    """A route that has no fields."""
    return get(name, words, {media: {"schema": answer}}, _refused(*_OF_ALL), **more)


def _status(word: str) -> _Schema:
    return _record(status={"const": word})


_TEXTS: _Schema = {"type": "string"}
_PLAIN = {
    "/live": _get("live", "Whether the process answers.", _status("live"), security=[]),
    "/ready": _get("ready", "Whether all programs are compiled.", _status("ready"), security=[]),
    "/metrics": _get("metrics", "Counts and times, as Prometheus reads them.", _TEXTS, "text/plain"),
    "/model": _get("model", "The model's card.", {"type": "object"}),
    "/openapi.json": _get("openapi", "This description.", {"type": "object"}),
}
