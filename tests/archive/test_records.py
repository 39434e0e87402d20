"""Records are read as they were written, or refused with the file and the field."""

import json
import math

import pytest

from lowerbound.archive.records import (
    BaselineScore,
    DataRecord,
    Metrics,
    Provenance,
    Reading,
    Split,
    as_json,
    read_history,
    read_record,
    write_history,
    write_record,
)

PROVENANCE = Provenance(
    DataRecord(
        "wine.csv", 100, 2, ("a", "b"), None, "species", "ab12",
        Reading.of(header=False, missing_values=["", -9999], drop=["id", 0]),
    ),
    Split(90, 10), 7, "epochs", 40, {"jax": "0.1"}, None,
)  # fmt: skip
METRICS = Metrics(
    *(
        -12.5,
        0.1,
        -12.0,
        math.nan,
        0.01,
        0.1,
        -1e-4,
        50,
        {"refined": 18},
        1,
        3.0,
        1.0,
        11.0,
        "counting measure",
    ),
    *(20, 4, (3, 7), 0, 0, 0, 1.5, 13.0),
    {"mixture": BaselineScore(-13.0, 0.2, 1.0, 0.05, "by EM")},
)


@pytest.mark.parametrize("record", [PROVENANCE, METRICS], ids=lambda record: type(record).__name__)
def test_a_record_is_read_as_it_was_written(tmp_path, record):
    write_record(record, tmp_path / "record.json")
    again = read_record(type(record), tmp_path / "record.json")
    assert type(again) is type(record)
    assert as_json(again) == as_json(record)
    assert json.loads((tmp_path / "record.json").read_text()) == as_json(record)


def test_nan_is_null_in_the_file_and_nan_again(tmp_path):
    write_record(METRICS, tmp_path / "metrics.json")
    assert '"log_likelihood_standard_error": null' in (tmp_path / "metrics.json").read_text()
    assert math.isnan(read_record(Metrics, tmp_path / "metrics.json").log_likelihood_standard_error)


def changed(record, *path, **to):
    content = as_json(record)
    inside = content
    for name in path:
        inside = inside[name]
    inside.update(to)
    return json.dumps(content)


def without(record, name):
    return json.dumps({key: value for key, value in as_json(record).items() if key != name})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected a JSON document"),
        ("[" * 100_000, "expected a JSON document"),
        ("3", "Provenance: expected fields by name, found 3"),
        (without(PROVENANCE, "seed"), "expected the field seed, found no such field"),
        (changed(PROVENANCE, "data", rows="many"), "data.rows: expected a whole number, found 'many'"),
        (changed(PROVENANCE, "data", rows=1.5), "data.rows: expected a whole number, found 1.5"),
        (changed(PROVENANCE, seed=True), "seed: expected a whole number, found True"),
        (
            changed(PROVENANCE, "data", column_names=["a", 3]),
            r"data.column_names\[1\]: expected text, found 3",
        ),
        (changed(PROVENANCE, versions=[]), "versions: expected several values, found"),
        (changed(PROVENANCE, split=None), "split: expected fields by name, found None"),
        (changed(PROVENANCE, stopped=None), "stopped: expected text, found None"),
    ],
)
def test_what_is_no_record_is_refused_with_the_file_and_the_field(tmp_path, text, message):
    path = tmp_path / "provenance.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"provenance\.json: {message}") as error:
        read_record(Provenance, path)
    assert "\n" not in str(error.value)


def test_fields_of_a_later_version_are_no_fault(tmp_path):
    (tmp_path / "p.json").write_text(changed(PROVENANCE, later=1))
    assert read_record(Provenance, tmp_path / "p.json") == PROVENANCE


def test_history_is_read_as_it_was_written_whatever_terms_an_objective_names(tmp_path):
    history = [{"step": i, "epoch": i / 2, "bound": -1.0 * i, "free_bits": math.nan} for i in (1, 2)]
    write_history(history, tmp_path / "history.jsonl")
    again = read_history(tmp_path / "history.jsonl")
    assert [as_json(record) for record in again] == [as_json(record) for record in history]
    for line, message in (("{}", "expected bound, epoch, step, found no such field"), ("nonsense", "")):
        (tmp_path / "bad").write_text((tmp_path / "history.jsonl").read_text() + line + "\n")
        with pytest.raises(ValueError, match=rf"bad, line 3: expected a record of a training \(.*{message}"):
            read_history(tmp_path / "bad")


def test_a_reading_is_that_of_a_person_over_the_known_one():
    known = Reading.of(header=True, missing_values=["?"], drop=["id"])
    assert Reading().over(known) == known
    said = Reading.of(header=False, columns=[0, "a"]).over(known)
    assert said == Reading(False, ("?",), ("id",), ("0", "a"))
    with pytest.raises(TypeError, match="expected lists, found text"):
        Reading.of(drop="id")
