"""Kinds that a person names, schemas that a person corrects, and levels that a column never had."""

import json

import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.cli import main
from lowerbound.data.named_kinds import KINDS
from lowerbound.data.refused import taken_for_missing
from lowerbound.data.schema import described
from lowerbound.data.sources import Source
from lowerbound.data.tables import columns_of
from lowerbound.data.tokens import TOKENIZERS

RNG = np.random.default_rng(0)
N = 60
TABLE = pa.table(
    {
        "zip": RNG.choice([702, 1001, 9000], N),
        "dose": RNG.choice([0.5, 1.5, 10.0], N),
        "born": [f"2004-03-{day:02d}" for day in RNG.integers(1, 29, N)],
        "flat": [f"{n}{'' if n % 7 else 'A'}" for n in RNG.integers(100, 120, N)],
        "count": ["3", "5", None] * (N // 3),
        "member": RNG.random(N) < 0.5,
        "x": RNG.normal(size=N),
    }
)
KIND = {
    "zip": "category",
    "dose": "ordered",
    "born": "date",
    "flat": "category",
    "count": "whole",
    "member": "category",
    "x": "number",
}

# Without which the table is refused: text in a column of numbers, and numbers that are text.
NEEDED = {"flat": "text", "count": "whole"}


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_a_kind_that_is_named_is_taken_and_the_table_comes_back(library):
    if library != "pyarrow":
        pytest.importorskip(library)
    table = {"pyarrow": lambda: TABLE, "pandas": TABLE.to_pandas, "polars": lambda: polars(TABLE)}[library]()
    schema = lb.Schema.of(table, kinds=KIND)
    expected = ["category" if kind == "ordered" else kind for kind in KIND.values()]
    assert [column.kind for column in schema.columns] == expected
    levels = {column.name: column.levels for column in schema.columns if column.levels is not None}
    assert levels["zip"] == ("702", "1001", "9000")  # by their number, not by their text
    assert levels["dose"] == ("0.5", "1.5", "10")
    assert levels["member"] == ("0", "1")
    assert [column.name for column in schema.columns if column.ordered] == ["dose"]
    back = columns_of(schema.decode(schema.encode(table)))
    for name in ("zip", "dose", "flat", "member"):
        old, new = (read.arrays[read.names.index(name)] for read in (columns_of(table), back))
        assert new.dtype == old.dtype
        assert new.tolist() == old.tolist(), name
    dates = back.arrays[back.names.index("born")]
    assert [str(date)[:10] for date in dates] == TABLE["born"].to_pylist()
    counts = back.arrays[back.names.index("count")].tolist()
    assert [None if n != n else n for n in counts] == [3.0, 5.0, None] * (N // 3)
    assert lb.Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def polars(table):
    return pytest.importorskip("polars").from_arrow(table)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("flat", "number", r"expected numbers, found '\d+A' in row \d+, column 'flat'; the kind 'number'"),
        ("x", "whole", r"expected whole numbers, found -?\d\.\d+ in row 0, column 'x'; the kind 'whole'"),
        ("x", "rounded", r"expected numbers of at most 6 decimals, found .* in row 0, column 'x'"),
        ("dose", "bit", r"expected 0 and 1, found \d+\.\d in row \d+, column 'dose'; the kind 'bit'"),
        ("zip", "date", r"expected dates, found \d+ in row 0, column 'zip'; the kind 'date'"),
        ("flat", "date", r"expected dates or times, such as 2004-03-10 or 11:34, found .* column 'flat'"),
        ("born", "time", r"expected times of the day, found '2004-03-\d\d' in row 0, column 'born'"),
        ("x", "colour", r"expected a kind for 'x' of number, .*, text, found 'colour'"),
        ("y", "number", r"expected the column 'y' that kinds names, found 'zip', 'dose', "),
    ],
)
def test_a_kind_that_cannot_hold_the_values_is_refused_by_the_first(name, kind, message):
    with pytest.raises(lb.DataError, match=message) as caught:
        lb.Schema.of(TABLE, "x.csv", kinds={**NEEDED, name: kind})
    assert "\n" not in str(caught.value)


def test_every_kind_can_be_named_and_arrays_are_told_by_number():
    held = {
        **{kind: [0.5, 1.5, 1.5] for kind in KINDS if kind not in ("date", "time", "span", *TOKENIZERS)},
        "whole": [3.0, 4.0, 4.0],
        "bit": [0.0, 1.0, 1.0],
    }
    for kind, values in held.items():
        x = np.column_stack([RNG.normal(size=3), values])
        column = lb.Schema.of(x, kinds={"1": kind}).columns[1]
        assert column.kind == {"ordered": "category"}.get(kind, kind)
        back = lb.Schema.of(x, kinds={1: kind})
        kept = back.decode(back.encode(x))[:, 1]
        np.testing.assert_array_equal(kept, np.full(3, np.nan) if not column.encoded else values)
    assert {*held, "date", "time", "span", *TOKENIZERS} == {*KINDS}
    for kind in TOKENIZERS:
        with pytest.raises(lb.DataError, match=r"expected text, found 0\.5 in row 0, column 1"):
            lb.Schema.of(np.column_stack([RNG.normal(size=3), [0.5, 1.5, 1.5]]), kinds={1: kind})


def test_a_schema_says_kinds_and_levels_and_the_rest_is_found():
    said = lb.Schema.of(TABLE, kinds={**NEEDED, "zip": "category"}).to_json()
    record = next(column for column in said["columns"] if column["name"] == "zip")
    record |= {"levels": ["9000", "1", "702", "1001"], "ordered": True}
    others = TABLE.slice(0, 20)
    schema = lb.Schema.of(others, kinds=lb.Schema.from_json(json.loads(json.dumps(said))))
    column = schema.columns[0]
    assert (column.levels, column.ordered) == (("9000", "1", "702", "1001"), True)
    assert column.words == "one of 4 in order: 9000 < 1 < 702 < 1001"
    assert schema.decode(schema.encode(others))["zip"].to_pylist() == others["zip"].to_pylist()
    assert schema.columns[-1].high == max(others["x"].to_pylist())
    record["levels"].remove("702")
    with pytest.raises(lb.DataError, match="one of the 3 levels that the schema says, found 702"):
        lb.Schema.of(TABLE, kinds=lb.Schema.from_json(said))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kind", "dates", r"schema\.columns\['zip'\]\.kind: expected one of number, .*, found 'dates'"),
        ("levels", [1, 2], r"schema\.columns\['zip'\]\.levels: expected a list of texts that differ"),
        ("levels", ["a", "a"], r"schema\.columns\['zip'\]\.levels: expected a list of texts that differ"),
        ("ordered", "yes", r"schema\.columns\['zip'\]\.ordered: expected true or false, found 'yes'"),
        ("dtype", "numeric", r"schema\.columns\['zip'\]\.dtype: expected a type of NumPy, found 'numeric'"),
        ("low", "0", r"schema\.columns\['zip'\]\.low: expected a number, found '0'"),
    ],
)
def test_a_broken_file_of_a_schema_is_refused_by_its_field(tmp_path, capsys, field, value, message):
    said = lb.Schema.of(TABLE, kinds={**NEEDED, "zip": "category"}).to_json()
    said["columns"][0][field] = value
    (tmp_path / "s.json").write_text(json.dumps({"schema": said}))
    assert main(["look", "digits", "--schema", str(tmp_path / "s.json")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    with pytest.raises(ValueError, match=message):
        lb.Schema.from_json(said)


def test_an_unseen_level_is_refused_or_missing_by_choice():
    table = pa.table({"color": ["red", "blue"] * 20, "zip": [1, 2] * 20, "x": RNG.normal(size=40)})
    later = pa.table({"color": ["red", "pink"], "zip": [3, 2], "x": [0.5, 0.25]})
    kinds = {"zip": "category"}
    refuses = lb.Schema.of(table, kinds=kinds)
    assert refuses.rows(later).impossible.tolist() == [0, 1]
    with pytest.raises(lb.DataError, match=r"found 3 .*unseen='missing'"):
        refuses.encode(later)
    lets = lb.Schema.of(table, kinds=kinds, unseen="missing")
    assert lets.missing
    np.testing.assert_array_equal(lets.encode(later), [[1, np.nan, 0.5], [np.nan, 1, 0.25]])
    assert not len(lets.rows(later).impossible)
    assert taken_for_missing(lets, columns_of(later)) == (
        "1 cell of 'color' taken for missing: 'pink'",
        "1 cell of 'zip' taken for missing: '3'",
    )
    assert refuses.letting("missing") == lets
    assert lb.Schema.from_json(lets.to_json()) == lets


def test_a_source_knows_the_rows_that_a_schema_makes_impossible():
    """A level and a number between two steps that no row had; what is wrong with the first is said."""
    table = pa.table({"color": ["red", "blue"] * 20, "dose": [0.1, 0.3, 0.3, 0.1] * 10})
    later = pa.table({"color": ["red", "blue", "pink", "red"], "dose": [0.5, 0.25, 0.2, 0.1]})
    source = Source.of(later, "later.csv", schema=lb.Schema.of(table))
    assert source.impossible.tolist() == source.rows.impossible.tolist() == [1, 2]
    assert str(source.fault).startswith(
        "later.csv: expected numbers of 1 decimal, found 0.25 (2 rows in all: 1, 2) in row 1, column 'dose'"
    )
    assert source.taken(np.array([3, 2])).impossible.tolist() == [1]
    assert Source.of(table, "x").fault is None


def test_where_every_column_is_left_out_it_says_which_and_why():
    table = pa.table({"name": [f"person {i}" for i in range(50)], "planet": ["earth"] * 50})
    message = (
        r"expected a column that says something of a row, found none: 'name' \(text, all different: names of "
        r"rows, left out\); 'planet' \(always 'earth': .*\); where one is data, say what it is: kinds="
    )
    with pytest.raises(lb.DataError, match=message):
        lb.Schema.of(table)


@pytest.mark.thorough
def test_look_takes_kinds_and_writes_a_schema_that_it_reads(tmp_path, capsys):
    from pyarrow import csv

    path, schema = str(tmp_path / "x.csv"), tmp_path / "s.json"
    csv.write_csv(TABLE, path)
    assert main(["look", path]) == 2
    assert "or, where text is right, --kinds flat=category" in capsys.readouterr().err
    assert main(["look", path, "--kinds", "flat=category,zip=category", "--json"]) == 0
    schema.write_text(capsys.readouterr().out)
    assert main(["look", path, "--schema", str(schema)]) == 0
    assert "  zip     one of 3: 702, 1001, 9000\n" in capsys.readouterr().out
    assert main(["look", path, "--schema", str(schema), "--kinds", "zip=whole"]) == 2
    assert main(["look", path, "--kinds", "zip"]) == 2
    assert "--kinds: expected COLUMN=KIND" in capsys.readouterr().err


@pytest.mark.thorough
def test_a_number_is_a_category_to_the_model():
    _, rows = described(TABLE, kinds={**NEEDED, "zip": "category", "born": "date"})
    built = build(rows, latent_dim=1, width=4)
    assert built.words == "columns of several kinds: Categorical (1), FreeForm (4), Bernoulli (1)"


def test_numbers_kept_as_text_are_codes_where_they_are_few():
    table = pa.table({"zip": ["08001", "00702", None, "08001"] * 10, "x": [0.5, 1.25, 3.0, 4.5] * 10})
    column = lb.Schema.of(table).columns[0]
    assert (column.kind, column.levels, column.holes) == ("category", ("00702", "08001"), 10)
    with pytest.raises(lb.DataError, match="make the whole column numbers"):
        lb.Schema.of(pa.table({"x": [str(i) for i in range(100)]}))
