"""What HTTP says is what Python says, to the bit, and no row's number depends on those beside it."""

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.serve.limits import Limits
from lowerbound.serve.verbs import VERBS

from .asking import asked, together


def post(service, verb, **fields):
    # Not how fast: programs are compiled on the way.
    answer = asked(service, "POST", f"/{verb}", json=fields, limits=Limits(seconds=120))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_codes_of_the_digits_are_pythons(digits, digits_folder, images):
    codes = np.array(post(digits, "encode", rows=images)["codes"], np.float32)
    assert (codes == lb.encode(lb.load(digits_folder), np.array(images))).all()


def test_codes_of_a_mixed_table_are_pythons(mixed, mixed_folder, table, records):
    codes = np.array(post(mixed, "encode", rows=records)["codes"], np.float32)
    assert (codes == lb.encode(lb.load(mixed_folder), table.slice(0, 40))).all()


def test_rows_that_are_gathered_have_the_numbers_that_they_have_alone(mixed, records):
    requests = [("POST", "/encode", {"json": {"rows": records[i : i + 1 + i % 3]}}) for i in range(12)]
    alone = post(mixed, "encode", rows=records)["codes"]
    for i, answer in enumerate(together(mixed, *requests)):
        assert answer.json()["codes"] == alone[i : i + 1 + i % 3]


def test_a_wrong_request_among_others_is_refused_alone(mixed, records):
    wrong = {**records[0], "color": "purple"}
    requests = [
        ("POST", "/encode", {"json": {"rows": [row]}}) for row in (*records[:3], wrong, *records[3:6])
    ]
    answers = together(mixed, *requests)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 200, 200, 200]
    error = answers[3].json()["error"]
    assert (error["code"], error["field"]) == ("unknown_level", "rows[0].color")


def test_decoded_rows_are_pythons(digits, digits_folder):
    codes = [[0.5, -0.25], [1, 2]]
    rows = post(digits, "decode", codes=codes)["rows"]
    assert (np.array(rows, np.float32) == lb.decode(lb.load(digits_folder), np.array(codes))).all()


def test_decoded_rows_of_a_table_are_in_its_own_types(mixed):
    (row,) = post(mixed, "decode", codes=[[0, 0]])["rows"]
    assert row["color"] in ("red", "green", "blue")
    assert isinstance(row["age"], int)
    assert len(row["born"]) == 10
    assert row["planet"] == "earth"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["digits", "mixed"])
def test_scores_are_pythons(kind, request, table, images, records):
    service, folder = (request.getfixturevalue(name) for name in (kind, f"{kind}_folder"))
    rows, own = (images[:6], np.array(images[:6])) if kind == "digits" else (records[:6], table.slice(0, 6))
    found = post(service, "score", rows=rows)
    evidence = lb.log_evidence(lb.load(folder), own, error=0.05)
    assert found["unit"] == "nats"
    assert [score["log_prob"] for score in found["scores"]] == evidence.log_prob.tolist()
    assert [score["method"] for score in found["scores"]] == evidence.method.tolist()


@pytest.mark.thorough
def test_a_row_without_mass_scores_minus_infinity_and_says_why(mixed, records):
    rows = [records[0], {**records[1], "planet": "mars"}]
    refused = asked(mixed, "POST", "/score", json={"rows": rows})
    assert refused.json()["error"]["code"] == "unknown_level"
    rows[1] = {**records[1], "born": "2004-03-01T12:00:00"}  # between two days
    first, second = post(mixed, "score", rows=rows)["scores"]
    assert first["outside"] is None
    assert second["log_prob"] is None
    assert "born" in second["outside"]


@pytest.mark.parametrize("name", ["encode", "decode", "reconstruct", "sample", "interpolate", "traverse"])
@pytest.mark.parametrize("kind", ["digits", "mixed"])
def test_examples_are_answered(kind, name, request):
    service = request.getfixturevalue(kind)
    verb = VERBS[name]
    answer = post(service, name, **verb.example(service))
    assert [*answer] == [part.name for part in verb.parts]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name", ["score", *(pytest.param(each, marks=pytest.mark.slow) for each in ("surprise", "impute"))]
)
def test_slow_examples_are_answered(name, mixed):
    verb = VERBS[name]
    answer = post(mixed, name, **verb.example(mixed))
    assert [*answer] == [part.name for part in verb.parts]


def test_samples_follow_from_their_seed(digits):
    first, again, other = (post(digits, "sample", count=3, seed=seed)["rows"] for seed in (1, 1, 2))
    assert first == again != other
    assert post(digits, "sample", count=5, seed=1)["rows"][:3] == first


@pytest.mark.slow
def test_samples_given_a_column_have_its_value(mixed):
    answer = post(mixed, "sample", count=20, given={"color": "red"}, seed=0)
    assert {row["color"] for row in answer["rows"]} == {"red"}
    assert 0 < answer["effective_sample_size"] <= answer["samples"]


@pytest.mark.slow
def test_pieces_of_an_imputation_are_its_whole(mixed, records):
    rows = [{**row, "mass": None} for row in records]
    whole = post(mixed, "impute", rows=rows, draws=2, seed=0)
    last = post(mixed, "impute", rows=rows[-1:], draws=2, seed=0)
    assert whole["rows"][-1] == last["rows"][0]
    assert [table[-1] for table in whole["draws"]] == [table[0] for table in last["draws"]]
    assert whole["lower"][-1]["mass"] < whole["rows"][-1]["mass"] < whole["upper"][-1]["mass"]


def test_no_calibration_is_said(digits, images):
    answer = asked(digits, "POST", "/p_values", json={"rows": images[:1]})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "no_calibration"
