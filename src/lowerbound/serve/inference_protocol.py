"""The Open Inference Protocol, version 2, over HTTP, with its extension for binary tensors: what the clients
of KServe, Triton, MLServer and others speak."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lowerbound.serve.access import header_of
from lowerbound.serve.bodies import Bodies, parsed
from lowerbound.serve.desk import Desk
from lowerbound.serve.errors import Refused
from lowerbound.serve.media import document_of
from lowerbound.serve.media_types import JSON
from lowerbound.serve.signatures import Output, Signature, signatures
from lowerbound.serve.tensors import binary_of, json_of, tensor_of

__all__ = ["routes"]

_HEADER = b"inference-header-content-length"
_BINARY = "application/octet-stream"
_VERSION = "1"
_OF_VERSIONS = ("", "/versions/{version}")

_Asked = dict[str, Any]


def routes(desk: Desk, bodies: Bodies) -> list[BaseRoute]:
    """The protocol's routes. Refusals have the protocol's own shape, which the application gives them."""
    models = signatures(desk.service)
    server = {"name": "lowerbound", "version": "2", "extensions": ["binary_tensor_data"]}

    def signature_of(request: Request) -> Signature:
        found = models.get(request.path_params["name"])
        if found is None or request.path_params.get("version", _VERSION) != _VERSION:
            raise Refused("not_found")
        return found

    async def live(request: Request) -> Response:
        return _json({"live": True})

    async def ready(request: Request) -> Response:
        return _json({"ready": True})

    async def about(request: Request) -> Response:
        return _json(server)

    async def model(request: Request) -> Response:
        return _json(signature_of(request).metadata())

    async def model_ready(request: Request) -> Response:
        return _json({"name": signature_of(request).name, "ready": True})

    async def infer(request: Request) -> Response:
        return await _inferred(desk, bodies, signature_of(request), request)

    get = {
        "/v2": about,
        "/v2/health/live": live,
        "/v2/health/ready": ready,
        **{f"/v2/models/{{name}}{version}": model for version in _OF_VERSIONS},
        **{f"/v2/models/{{name}}{version}/ready": model_ready for version in _OF_VERSIONS},
    }
    post = {f"/v2/models/{{name}}{version}/infer": infer for version in _OF_VERSIONS}
    return [
        *(Route(path, each, methods=["GET"]) for path, each in get.items()),
        *(Route(path, each, methods=["POST"]) for path, each in post.items()),
    ]


def _json(answer: Any) -> Response:
    return Response(orjson.dumps(answer), media_type=JSON)


async def _inferred(desk: Desk, bodies: Bodies, signature: Signature, request: Request) -> Response:
    """The outputs that are asked for, all where none is named, of the tensors of a request."""
    headers, loop = request.scope["headers"], asyncio.get_running_loop()
    media = header_of(headers, b"content-type").decode("latin-1").partition(";")[0].strip().lower()
    if media not in ("", JSON, _BINARY):
        expected = f"{JSON} or {_BINARY}"
        raise Refused("unsupported_type", f"expected {expected}", "Content-Type", expected, media)
    body = await bodies.body(headers, request.receive, loop.time() + desk.limits.seconds)
    header = header_of(headers, _HEADER)
    document, tensors = await parsed(partial(_read, header), body)
    outputs = _outputs(signature, document)
    fields = signature.fields(tensors)
    verbs = dict.fromkeys(output.verb for output in outputs)
    answers = await asyncio.gather(*(desk.ask(verb, fields) for verb in verbs))
    found = dict(zip(verbs, answers, strict=True))
    return _written(signature, document, {each: each.of(found[each.verb]) for each in outputs})


def _read(header: bytes, body: bytes) -> tuple[_Asked, dict[str, np.ndarray]]:
    """A request's JSON, and its tensors by name."""
    length = len(body)
    if header:
        if not header.isdigit() or int(header[:12]) > len(body):
            found = header.decode("latin-1")
            words = f"0 to {len(body)}, the bytes of JSON"
            raise Refused("bad_request", f"expected {words}, found {found!r}", _HEADER.decode(), words, found)
        length = int(header)
    document = document_of(body[:length])
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs) or not inputs:
        raise Refused("missing_field", "expected a list of tensors", "inputs", "a list of tensors", "none")
    rest, tensors = memoryview(body)[length:], {}
    for place, said in enumerate(inputs):
        name = said.get("name")
        if not isinstance(name, str) or name in tensors:
            field = f"inputs[{place}].name"
            raise Refused("wrong_type", "expected a name, another for each tensor", field, "another name")
        tensors[name], rest = tensor_of(said, f"inputs[{place}]", rest)
    if len(rest):
        raise Refused(
            "bad_request",
            f"expected no bytes behind those of the tensors, found {len(rest)}",
            *(_HEADER.decode(), "none", str(len(rest))),
        )
    return document, tensors


def _outputs(signature: Signature, document: Mapping[str, Any]) -> list[Output]:
    """The outputs that are asked for."""
    asked = document.get("outputs")
    if asked is None or asked == []:
        return [*signature.outputs]
    known = {output.tensor.name: output for output in signature.outputs}
    if not isinstance(asked, list):
        raise Refused("wrong_type", "expected a list of outputs", "outputs", "a list of outputs")
    found = []
    for place, each in enumerate(asked):
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in known:
            words = f"one of {', '.join([*known][:12])}"
            raise Refused(
                "unknown_field",
                f"expected {words}, found {name!r}",
                *(f"outputs[{place}].name", words, repr(name)),
            )
        found.append(known[name])
    return found


def _written(
    signature: Signature, document: Mapping[str, Any], found: Mapping[Output, np.ndarray]
) -> Response:
    """The answer: JSON, and behind it the bytes of the outputs of which that is asked."""
    all_binary = _flag(document, "binary_data_output")
    asked = document.get("outputs") or []
    binary = {each["name"]: _flag(each, "binary_data", all_binary) for each in asked}
    outputs, behind = [], []
    for output, array in found.items():
        tensor = output.tensor
        said: _Asked = {"name": tensor.name, "datatype": tensor.datatype, "shape": [*array.shape]}
        if binary.get(tensor.name, all_binary):
            behind.append(binary_of(array))
            said["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            said["data"] = json_of(array)
        outputs.append(said)
    answer: _Asked = {"model_name": signature.name, "model_version": _VERSION, "outputs": outputs}
    if isinstance(document.get("id"), str):
        answer["id"] = document["id"]
    head = orjson.dumps(answer)
    if not behind:
        return Response(head, media_type=JSON)
    headers = {_HEADER.decode(): str(len(head))}
    return Response(b"".join((head, *behind)), headers=headers, media_type=_BINARY)


def _flag(said: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """A parameter that is true or false."""
    parameters = said.get("parameters")
    value = parameters.get(name, default) if isinstance(parameters, dict) else default
    return value is True
