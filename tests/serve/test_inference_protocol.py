"""The Open Inference Protocol, version 2: its JSON, its binary tensors, its errors."""

import json
import struct

import numpy as np
import pytest

from lowerbound.serve.tensors import DATATYPES, binary_of, json_of, tensor_of

from .asking import asked

INFER = "/v2/models/digits/infer"


def infer(service, name, inputs, outputs=(), **more):
    """The answer to tensors."""
    body = {"inputs": inputs, **({"outputs": list(outputs)} if outputs else {}), **more}
    return asked(service, "POST", f"/v2/models/{name}/infer", json=body)


def tensor(name, datatype, values, *, flat=True):
    array = np.asarray(values)
    data = array.ravel().tolist() if flat else array.tolist()
    return {"name": name, "datatype": datatype, "shape": [*array.shape], "data": data}


def by_column(records):
    """Records as a tensor a column."""
    kinds = {"age": "FP64", "color": "BYTES", "mass": "FP64", "born": "BYTES"}
    return [tensor(name, kind, [row[name] for row in records]) for name, kind in kinds.items()]


def arrays_of(answer):
    return {each["name"]: np.reshape(each["data"], each["shape"]) for each in answer.json()["outputs"]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2", {"name": "lowerbound", "version": "2", "extensions": ["binary_tensor_data"]}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/digits/ready", {"name": "digits", "ready": True}),
        ("/v2/models/digits/versions/1/ready", {"name": "digits", "ready": True}),
    ],
)
def test_the_server_and_its_health(digits, path, expected):
    assert asked(digits, "GET", path).json() == expected


def test_the_metadata_of_models(digits, mixed):
    said = asked(digits, "GET", "/v2/models/digits").json()
    assert said.keys() == {"name", "versions", "platform", "inputs", "outputs"}
    assert said["inputs"] == [{"name": "rows", "datatype": "FP64", "shape": [-1, 64]}]
    assert said["outputs"][0] == {"name": "codes", "datatype": "FP32", "shape": [-1, 2]}
    said = asked(mixed, "GET", "/v2/models/mixed").json()["inputs"]
    assert {each["name"]: each["datatype"] for each in said} == {
        **{"age": "FP64", "color": "BYTES", "mass": "FP64", "born": "BYTES"}
    }
    said = asked(mixed, "GET", "/v2/models/mixed-decoder").json()
    assert said["inputs"][0]["name"] == "codes"
    assert [each["name"] for each in said["outputs"]] == ["age", "color", "mass", "born"]


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("datatype", ["FP64", "FP32", "UINT8", "INT64"])
def test_a_matrix_has_the_codes_that_rows_have(digits, images, flat, datatype):
    values = np.array(images[:3])
    said = infer(digits, "digits", [tensor("rows", datatype, values, flat=flat)], [{"name": "codes"}], id="7")
    answer = said.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("digits", "1", "7")
    (output,) = answer["outputs"]
    assert (output["datatype"], output["shape"]) == ("FP32", [3, 2])
    rows = asked(digits, "POST", "/encode", json={"rows": images[:3]}).json()["codes"]
    assert np.float32(output["data"]).tolist() == np.float32(rows).ravel().tolist()


def test_columns_have_the_codes_that_records_have(mixed, records):
    found = arrays_of(infer(mixed, "mixed", by_column(records[:5]), [{"name": "codes"}]))
    rows = asked(mixed, "POST", "/encode", json={"rows": records[:5]}).json()["codes"]
    assert np.float32(found["codes"]).tolist() == np.float32(rows).tolist()


def test_codes_are_decoded_by_column(mixed):
    found = arrays_of(infer(mixed, "mixed-decoder", [tensor("codes", "FP32", [[0.5, 1.0], [0, 0]])]))
    rows = asked(mixed, "POST", "/decode", json={"codes": [[0.5, 1.0], [0, 0]]}).json()["rows"]
    for name, values in found.items():
        assert values.tolist() == [row[name] for row in rows]


@pytest.mark.slow
def test_all_outputs_come_where_none_is_named(digits, images):
    found = arrays_of(infer(digits, "digits", [tensor("rows", "FP64", images[:2])]))
    assert [*found] == [
        *("codes", "log_prob", "standard_error", "effective_sample_size", "k_hat", "method", "reliable")
    ]
    scores = asked(digits, "POST", "/score", json={"rows": images[:2]}).json()["scores"]
    for name in ("log_prob", "standard_error", "method", "reliable"):
        assert found[name].tolist() == [score[name] for score in scores]


def test_tensors_may_be_binary(digits, images):
    values = np.array(images[:3], np.float32)
    head = json.dumps(
        {
            "inputs": [
                {
                    **{"name": "rows", "datatype": "FP32", "shape": [3, 64]},
                    "parameters": {"binary_data_size": values.nbytes},
                }
            ],
            "outputs": [{"name": "codes", "parameters": {"binary_data": True}}],
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    answer = asked(digits, "POST", INFER, content=head + values.tobytes(), headers=headers)
    length = int(answer.headers["Inference-Header-Content-Length"])
    (output,) = json.loads(answer.content[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 24}
    assert "data" not in output
    codes = np.frombuffer(answer.content[length:], "<f4").reshape(3, 2)
    rows = asked(digits, "POST", "/encode", json={"rows": images[:3]}).json()["codes"]
    assert codes.tolist() == np.float32(rows).tolist()


@pytest.mark.parametrize("datatype", DATATYPES)
def test_numbers_go_through_bytes_and_json(datatype):
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(DATATYPES[datatype])
    said = {"datatype": datatype, "shape": [2, 3]}
    found, rest = tensor_of(
        said | {"parameters": {"binary_data_size": array.nbytes}}, "x", memoryview(binary_of(array) + b"rest")
    )
    assert found.dtype == array.dtype
    assert found.tolist() == array.tolist()
    assert bytes(rest) == b"rest"
    found, _ = tensor_of(said | {"data": json_of(array)}, "x", memoryview(b""))
    assert found.tolist() == array.tolist()


def test_text_goes_through_bytes():
    texts = np.array(["red", "", "grün"], object)
    said = {"datatype": "BYTES", "shape": [3], "parameters": {"binary_data_size": 3 + 5 + 12}}
    found, _ = tensor_of(said, "x", memoryview(binary_of(texts)))
    assert found.tolist() == texts.tolist()


ROWS = {"name": "rows", "datatype": "FP64", "shape": [1, 64], "data": [0] * 64}
WRONG = {
    "no inputs": ({}, "missing_field", "inputs"),
    "inputs that are none": ({"inputs": [3]}, "missing_field", "inputs"),
    "another name": ({"inputs": [{**ROWS, "name": "pixels"}]}, "unknown_column", "pixels"),
    "a name twice": ({"inputs": [ROWS, ROWS]}, "wrong_type", "inputs[1].name"),
    "another type": ({"inputs": [{**ROWS, "datatype": "FP8"}]}, "wrong_type", "inputs[0].datatype"),
    "a type that is no name": ({"inputs": [{**ROWS, "datatype": {}}]}, "wrong_type", "inputs[0].datatype"),
    "no shape": ({"inputs": [{**ROWS, "shape": None}]}, "wrong_type", "inputs[0].shape"),
    "a deep shape": ({"inputs": [{**ROWS, "shape": [1, 8, 8]}]}, "wrong_type", "inputs[0].shape"),
    "a long shape": ({"inputs": [{**ROWS, "shape": [2**62, 64]}]}, "wrong_type", "inputs[0].shape"),
    "too few values": ({"inputs": [{**ROWS, "data": [0]}]}, "wrong_type", "inputs[0].data"),
    "text for numbers": ({"inputs": [{**ROWS, "data": ["a"] * 64}]}, "wrong_type", "inputs[0].data[0]"),
    "beyond the type": (
        *({"inputs": [{**ROWS, "datatype": "UINT8", "data": [0, 256] * 32}]}, "wrong_type"),
        "inputs[0].data",
    ),
    "halves of a whole type": (
        *({"inputs": [{**ROWS, "datatype": "INT32", "data": [0, 0.5] * 32}]}, "wrong_type"),
        "inputs[0].data[1]",
    ),
    "bytes that there are not": (
        {"inputs": [{**ROWS, "parameters": {"binary_data_size": 512}}]},
        *("wrong_type", "inputs[0].parameters.binary_data_size"),
    ),
    "another output": (
        *({"inputs": [ROWS], "outputs": [{"name": "loss"}]}, "unknown_field"),
        "outputs[0].name",
    ),
    "another width": ({"inputs": [{**ROWS, "shape": [2, 32]}]}, "wrong_value", "rows"),
    "no rows": ({"inputs": [{**ROWS, "shape": [0, 64], "data": []}]}, "out_of_range", "rows"),
    "a value outside": ({"inputs": [{**ROWS, "data": [77] * 64}]}, "wrong_value", "rows[0][0]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_the_protocols_shape(digits, name):
    body, code, field = WRONG[name]
    said = asked(digits, "POST", INFER, json={"outputs": [], **body}).json()
    assert isinstance(said["error"], str)
    assert said.keys() == {"error", "code", "field", "expected", "found"}
    assert (said["code"], said["field"]) == (code, field)


@pytest.mark.parametrize("length", ["-1", "1e3", "99999", "x"])
def test_a_wrong_length_of_the_json_is_refused(digits, length):
    headers = {"Inference-Header-Content-Length": length}
    answer = asked(digits, "POST", INFER, json={"inputs": [ROWS]}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_bytes_that_no_tensor_takes_are_refused(digits):
    head = json.dumps({"inputs": [ROWS]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = asked(digits, "POST", INFER, content=head + b"more", headers=headers)
    assert answer.json()["code"] == "bad_request"


@pytest.mark.parametrize("body", [struct.pack("<I", 9) + b"ab", struct.pack("<I", 2) + b"\xff\xfe", b"abc"])
def test_text_in_wrong_bytes_is_refused(mixed, body):
    said = {"name": "color", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(body)}}
    head = json.dumps({"inputs": [said]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = asked(mixed, "POST", "/v2/models/mixed/infer", content=head + body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_type")


@pytest.mark.parametrize(
    "path", ["/v2/models/others", "/v2/models/digits/versions/2", "/v2/models/others/ready"]
)
def test_other_models_are_not_found(digits, path):
    assert asked(digits, "GET", path).status_code == 404
