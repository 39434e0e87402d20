"""Rows in JSON: typed by the schema, and refused in words."""

import datetime

import pyarrow as pa
import pytest

from lowerbound.data.schema import Schema
from lowerbound.serve.errors import Refused
from lowerbound.serve.row_form import RowForm, matrix_of

TABLE = pa.table(
    {
        "age": [30, 41, 52, 30],
        "color": ["red", "blue", "red", "green"],
        "mass": [0.512345, 0.25, 1.75, 2.125],
        "born": [datetime.date(2004, 3, day) for day in (10, 11, 13, 20)],
        "planet": ["earth"] * 4,
        "member": [True, False, True, True],
    }
)
FORM = RowForm(Schema.of(TABLE), 5)
ROW = {"age": 30, "color": "red", "mass": 0.25, "born": "2004-03-11", "member": True}


def test_a_record_comes_back_as_it_was():
    schema = FORM.schema
    rows = schema.rows(FORM.read([ROW, ROW | {"color": "green", "planet": "earth"}])).x
    found = FORM.table(schema.restored(rows)).json()
    assert found[0] == {**ROW, "planet": "earth"}
    assert found[1]["color"] == "green"


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ({**ROW, "aeg": 1}, "unknown_column", "[1].aeg"),
        ({name: ROW[name] for name in ("age", "color")}, "missing_column", "[1].mass"),
        ({**ROW, "age": "30"}, "wrong_type", "[1].age"),
        ({**ROW, "age": [30]}, "wrong_type", "[1].age"),
        ({**ROW, "born": "11/03/2004"}, "wrong_type", "[1].born"),
        ({**ROW, "color": {"red": 1}}, "wrong_type", "[1].color"),
        ([30, "red", 0.25, "2004-03-11"], "wrong_type", "[1]"),
    ],
)
def test_a_wrong_record_is_named(row, code, field):
    with pytest.raises(Refused) as refused:
        FORM.read([ROW, row])
    assert (refused.value.code, refused.value.field) == (code, field)


def test_lists_are_numbers_of_one_width():
    with pytest.raises(Refused) as refused:
        matrix_of([[1, 2], [1, "2"]], 2)
    assert (refused.value.code, refused.value.field) == ("wrong_type", "[1][1]")
    with pytest.raises(Refused) as refused:
        matrix_of([[1, 2], [1]], 2)
    assert (refused.value.code, refused.value.field) == ("wrong_width", "[1]")
    with pytest.raises(Refused):
        matrix_of([[1, True]], 2)
