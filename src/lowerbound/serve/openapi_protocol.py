"""The Open Inference Protocol's routes in the description of the API."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowerbound.serve.errors import CODES
from lowerbound.serve.media_types import JSON
from lowerbound.serve.openapi_get import get
from lowerbound.serve.service import Service
from lowerbound.serve.signatures import Tensor, signatures
from lowerbound.serve.tensors import DATATYPES
from lowerbound.serve.verbs import VERBS

__all__ = ["REFUSAL", "example", "paths"]

_Schema = dict[str, Any]


def _record(required: tuple[str, ...], **fields: _Schema) -> _Schema:
    return {"type": "object", "properties": fields, "required": [*required]}


def _list(items: _Schema, **more: Any) -> _Schema:
    return {"type": "array", "items": items, **more}


_TEXT: _Schema = {"type": "string"}
_NULL: _Schema = {"type": ["string", "null"]}
_TYPE: _Schema = {"enum": ["BYTES", *DATATYPES]}
_SHAPE = _list({"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, minItems=1, maxItems=2)
_TRUTH: _Schema = {"type": "boolean"}

# A refusal in the protocol's shape, with the parts of the service's own.
REFUSAL = _record(
    ("error", "code", "field", "expected", "found"),
    error=_TEXT,
    code={"enum": [*CODES]},
    field=_NULL,
    expected=_NULL,
    found=_NULL,
)

_TENSOR = _record(
    ("name", "datatype", "shape"),
    name=_TEXT,
    datatype=_TYPE,
    shape=_SHAPE,
    data=_list({}),
    parameters=_record((), binary_data_size={"type": "integer", "minimum": 0}),
)
_OUTPUT = _record(("name",), name=_TEXT, parameters=_record((), binary_data=_TRUTH))
_ASKED = _record(
    ("inputs",),
    id=_TEXT,
    inputs=_list(_TENSOR, minItems=1),
    outputs=_list(_OUTPUT),
    parameters=_record((), binary_data_output=_TRUTH),
)
_ANSWER = _record(
    ("model_name", "model_version", "outputs"),
    model_name=_TEXT,
    model_version=_TEXT,
    id=_TEXT,
    outputs=_list(_TENSOR),
)
_METADATA = _record(
    ("name", "datatype", "shape"), name=_TEXT, datatype=_TYPE, shape=_list({"type": "integer", "minimum": -1})
)
_MODEL = _record(
    ("name", "versions", "platform", "inputs", "outputs"),
    name=_TEXT,
    versions=_list(_TEXT),
    platform=_TEXT,
    inputs=_list(_METADATA),
    outputs=_list(_METADATA),
)


def paths(service: Service, refused: _Schema) -> _Schema:
    """The protocol's routes, with an example of a request; `refused` are the answers that are refusals."""

    def got(name: str, words: str, answer: _Schema, **more: Any) -> _Schema:
        return {"get": get(f"v2_{name}", words, {JSON: {"schema": answer}}, refused, **more)}

    models = [*signatures(service)]
    named = {
        "parameters": [
            {"name": "name", "in": "path", "required": True, "schema": {"enum": models}, "example": models[0]}
        ]
    }
    inferred = {JSON: {"schema": _ANSWER}, "application/octet-stream": {}}
    words = "Tensors of a model, of tensors."
    return {
        "/v2": got("server", "The server, by the Open Inference Protocol.", _record(("name", "version"))),
        "/v2/health/live": got("live", "Whether the process answers.", _record(("live",), live=_TRUTH)),
        "/v2/health/ready": got("ready", "Whether it is ready.", _record(("ready",), ready=_TRUTH)),
        "/v2/models/{name}": got("model", "A model's tensors.", _MODEL, **named),
        "/v2/models/{name}/ready": got(
            "model_ready", "Whether a model is ready.", _record(("name", "ready"), ready=_TRUTH), **named
        ),
        "/v2/models/{name}/infer": {
            "post": {
                "operationId": "v2_infer",
                "summary": words,
                **named,
                "requestBody": {
                    "required": True,
                    "content": {
                        JSON: {"schema": _ASKED, "example": example(service)},
                        "application/octet-stream": {},
                    },
                },
                "responses": {"200": {"description": words, "content": inferred}, **refused},
            }
        },
    }


def example(service: Service) -> _Schema:
    """A request for the codes of two rows."""
    rows = VERBS["encode"].example(service)["rows"]
    signature = signatures(service)[service.name]

    def tensor(said: Tensor) -> _Schema:
        values = (
            rows if said.name == "rows" and service.form.names is None else [row[said.name] for row in rows]
        )
        flat = np.ravel(np.array(values, object)).tolist()
        shape = [len(rows), *said.shape[1:]]
        return {"name": said.name, "datatype": said.datatype, "shape": shape, "data": flat}

    return {"inputs": [*map(tensor, signature.inputs)], "outputs": [{"name": "codes"}]}
