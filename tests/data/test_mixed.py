"""Tables as people have them: text, truth values, whole numbers and holes beside real numbers."""

import json

import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.schema import Schema, described
from lowerbound.data.sources import open_source

RNG = np.random.default_rng(0)
N = 200
COLORS = ["red", "green", "blue", None]
PEOPLE = {
    "name": [f"person {i}" for i in range(N)],
    "color": [COLORS[i] for i in RNG.integers(0, 4, N)],
    "age": RNG.integers(18, 90, N),
    "children": RNG.integers(0, 5, N),
    "member": RNG.random(N) < 0.3,
    "weight": RNG.normal(70, 10, N).astype(np.float32),
    "planet": ["earth"] * N,
}


@pytest.fixture(params=["pyarrow", "pandas", "polars"])
def people(request):
    library = pytest.importorskip(request.param)
    return getattr(library, "table" if request.param == "pyarrow" else "DataFrame")(PEOPLE)


def cells(table):
    """By name, as Python's own; None is missing."""
    if hasattr(table, "get_columns"):
        columns = table.to_dict(as_series=False)
    else:
        columns = table.to_pydict() if hasattr(table, "to_pydict") else {c: table[c].to_list() for c in table}
    return {name: [None if v != v else v for v in values] for name, values in columns.items()}


def test_each_column_is_taken_for_what_it_is(people):
    schema = Schema.of(people)
    kinds = {column.name: column.kind for column in schema.columns}
    assert kinds == {
        "name": "identifier",
        "color": "category",
        "age": "whole",
        "children": "whole",
        "member": "bit",
        "weight": "number",
        "planet": "constant",
    }
    assert schema.missing
    missing = PEOPLE["color"].count(None)
    assert str(schema).splitlines()[1:4] == [
        "  name      text, all different: names of rows, left out",
        f"  color     one of 3: blue, green, red, {missing} missing",
        "  age       whole numbers from 18 to 89",
    ]
    assert str(schema).splitlines()[-1] == "  planet    always 'earth': says nothing of a row, left out"


def test_a_table_comes_back_from_its_numbers(people):
    """All but names, which no row keeps."""
    schema = Schema.of(people)
    back = schema.decode(schema.encode(people))
    assert type(back) is type(people)
    expected = {name: list(values) for name, values in PEOPLE.items()} | {"name": [None] * N}
    assert {name: len(values) for name, values in cells(back).items()} == dict.fromkeys(expected, N)
    for name, values in cells(back).items():
        assert values == expected[name], name


def test_a_schema_with_levels_is_stored_as_json(people):
    schema = Schema.of(people)
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@pytest.mark.thorough
def test_whole_numbers_below_0_are_no_counts_to_the_encoder_either():
    table = pa.table({"color": ["red", "blue"] * 50, "debt": np.arange(-60, 40)})
    _, rows = described(table)
    built = build(rows, latent_dim=1, width=4)
    assert built.words == "columns of several kinds: Categorical (1), FreeForm (1)"
    drawn = lb.sample(built.model, 500, key=0)[:, 1]
    assert drawn.min() < -20
    np.testing.assert_array_equal(drawn, np.rint(drawn))


def test_a_level_that_the_column_never_had_has_probability_0():
    schema = Schema.of(pa.table({"color": ["red", "blue"] * 20, "dose": [0.1, 0.3, 0.3, 0.1] * 10}))
    later = pa.table({"color": ["red", "pink"], "dose": [0.5, 0.2]})
    assert schema.rows(later).impossible.tolist() == [1]
    with pytest.raises(lb.DataError, match=r"expected one of the 2 values that the column had, found 'pink'"):
        schema.encode(later, "later.csv")
    between = r"expected numbers of 1 decimal, found 0\.25 in row 0, column 'dose'"
    with pytest.raises(lb.DataError, match=between):
        schema.encode(pa.table({"color": ["red"], "dose": [0.25]}))


def test_a_column_of_numbers_with_an_odd_cell_is_refused_by_its_place():
    with pytest.raises(lb.DataError, match="expected numbers, found '12a' in row 1, column 'a'"):
        Schema.of(pa.table({"a": ["12", "12a", "13"], "b": ["x", "y", "z"]}))


def test_numbers_that_repeat_are_rounded_and_come_back_as_they_were():
    """Real numbers that do not repeat are a density alone, as are those of many decimals."""
    dose, mass = np.round(RNG.normal(1, 0.2, N), 2), RNG.normal(5, 1, N)
    schema = Schema.of(np.column_stack([dose, mass]))
    assert [(column.kind, column.decimals) for column in schema.columns] == [("rounded", 2), ("number", 0)]
    assert schema.mixed
    assert not Schema.of(mass[:, None]).mixed
    x = schema.encode(np.column_stack([dose, mass]))
    np.testing.assert_array_equal(schema.decode(x)[:, 0], dose)
    assert schema.columns[0].words == f"numbers from {dose.min():g} to {dose.max():g} in steps of 0.01"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{i} some remark" for i in range(100)], "identifier"),
        ([f"{i % 90} some remark" for i in range(100)], "text"),
        ([f"{i % 10} hours" for i in range(100)], "category"),
        ([None] * 100, "missing"),
        (["x"] * 100, "constant"),
    ],
)
def test_kinds_of_text(values, kind):
    table = pa.table({"a": pa.array(values, pa.string()), "b": ["u", "v"] * 50})
    assert Schema.of(table).columns[0].kind == kind


def test_a_dictionary_of_arrow_and_a_category_of_pandas_keep_the_order_of_their_levels():
    pandas = pytest.importorskip("pandas")
    values = ["b", "a", None, "b"]
    dictionary = pa.table({"x": pa.array(values).dictionary_encode()})
    frame = pandas.DataFrame({"x": pandas.Categorical(values)})
    for table, levels in ((dictionary, ("b", "a")), (frame, ("a", "b"))):
        schema = Schema.of(table)
        assert schema.columns[0].levels == levels
        np.testing.assert_array_equal(
            schema.encode(table)[:, 0], [levels.index(v) if v else np.nan for v in values]
        )


@pytest.fixture(scope="module")
def trained():
    schema, rows = described(pa.table(PEOPLE))
    return schema, rows, lb.fit(build(rows, latent_dim=2, width=16).model, rows, epochs=3).model


def test_each_kind_has_its_family():
    _, rows = described(pa.table(PEOPLE))
    assert build(rows, latent_dim=2, width=16).words == (
        "columns of several kinds: Categorical (1), FreeForm (3), Bernoulli (1)"
    )


@pytest.mark.slow
def test_drawn_rows_hold_what_their_columns_could_hold(trained):
    schema, _, model = trained
    drawn = cells(schema.decode(lb.sample(model, 300, key=0)))
    assert set(drawn["color"]) == {"red", "green", "blue"}
    assert set(drawn["children"]) == {0, 1, 2, 3, 4}
    assert set(drawn["member"]) == {True, False}
    assert min(drawn["age"]) >= 0
    assert set(drawn["planet"]) == {"earth"}


@pytest.mark.thorough
def test_holes_are_filled_with_levels_and_what_was_observed_stays(trained):
    schema, rows, model = trained
    filled = cells(schema.decode(lb.impute(model, rows, samples=50)))
    assert None not in filled["color"]
    for name in ("color", "age", "children", "member", "weight"):
        kept = [(a, b) for a, b in zip(filled[name], PEOPLE[name], strict=True) if b is not None]
        assert all(a == b for a, b in kept)


@pytest.mark.thorough
def test_the_encoder_tells_a_hole_from_the_first_level(trained):
    schema, rows, model = trained
    hole, blue = rows.x[:1].copy(), rows.x[:1].copy()
    place = [column.name for column in schema.encoded].index("color")
    hole[0, place], blue[0, place] = np.nan, 0
    assert not np.allclose(lb.encode(model, hole), lb.encode(model, blue))


@pytest.mark.slow
def test_a_mixed_table_has_a_probability_that_sums_to_1():
    """Over all levels of a category and a grid of a number, standardised, of a model of no training."""
    table = pa.table({"color": ["red", "blue", "green"] * 20, "weight": np.linspace(-50.0, 170.0, 60)})
    _, rows = described(table)
    model = build(rows, latent_dim=1, width=4).model
    grid = np.linspace(-800, 900, 1701)
    x = np.array([[level, weight] for level in range(3) for weight in grid])
    log_prob = lb.log_evidence(model, x, samples=300).log_prob
    assert np.exp(log_prob).sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=0.02)


CSV = "age, work,pay\n39, State, <=50K\n50, ?, >50K\n38, Private, <=50K\n"


@pytest.mark.parametrize(
    ("content", "names", "first"),
    [
        (CSV, ("age", "work", "pay"), [39, "State", "<=50K"]),
        (CSV.split("\n", 1)[1], ("x0", "x1", "x2"), [39, "State", "<=50K"]),
        ("class,0,1\n1,5,red\n2,6,blue\n", ("class", "0", "1"), [1, 5, "red"]),
        ("city;size\nUlm;3\nBonn;4\n", ("city", "size"), ["Ulm", 3]),
    ],
)
def test_a_first_line_is_a_header_where_it_is_no_row(tmp_path, content, names, first):
    path = tmp_path / "x.csv"
    path.write_text(content)
    table = lb.read(str(path))
    assert tuple(table.column_names) == names
    assert list(table.to_pylist()[0].values()) == first


def test_cells_that_say_that_nothing_was_observed(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1, ?\nNA,x\n3,\n4,N/A\n5,y\n")
    source = open_source(str(tmp_path / "x.csv"))
    np.testing.assert_array_equal(np.isnan(source.x), [[0, 1], [1, 0], [0, 1], [0, 1], [0, 0]])
    assert source.schema.missing


@pytest.mark.slow
def test_from_a_file_to_drawn_rows(tmp_path, capsys):
    """look, fit, sample and score of a table with text, by the command line."""
    from pyarrow import csv

    from lowerbound.cli import main

    path, run = tmp_path / "people.csv", tmp_path / "run"
    csv.write_csv(pa.table(PEOPLE), path)
    assert main(["look", str(path)]) == 0
    said = capsys.readouterr().out
    assert "  name      text, all different: names of rows, left out\n" in said
    assert said.endswith(
        "a row of 5 numbers; columns of several kinds: Categorical (1), FreeForm (3), Bernoulli (1)\n"
    )
    quick = ["--epochs", "1", "--width", "8", "--latent-dim", "2", "--samples", "100"]
    assert main(["fit", str(path), "--out", str(run), *quick]) == 0
    assert main(["sample", str(run), "--n", "5", "--out", str(tmp_path / "new.csv")]) == 0
    drawn = csv.read_csv(tmp_path / "new.csv")
    assert drawn.column_names == [*PEOPLE]
    assert set(drawn["color"].to_pylist()) <= {"red", "green", "blue"}
    assert main(["score", str(run), str(path), "--samples", "100", "--out", str(tmp_path / "s.csv")]) == 0
    assert np.isfinite(csv.read_csv(tmp_path / "s.csv")["log_prob"]).all()
    # The rows that trained it are found again, of which an encoded row has fewer columns than the file.
    plain = ["--samples", "100", "--method", "importance"]
    assert main(["report", str(run), str(path), "--out", str(tmp_path / "r.html"), *plain]) == 0
    assert "without the training rows" not in capsys.readouterr().err
    assert main(["sample", str(run), "--n", "5", "--out", str(tmp_path / "new.npy")]) == 2
    assert "expected .csv or .parquet for text and dates, as in column 'name'" in capsys.readouterr().err
