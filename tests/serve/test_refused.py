"""What is refused, each with the right code in the one shape."""

import io
import json
import re

import numpy as np
import pyarrow as pa
import pytest

from lowerbound.serve.access import Access
from lowerbound.serve.errors import CODES
from lowerbound.serve.limits import DESCRIPTIONS, Limits
from lowerbound.serve.verbs import VERBS

from .asking import asked, together

ROUTES = [
    *(("GET", path) for path in ("/live", "/ready", "/metrics", "/model")),
    *(("POST", f"/{name}") for name in VERBS),
]
PUBLIC = ("/live", "/ready")


def error_of(answer):
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert [*error] == ["code", "message", "field", "expected", "found"]
    assert answer.status_code == CODES[error["code"]][0]
    assert not re.search(r"Traceback|\.py|/work|/home|/tmp|site-packages|\d+\.\d+\.\d+", answer.text)
    return error


@pytest.mark.parametrize("bearer", [None, "Bearer wrong", "Bearer", "Basic secret", "Bearer secret "[:-2]])
def test_without_the_token_no_route_answers(digits, bearer):
    headers = {} if bearer is None else {"Authorization": bearer}
    requests = [(method, path, {"headers": headers}) for method, path in ROUTES]
    for (_, path, _), answer in zip(
        requests, together(digits, *requests, access=Access(b"secret")), strict=True
    ):
        if path in PUBLIC:
            assert answer.status_code == 200
        else:
            assert error_of(answer)["code"] == "unauthorized"
            assert answer.headers["www-authenticate"] == "Bearer"


def test_with_the_token_routes_answer(digits):
    headers = {"Authorization": "Bearer secret"}
    answer = asked(digits, "GET", "/model", headers=headers, access=Access(b"secret"))
    assert answer.status_code == 200


def test_a_wrong_host_is_refused_by_every_route(digits):
    requests = [(method, path, {"headers": {"Host": "evil.example"}}) for method, path in ROUTES]
    for answer in together(digits, *requests):
        assert error_of(answer)["code"] == "wrong_host"


def test_a_wrong_method_is_refused_by_every_route(digits):
    requests = [("PUT", path, {}) for _, path in ROUTES]
    for (method, _), answer in zip(ROUTES, together(digits, *requests), strict=True):
        assert error_of(answer)["code"] == "method_not_allowed"
        assert answer.headers["allow"] == method


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../etc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/%252e%252e/%252e%252e/etc/passwd",
        "/static/..\\..\\etc\\passwd",
        "/static/%00",
        "/encode/",
        "/encode//",
        "/nothing",
    ],
)
def test_other_paths_are_not_found(digits, path):
    assert error_of(asked(digits, "GET", path))["code"] == "not_found"


def test_every_answer_says_its_policy(digits):
    answer = asked(digits, "GET", "/live")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not {name for name in answer.headers if name.startswith("access-control")}


BODIES = {
    "no JSON": (b"rows", "bad_json"),
    "NaN": (b'{"rows": [[NaN]]}', "bad_json"),
    "Infinity": (b'{"rows": [[-Infinity]]}', "bad_json"),
    "a huge number": (b'{"rows": [[1e999]]}', "bad_json"),
    "no UTF-8": (b'{"rows": "\xff"}', "bad_json"),
    "too deep": (b'{"rows": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
    "too deep records": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    "empty": (b"", "bad_json"),
    "a list": (b"[]", "wrong_type"),
    "no rows": (b"{}", "missing_field"),
    "null rows": (b'{"rows": null}', "missing_field"),
    "an empty list": (b'{"rows": []}', "out_of_range"),
    "a number": (b'{"rows": 3}', "wrong_type"),
    "another field": (b'{"rows": [[0]], "row": 1}', "unknown_field"),
    "a wrong width": (b'{"rows": [[0, 1]]}', "wrong_width"),
    "a ragged one": (b'{"rows": [[' + b"0," * 63 + b"0],[0]]}", "wrong_width"),
    "text": (b'{"rows": [[' + b"0," * 63 + b'"1"]]}', "wrong_type"),
    "truth": (b'{"rows": [[' + b"0," * 63 + b"true]]}", "wrong_type"),
    "a missing value": (b'{"rows": [[' + b"0," * 63 + b"null]]}", "wrong_value"),
    "beyond float32": (b'{"rows": [[' + b"0," * 63 + b"1e300]]}", "wrong_value"),
    "beyond the support": (b'{"rows": [[' + b"0," * 63 + b"17]]}", "wrong_value"),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_are_refused(digits, name):
    body, code = BODIES[name]
    error = error_of(asked(digits, "POST", "/encode", content=body))
    assert error["code"] == code
    if code == "wrong_value":
        assert error["field"] == "rows[0][63]"


RECORDS = {
    "an unknown column": ({"aeg": 3}, "unknown_column", "rows[0].aeg"),
    "an unknown level": ({"color": "purple"}, "unknown_level", "rows[0].color"),
    "a wrong type": ({"age": "old"}, "wrong_type", "rows[0].age"),
    "no date": ({"born": "yesterday"}, "wrong_type", "rows[0].born"),
    "a list": ({"mass": [1]}, "wrong_type", "rows[0].mass"),
    "a missing value": ({"mass": None}, "wrong_value", "rows[0].mass"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_refused(mixed, records, name):
    changed, code, field = RECORDS[name]
    error = error_of(asked(mixed, "POST", "/encode", json={"rows": [{**records[0], **changed}]}))
    assert (error["code"], error["field"]) == (code, field)
    for words in (error["expected"], error["found"]):
        assert words


def test_a_lacking_column_is_named(mixed, records):
    row = {name: cell for name, cell in records[0].items() if name != "mass"}
    error = error_of(asked(mixed, "POST", "/encode", json={"rows": [records[0], row]}))
    assert (error["code"], error["field"]) == ("missing_column", "rows[1].mass")


FIELDS = [
    ("sample", {"count": 0}, "out_of_range", "count"),
    ("sample", {"count": 1.5}, "wrong_type", "count"),
    ("sample", {"count": True}, "wrong_type", "count"),
    ("sample", {"seed": -1}, "out_of_range", "seed"),
    ("sample", {"given": []}, "wrong_type", "given"),
    ("sample", {"mean": 1}, "wrong_type", "mean"),
    ("traverse", {"code": [0, 0], "dimension": 2}, "out_of_range", "dimension"),
    ("traverse", {"code": [0]}, "wrong_width", None),
    ("interpolate", {"from": [0, 0], "to": [0, "1"]}, "wrong_type", None),
    ("interpolate", {"from": [0, 0], "to": [0, 1e300]}, "wrong_value", None),
    ("decode", {"codes": [[0]]}, "wrong_width", "codes[0]"),
]


@pytest.mark.parametrize(("verb", "fields", "code", "field"), FIELDS)
def test_fields_are_checked(digits, verb, fields, code, field):
    error = error_of(asked(digits, "POST", f"/{verb}", json=fields))
    assert error["code"] == code
    assert field is None or error["field"] == field


OVER = [
    ("rows", 3, "/encode", {"rows": [[0] * 64] * 4}, "too_many_rows"),
    ("rows", 3, "/decode", {"codes": [[0, 0]] * 4}, "too_many_rows"),
    ("body", 100, "/encode", {"rows": [[0] * 64]}, "too_large"),
    ("samples", 3, "/sample", {"count": 4}, "too_many_samples"),
    ("grid", 3, "/traverse", {"code": [0, 0], "steps": 4}, "too_many_steps"),
    ("grid", 3, "/interpolate", {"from": [0, 0], "to": [1, 1], "steps": 4}, "too_many_steps"),
]


@pytest.mark.parametrize(("limit", "most", "path", "fields", "code"), OVER)
def test_each_limit_is_checked(digits, limit, most, path, fields, code):
    error = error_of(asked(digits, "POST", path, json=fields, limits=Limits(**{limit: most})))
    assert error["code"] == code
    assert str(most) in error["expected"]


def test_each_limit_is_an_option_with_its_words():
    from typer.main import get_command

    from lowerbound.cli.app import app

    options = {option.name: option for option in get_command(app).commands["serve"].params}
    for name, words in DESCRIPTIONS.items():
        assert options[name].help == words
        assert options[name].default == getattr(Limits(), name)


def test_what_is_not_ready_says_so():
    answers = together(None, ("GET", "/live", {}), ("GET", "/ready", {}), ("POST", "/encode", {}))
    assert [answer.status_code for answer in answers] == [200, 503, 503]
    assert error_of(answers[1])["code"] == "starting"
    assert int(answers[1].headers["retry-after"]) >= 1


NPY, ARROW = "application/x-npy", "application/vnd.apache.arrow.stream"


def npy(array):
    np.save(stream := io.BytesIO(), array)
    return stream.getvalue()


def arrow(table):
    with pa.ipc.new_stream(sink := pa.BufferOutputStream(), table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_arrays_in_and_out(digits, images):
    plain = asked(digits, "POST", "/encode", json={"rows": images}).json()["codes"]
    headers = {"Content-Type": NPY, "Accept": NPY}
    answer = asked(digits, "POST", "/encode", content=npy(np.array(images, np.uint8)), headers=headers)
    assert answer.headers["content-type"] == NPY
    codes = np.load(io.BytesIO(answer.content))
    assert codes.dtype == np.float32
    assert (codes == np.array(plain, np.float32)).all()
    rows = asked(digits, "POST", "/decode", content=npy(codes), headers=headers)
    assert np.load(io.BytesIO(rows.content)).shape == (40, 64)


def test_tables_in_and_out(mixed, table, records):
    plain = asked(mixed, "POST", "/reconstruct", json={"rows": records}).json()["rows"]
    headers = {"Content-Type": ARROW, "Accept": ARROW}
    answer = asked(mixed, "POST", "/reconstruct", content=arrow(table.slice(0, 40)), headers=headers)
    found = pa.ipc.open_stream(answer.content).read_all()
    assert found.column("color").to_pylist() == [row["color"] for row in plain]
    assert found.column("age").to_pylist() == [row["age"] for row in plain]


def test_parameters_stand_in_the_query(mixed, table):
    headers = {"Content-Type": ARROW}
    body = arrow(table.slice(0, 1))
    error = error_of(asked(mixed, "POST", "/encode?seed=3", content=body, headers=headers))
    assert (error["code"], error["field"]) == ("unknown_field", "seed")
    error = error_of(asked(mixed, "POST", "/score?seed=x", content=body, headers=headers))
    assert (error["code"], error["field"]) == ("wrong_type", "seed")


HOSTILE = {
    "a pickle": (
        NPY,
        npy(np.array([1, 2]))[:6] + b"\x01\x00\x46\x00{'descr': '|O', 'fortran_order': False, ",
    ),
    "no array": (NPY, b"\x80\x04"),
    "a promise": (
        NPY,
        npy(np.zeros((2, 2))).replace(b"(2, 2), }" + b" " * 11, b"(200000000, 99999999), }"[:20]),
    ),
    "text": (NPY, npy(np.array([["a"]]))),
    "one dimension": (NPY, npy(np.zeros(64))),
    "no stream": (ARROW, b"ARROW1\x00\x00 no"),
    "half a stream": (ARROW, arrow(pa.table({"a": [1, 2, 3]}))[:150]),
    "lists": (ARROW, arrow(pa.table({"a": [[1], [2]]}))),
    "empty": (ARROW, b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_arrays_and_tables_are_refused(digits, name):
    kind, body = HOSTILE[name]
    error = error_of(asked(digits, "POST", "/encode", content=body, headers={"Content-Type": kind}))
    assert error["code"] in ("bad_array", "bad_table")


TYPES = [
    ({"Content-Type": "text/plain"}, "unsupported_type"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_type"),
    ({"Content-Type": "application/json; charset=latin-1"}, "unsupported_type"),
    ({"Accept": "text/html"}, "not_acceptable"),
]


@pytest.mark.parametrize(("headers", "code"), TYPES)
def test_other_types_are_refused(digits, images, headers, code):
    body = json.dumps({"rows": images[:1]})
    assert error_of(asked(digits, "POST", "/encode", content=body, headers=headers))["code"] == code


def test_two_content_types_are_refused(digits, images):
    headers = [("Content-Type", "application/json"), ("Content-Type", NPY)]
    answer = asked(digits, "POST", "/encode", content=json.dumps({"rows": images[:1]}), headers=headers)
    assert error_of(answer)["code"] == "bad_request"


def test_text_and_dates_are_no_array(mixed):
    headers = {"Accept": NPY}
    error = error_of(asked(mixed, "POST", "/decode", json={"codes": [[0, 0]]}, headers=headers))
    assert error["code"] == "not_acceptable"


def test_the_card_has_no_path(digits, mixed):
    for service in (digits, mixed):
        card = asked(service, "GET", "/model").json()
        assert card["latent_dim"] == 2
        assert "Likelihood" in card["parts"]
        assert "/" not in json.dumps(card["provenance"])
    assert {column["name"] for column in card["columns"]} >= {"age", "color", "mass", "born"}
