"""The description is true: its examples are answered, and what answers is of its schemas."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from lowerbound.data.sources import open_source
from lowerbound.serve import explorer, openapi
from lowerbound.serve.errors import CODES
from lowerbound.serve.limits import DESCRIPTIONS, Limits
from lowerbound.serve.openapi import document
from lowerbound.serve.verbs import VERBS

from .asking import asked, together

REPOSITORY = Path(__file__).resolve().parent.parent.parent

# Those whose programs take long to compile.
LONG = ("score", "p_values", "surprise", "impute")


@pytest.fixture(scope="session")
def shown(digits):
    """A run of images with rows to show."""
    source = open_source("digits:test")
    part = replace(source, x=source.x[:50], labels=source.labels[:50], table=None)
    return replace(digits, source=part)


@pytest.fixture(scope="session")
def described(digits, mixed, shown):
    """The description of a run of images, without and with rows to show, and of one of a table, as they are
    served."""
    services = {"digits": digits, "mixed": mixed, "shown": shown}
    return {name: asked(each, "GET", "/openapi.json").json() for name, each in services.items()}


def validator(description, schema):
    """A validator of a schema that stands in the description."""
    whole = {**schema, "components": description["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_schema_is_one(described):
    for description in described.values():
        assert description["openapi"] == "3.1.0"
        for schema in description["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        names = {*re.findall(r'"#/components/(\w+/\w+)"', json.dumps(description))}
        assert all(name.split("/")[1] in description["components"][name.split("/")[0]] for name in names)


def test_every_route_is_described(digits, shown, described):
    paths = described["digits"]["paths"].keys()
    assert {"/live", "/ready", "/metrics", "/model", *(f"/{name}" for name in VERBS)} <= paths
    assert {route.path for route in openapi.routes(None)} <= paths
    desk = SimpleNamespace(service=shown, limits=Limits())
    of_page = {route.path.replace(":int", "") for route in explorer.routes(desk)}
    assert {path for path in of_page if path.startswith("/explorer/")} <= described["shown"]["paths"].keys()


@pytest.mark.parametrize("run", ["digits", "mixed", "shown"])
def test_every_example_is_answered_as_it_says(run, described, request):
    examples(request.getfixturevalue(run), described[run], [name for name in VERBS if name not in LONG])


@pytest.mark.slow
@pytest.mark.parametrize("run", ["digits", "mixed"])
def test_every_long_example_is_answered_as_it_says(run, described, request):
    examples(request.getfixturevalue(run), described[run], LONG)


def examples(service, description, verbs):
    asks = [("POST", f"/{name}") for name in verbs]
    if "encode" in verbs:
        asks += [(m.upper(), path) for path, said in description["paths"].items() for m in said if m == "get"]
        asks.append(("POST", "/v2/models/{name}/infer"))
    requests = []
    for method, path in asks:
        said = description["paths"][path][method.lower()]
        given = {of: {} for of in ("path", "query")}
        for each in said.get("parameters", ()):
            given[each["in"]][each["name"]] = each["example"]
        where = f"{path.format(**given['path'])}?{urlencode(given['query'], doseq=True)}".rstrip("?")
        body = {}
        if method == "POST":
            content = said["requestBody"]["content"]["application/json"]
            validator(description, content["schema"]).validate(content["example"])
            body = {"json": content["example"]}
        requests.append((method, where, body))
    answers = together(service, *requests, limits=Limits(seconds=300))
    for (method, path), answer in zip(asks, answers, strict=True):
        said = description["paths"][path][method.lower()]["responses"][str(answer.status_code)]
        assert answer.status_code == (409 if path == "/p_values" else 200), (path, answer.text)
        if "$ref" in said:
            said = description["components"]["responses"][said["$ref"].split("/")[-1]]
        if "application/json" in said["content"]:
            validator(description, said["content"]["application/json"]["schema"]).validate(answer.json())


def test_every_refusal_is_described(described, digits):
    responses = described["digits"]["components"]["responses"]
    for code, (status, words) in CODES.items():
        for shape in ("", "Protocol"):
            assert f"`{code}`: {words}" in responses[f"{shape}Refused{status}"]["description"]


def test_a_row_of_a_table_is_typed_by_its_schema(mixed, described, records):
    row = described["mixed"]["components"]["schemas"]["RowGiven"]
    assert row["properties"]["color"]["enum"] == ["blue", "green", "red", None]
    assert sorted(row["required"]) == ["age", "born", "color", "mass"]
    check = validator(described["mixed"], row)
    for record in records:
        check.validate(record)
    for wrong in ({"color": "mauve"}, {"age": "old"}, {"born": "yesterday"}, {"aeg": 3}):
        assert not check.is_valid({**records[0], **wrong})


def test_every_limit_is_in_the_documentation_with_its_default():
    page = (REPOSITORY / "docs" / "serve.md").read_text("utf-8")
    for name in DESCRIPTIONS:
        assert f"| `--{name}` | {getattr(Limits(), name):.0f} |" in page


def test_the_limits_are_those_of_the_service(digits):
    rows = document(digits, Limits(rows=7))["paths"]["/encode"]["post"]["requestBody"]["content"]
    assert rows["application/json"]["schema"]["properties"]["rows"]["maxItems"] == 7
