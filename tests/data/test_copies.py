"""Columns that say what another says are held once, and given back."""

import json

import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.data.errors import DataError
from lowerbound.data.sources import Source
from lowerbound.inference.completion import completed_columns
from lowerbound.inference.condition import Condition

PAIRS = (("9th", 5), ("11th", 7), ("Bachelors", 13))


def table(n=90, **changed):
    words, numbers = zip(*(PAIRS[i % 3] for i in range(n)), strict=True)
    x = np.arange(n) / 64
    columns = {"years": [*numbers], "school": [*words], "x": x, "again": x.copy(), **changed}
    return pa.table(columns)


SCHEMA = lb.Schema.of(table())


def with_cell(name, row, value):
    column = table()[name].to_pylist()
    column[row] = value
    return table(**{name: column})


def test_a_number_goes_with_its_category_and_a_doubled_column_with_the_first():
    assert [column.kind for column in SCHEMA.columns] == ["copy", "category", "number", "copy"]
    years, _, _, again = SCHEMA.columns
    assert dict(zip(years.partners, years.levels, strict=True)) == {w: str(n) for w, n in PAIRS}
    assert (years.original, again.original, again.partners) == ("school", "x", None)
    assert "years   one for one with 'school': left out" in str(SCHEMA)
    assert "again   as 'x': left out" in str(SCHEMA)
    x = SCHEMA.encode(table())
    assert x.shape == (90, 2)
    assert SCHEMA.decode(x) == table()


def test_what_an_original_lacks_its_copy_says():
    holed = SCHEMA.letting("missing")
    x = holed.encode(with_cell("school", 4, None))
    np.testing.assert_array_equal(x, SCHEMA.encode(table()))
    assert holed.decode(x)["school"][4].as_py() == "11th"
    x = holed.encode(with_cell("years", 4, None))
    filled = completed_columns(holed, *columns_and(with_cell("years", 4, None), x))
    assert filled[0].tolist() == table()["years"].to_pylist()


def columns_and(frame, x):
    from lowerbound.data.tables import columns_of

    return columns_of(frame), x


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("years", 5, "expected 7, which goes with '11th' in 'school', found 5 in row 4, column 'years'"),
        ("school", "9th", "expected 5, which goes with '9th' in 'school', found 7 in row 4, column 'years'"),
        ("again", 0.5, "expected 0.0625, which goes with 0.0625 in 'x', found 0.5 in row 4, column 'again'"),
    ],
)
def test_a_copy_that_does_not_say_what_its_original_says_has_probability_0(name, value, told):
    odd = with_cell(name, 4, value)
    assert SCHEMA.rows(odd).impossible.tolist() == [4]
    with pytest.raises(DataError, match=told):
        SCHEMA.encode(odd)


def test_a_condition_on_a_copy_is_one_on_its_original():
    by_copy, by_original = (Condition.of(SCHEMA, given) for given in ({"years": 7}, {"school": "11th"}))
    np.testing.assert_array_equal(by_copy.rows.x, by_original.rows.x)


def test_what_goes_together_by_chance_or_by_name_is_no_copy():
    few = lb.Schema.of(table(30))
    assert few.columns[0].kind == "whole"
    assert lb.Schema.of(with_cell("years", 4, 5)).columns[0].kind == "whole"
    kinds = {"years": "whole", "again": "number"}
    assert [column.kind for column in lb.Schema.of(table(), kinds=kinds).columns][::3] == ["whole", "number"]


def test_a_copy_is_kept_in_a_file():
    assert lb.Schema.from_json(json.loads(json.dumps(SCHEMA.to_json()))) == SCHEMA


def test_a_schema_that_is_read_again_finds_the_copies_again():
    again = lb.Schema.of(table(), kinds=lb.Schema.from_json(json.loads(json.dumps(SCHEMA.to_json()))))
    assert again == SCHEMA
    record = SCHEMA.to_json()
    record["columns"][0]["kind"] = "whole"
    assert [c.kind for c in lb.Schema.of(table(), kinds=lb.Schema.from_json(record)).columns][:2] == [
        "whole",
        "category",
    ]


@pytest.mark.parametrize("name", ["years", "school", "again", "x"])
def test_a_table_may_lack_either_of_two_columns_that_say_the_same(name):
    x = SCHEMA.encode(table().drop_columns([name]))
    np.testing.assert_array_equal(x, SCHEMA.encode(table()))
    assert SCHEMA.decode(x) == table()


def test_a_table_that_lacks_both_is_refused():
    with pytest.raises(DataError, match="found no 'school' in"):
        SCHEMA.encode(table().drop_columns(["school", "years"]))


def test_the_values_of_a_pair_are_told_as_they_are_called():
    frame = table(years=[None, *table()["years"].to_pylist()[1:]])
    schema = lb.Schema.of(frame)
    with pytest.raises(DataError, match="expected 5, which goes with '9th' in 'school', found 7 in row 3"):
        schema.encode(with_cell("years", 3, 7.0))


def test_a_condition_that_contradicts_itself_is_told_without_a_row():
    with pytest.raises(DataError, match=r"'9th' in 'school', found 7 in column 'years'$"):
        Condition.of(SCHEMA, {"years": 7, "school": "9th"})


def test_a_source_says_whether_only_copies_are_wrong():
    """Such a row is encoded by its original, and so can be filled in."""
    rows = Source.of(with_cell("years", 4, 5), "x", schema=SCHEMA)
    assert rows.fault is not None
    assert rows.impossible_by_copies
    assert not Source.of(with_cell("school", 4, "Masters"), "x", schema=SCHEMA).impossible_by_copies
