"""What a table's columns are, and rows as numbers and back."""

import json

import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data import found, numbers
from lowerbound.data.columns import Column
from lowerbound.data.schema import described
from lowerbound.data.tables import columns_of

RNG = np.random.default_rng(0)
N = 600
SECONDS = 1_700_000_000 + RNG.integers(0, 10_000_000, N)

# Columns that lose their digits in float32, and the few that they keep there.
HARD = {
    "seconds since 1970": SECONDS,
    "seconds since 1970, as float64": SECONDS.astype(float),
    "milliseconds since 1970": SECONDS * 1000,
    "nanoseconds since 1970": SECONDS * 1_000_000_000,
    "seconds with fractions": 1.7e9 + RNG.integers(0, 2**20, N) / 64,
    "numbers of 1e-39": RNG.integers(1, 2**20, N) * 2.0**-150,
    "numbers of 1e+60": RNG.integers(1, 2**20, N) * 2.0**180,
    "identifiers": 2**40 + RNG.integers(0, 2**23, N),
    "far from 0 for their spread": 1e5 + RNG.integers(0, 2**10, N) / 2**12,
}


@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
def test_distinct_values_survive_encode_and_decode_exactly(values):
    table = pa.table({"t": values, "x": RNG.normal(size=N)})
    schema = lb.Schema.of(table)
    x = schema.encode(table)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(schema.decode(x)["t"]), values)
    assert schema.decode(x)["t"].type == table["t"].type
    assert np.isfinite(x.astype(np.float32) ** 2).all()
    assert "kept as" in str(schema)


def test_a_fill_value_far_away_takes_no_digits_from_the_others():
    seconds = np.r_[SECONDS / 2 + 0.5, 0.0]
    table = pa.table({"t": seconds})
    schema = lb.Schema.of(table)
    back = np.asarray(schema.decode(schema.encode(table))["t"])
    np.testing.assert_array_equal(back[:-1], seconds[:-1])
    assert back[-1] == pytest.approx(0, abs=2.0**-23 * seconds[0])


@pytest.mark.parametrize(
    "x",
    [
        RNG.normal(5, 2, (50, 3)),
        RNG.integers(0, 256, (50, 3)).astype(np.uint8),
        RNG.integers(0, 2, (50, 3)).astype(bool),
        RNG.integers(-100, 100_000, (50, 3)),
        RNG.normal(size=(50, 3)).astype(np.float32),
        np.c_[RNG.normal(size=50), 1e5 * RNG.lognormal(size=50)],
    ],
    ids=["real", "uint8", "bool", "int", "float32", "skew"],
)
def test_what_float32_holds_is_kept_as_it_is(x):
    """To the bit and in the type of before: no offset, no unit."""
    schema = lb.Schema.of(x)
    encoded = schema.encode(x)
    as_before = x.astype({"float64": "float32", "int64": "int32"}.get(x.dtype.name, x.dtype))
    assert encoded.dtype == as_before.dtype
    np.testing.assert_array_equal(encoded, as_before)
    assert schema.decode(encoded).dtype == x.dtype
    np.testing.assert_allclose(schema.decode(encoded), x, rtol=1e-7)


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_a_frames_columns_are_taken_by_name(library):
    frame = pytest.importorskip(library)
    make = frame.table if library == "pyarrow" else frame.DataFrame
    a, b = RNG.normal(size=9), RNG.integers(0, 9, 9)
    schema = lb.Schema.of(make({"a": a, "b": b}))
    x = schema.encode(make({"a": a, "b": b}))
    other_order = make({"b": b, "species": ["setosa"] * 9, "a": a})
    np.testing.assert_array_equal(schema.encode(other_order), x)
    with pytest.raises(lb.DataError, match=r"X: expected the columns .*, found no 'b' in 'a', 'B'"):
        schema.encode(make({"a": a, "B": b}), "X")
    back = schema.decode(x)
    assert type(back) is type(make({"a": a}))
    assert list(back.column_names if library == "pyarrow" else back.columns) == ["a", "b"]
    assert np.asarray(back["b"]).dtype == b.dtype
    np.testing.assert_array_equal(schema.encode(np.c_[a, b]), x)
    with pytest.raises(lb.DataError, match="X: expected 2 columns, as the model has, found 3"):
        schema.encode(np.ones((2, 3)), "X")


def test_a_constant_column_says_nothing_of_a_row():
    """It is no part of an encoded row; a row with another value has probability 0, and is named."""
    x = np.c_[RNG.normal(size=50), np.full(50, 7.5), RNG.normal(size=50)]
    schema = lb.Schema.of(x)
    assert schema.encode(x).shape == (50, 2)
    np.testing.assert_allclose(schema.decode(schema.encode(x)), x, rtol=1e-6)
    assert "x1  always 7.5: says nothing of a row, left out" in str(schema)
    x[[3, 9], 1] = 8.5
    with pytest.raises(lb.DataError, match=r"expected 7.5, which that column always was, found 8.5 \(2 rows"):
        schema.encode(x)
    rows = schema.rows(x)
    assert rows.impossible.tolist() == [3, 9]
    assert rows[[0, 9, 3, 4]].impossible.tolist() == [1, 2]


def test_a_constant_count_or_pixel_is_kept():
    x = np.c_[RNG.integers(0, 17, 50), np.zeros(50, int)]
    assert lb.Schema.of(x).encode(x).shape == (50, 2)
    large = np.c_[RNG.integers(0, 900, 50), np.zeros(50, int)]
    assert lb.Schema.of(large).encode(large).shape == (50, 1)
    assert lb.Schema.of(large, counts=True).encode(large).shape == (50, 2)
    grey = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    assert lb.Schema.of(grey, image_shape=(16, 16)).encode(grey).shape == (2, 256)


def test_a_column_without_a_value_is_kept_as_missing():
    x = np.c_[RNG.normal(size=50), np.full(50, np.nan)]
    schema = lb.Schema.of(x, missing=True)
    assert schema.encode(x).shape == (50, 1)
    assert np.isnan(schema.decode(schema.encode(x))[:, 1]).all()
    assert "no value at all" in str(schema)
    table = pa.table({"a": x[:, 0], "b": pa.nulls(50)})
    assert lb.Schema.of(table, missing=True).encode(table).shape == (50, 1)
    with pytest.raises(lb.DataError, match="found nan in row 0, column 1"):
        lb.Schema.of(x)
    with pytest.raises(lb.DataError, match="at least one value that was observed"):
        lb.Schema.of(x[:, 1:], missing=True)


def test_holes_are_kept_and_said():
    table = pa.table({"t": pa.array([*SECONDS[:9], None]), "x": RNG.normal(size=10)})
    schema = lb.Schema.of(table, missing=True)
    x = schema.encode(table)
    assert np.isnan(x).sum() == 1
    assert ", 1 missing" in str(schema)
    np.testing.assert_array_equal(np.asarray(schema.decode(x)["t"]), np.asarray(table["t"]))
    with pytest.raises(lb.DataError, match="found nan in row 9, column 't'"):
        lb.Schema.of(table)


@pytest.mark.parametrize(
    ("x", "options", "words"),
    [
        (RNG.integers(0, 17, (99, 64)), {}, "64 columns of whole numbers from 0 to 16"),
        (RNG.integers(0, 2, (99, 4)), {}, "4 columns of values 0 and 1"),
        (RNG.integers(0, 9, (9, 4)).astype(np.uint8), {}, "4 columns of whole numbers from 0 to 8"),
        (
            np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, 1),
            {"image_shape": (2, 2)},
            "grey images of 2×2, 8-bit levels from 0 to 255",
        ),
    ],
)
def test_columns_that_are_alike_are_one_line(x, options, words):
    assert str(lb.Schema.of(x, **options)) == words


def test_only_an_image_is_grey():
    """Ages in an array of 8 bits are whole numbers."""
    ages = RNG.integers(0, 100, (50, 4)).astype(np.uint8)
    assert {column.kind for column in lb.Schema.of(ages).columns} == {"whole"}
    assert {column.kind for column in lb.Schema.of(ages, image_shape=(2, 2)).columns} == {"grey"}
    with pytest.raises(lb.DataError, match="rows that are images of 3 × 3 values, found 4 columns"):
        lb.Schema.of(ages, image_shape=(3, 3))


@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
def test_a_schema_is_stored_as_json(values):
    table = pa.table({"t": values, "c": [1.5] * N, "x": RNG.normal(size=N)})
    schema = lb.Schema.of(table)
    assert lb.Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": 3}, "schema.form: expected str, found 3"),
        ({"columns": [{}]}, "schema.columns: expected the fields"),
        ({"image_shape": ["a"]}, "schema.image_shape: expected whole numbers"),
        ({"more": 1}, "schema: expected the fields"),
    ],
)
def test_a_damaged_schema_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        lb.Schema.from_json(lb.Schema.of([[0, 1], [1, 0]]).to_json() | change)
    record = lb.Schema.of([[0, 1], [1, 0]]).columns[0].__dict__
    for field, value in {"kind": "words", "levels": [0.5], "name": 3, "low": "a", "dtype": 1}.items():
        with pytest.raises(ValueError, match=r"schema\.columns"):
            Column.from_json({**record, field: value})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"a": ["1", "x", "2"]}), "X: expected numbers, found 'x' in row 1, column 'a'"),
        (pa.table({"a": [1.0, np.inf]}), "X: expected finite numbers, found inf in row 1, column 'a'"),
        ([[1.0], [np.inf]], "X: expected finite numbers, found inf in row 1, column 0"),
        ([1, 2], r"X: expected rows, an array of shape \(n, d\)"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(table, message):
    with pytest.raises(lb.DataError, match=message):
        lb.Schema.of(table, "X")


@pytest.mark.thorough
def test_a_density_is_in_the_tables_own_units_whatever_the_rows_are_kept_in():
    """Hours kept as steps of 3,600 s, and numbers of 1e+60: log p(x) is the kept rows' less Σ log unit,
    and a missing value owes nothing."""
    table = pa.table(
        {"t": 1_700_000_000 + 3600 * RNG.integers(0, 900, 200), "y": RNG.normal(size=200) * 2.0**200}
    )
    schema = lb.Schema.of(table)
    rows = schema.rows(table)
    model, kept = (
        build(x, likelihood="diagonal-gaussian", latent_dim=1, width=4).model for x in (rows, rows.x)
    )
    difference = (
        lb.log_evidence(kept, rows, method="importance", samples=2).log_prob
        - lb.log_evidence(model, rows, method="importance", samples=2).log_prob
    )
    expected = np.log([column.unit for column in schema.columns])
    assert expected[0] == np.log(3600)
    np.testing.assert_allclose(difference, expected.sum(), rtol=1e-5)
    assert float(model.transform.log_jacobian(np.array([np.nan, 0.0], np.float32))) == pytest.approx(
        float(kept.transform.log_jacobian(np.array([np.nan, 0.0], np.float32))) - expected[1], rel=1e-6
    )
    assert model.event().measure == kept.event().measure


def test_a_mass_owes_nothing_to_a_unit():
    counts = pa.table({"n": 3 * RNG.integers(0, 2**23, 200), "m": 5 * RNG.integers(0, 2**23, 200)})
    rows = lb.Schema.of(counts).rows(counts)
    assert type(build(rows, likelihood="poisson", latent_dim=1, width=4).model.transform) is lb.Identity


def test_a_row_that_leaves_a_constant_has_no_probability():
    x = np.c_[RNG.normal(size=50), np.full(50, 7.5), RNG.normal(size=50)]
    schema = lb.Schema.of(x)
    model = build(schema.rows(x), latent_dim=1, width=4).model
    others = lb.log_evidence(model, schema.rows(x), method="importance", samples=2).log_prob
    x[3, 1] = 8.5
    log_prob = lb.log_evidence(model, schema.rows(x), method="importance", samples=2).log_prob
    assert log_prob[3] == -np.inf
    np.testing.assert_array_equal(np.delete(log_prob, 3), np.delete(others, 3))


def test_the_values_of_a_table_are_looked_at_once(monkeypatch):
    """To find the schema, to refuse what is not finite, and to encode: one look, and one copy where the type
    is another."""
    looks = []
    once = found._looked_at
    monkeypatch.setattr(found, "_looked_at", lambda *a: looks.append("look") or once(*a))
    monkeypatch.setattr(numbers, "check_finite", lambda *a: looks.append("check"))
    _, rows = described(RNG.normal(size=(50, 3)))
    assert looks == ["look"]
    assert rows.x.dtype == np.float32


def test_numbers_near_the_greatest_have_a_unit():
    x = np.array([[1.0], [1.7e308], [1.1e308]])
    schema = lb.Schema.of(x)
    np.testing.assert_allclose(schema.decode(schema.encode(x)), x, rtol=1e-6, atol=1e301)


N_ROWS = 40
COUNTS = [i % 5 if i % 7 else None for i in range(N_ROWS)]
TRUE = [bool(i % 2) if i % 9 else None for i in range(N_ROWS)]
LETTERS = ["xyz"[i % 3] for i in range(N_ROWS)]


def nullable_pandas():
    pandas = pytest.importorskip("pandas")
    counts, true = pandas.array(COUNTS, "UInt8"), pandas.array(TRUE, "boolean")
    whole = pandas.array([i % 6 for i in range(N_ROWS)], "Int64")
    return pandas.DataFrame({"count": counts, "true": true, "whole": whole, "letter": LETTERS})


def nullable_polars():
    polars = pytest.importorskip("polars")
    letters = polars.Series(LETTERS, dtype=polars.Categorical)
    return polars.DataFrame(
        {"count": polars.Series(COUNTS, dtype=polars.UInt8), "true": TRUE, "letter": letters}
    )


def nullable_arrow():
    return pa.table({"count": pa.array(COUNTS, "int16"), "true": TRUE, "letter": LETTERS})


@pytest.mark.parametrize("make", [nullable_pandas, nullable_polars, nullable_arrow])
def test_whole_numbers_and_truth_values_that_may_be_missing_keep_their_type(make):
    """With holes and without; what no whole number can hold, such as means, is given as real numbers."""
    table = make()
    schema = lb.Schema.of(table)
    x = schema.encode(table)
    assert schema.decode(x).equals(table)
    whole = schema.decode(np.nan_to_num(x))
    types = [str(kind) for kind in (whole.dtypes if hasattr(whole, "dtypes") else whole.schema.types)]
    before = [str(kind) for kind in (table.dtypes if hasattr(table, "dtypes") else table.schema.types)]
    assert types == before
    assert lb.Schema.from_json(schema.to_json()) == schema
    halves = [np.full(2, 0.5), np.full(2, 0.5), *(schema.restored(np.nan_to_num(x[:2]))[2:])]
    half = columns_of(schema.table(halves))
    assert half.arrays[0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("dtype", "offset", "unit"),
    [("int64", 0, 1), ("int64", 10**9, 3600), ("int64", 2**62, 1), ("uint64", 0.5, 2.0), ("int8", 0, 1)],
)
def test_what_is_too_large_for_a_type_is_the_greatest_that_it_holds(dtype, offset, unit):
    column = Column("n", "whole", dtype, 0, 9, offset=offset, unit=unit)
    low, high = column.restored(np.array([-np.inf, -1e30])), column.restored(np.array([1e30, np.inf]))
    limits = np.iinfo(dtype)
    assert low.dtype == high.dtype == dtype
    assert low[0] == low[1]
    assert high[0] == high[1]
    assert low[0] <= limits.min // 4 or limits.min == 0
    assert high[0] >= limits.max // 4
    assert (low >= limits.min).all()
    assert (high <= limits.max).all()
