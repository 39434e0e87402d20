"""Dates, times of the day and time spans, in every library's own types."""

import datetime

import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.schema import described
from lowerbound.data.sources import open_source
from lowerbound.data.times import parsed, periods, shown, step_of

N = 60
START = np.datetime64("2004-03-10T18:00:00", "s")
WHEN = START + 3600 * np.arange(N)
DAYS = np.arange("2004-03-10", "2004-05-09", dtype="datetime64[D]")
TIMES = [datetime.time(8 + i % 10, 30) for i in range(N)]
SPANS = np.arange(N) * np.timedelta64(90 * 60, "s")
LEVELS = ["low", "mid", "high"]
X = np.random.default_rng(0).normal(size=N).astype(np.float32)


def arrow():
    when = pa.array([*WHEN[:-1].tolist(), None], pa.timestamp("s"))
    codes = pa.array([*np.arange(N - 1) % 3, None], pa.int32())
    return pa.table(
        {
            "when": when,
            "zoned": when.cast(pa.timestamp("s", "Europe/Berlin")),
            "fine": pa.array(WHEN.astype("datetime64[ns]")),
            "day": pa.array([None, *DAYS[1:].tolist()], pa.date32()),
            "at": pa.array([*TIMES[:-1], None], pa.time32("s")),
            "span": pa.array([*SPANS[:-1].tolist(), None], pa.duration("s")),
            "level": pa.DictionaryArray.from_arrays(codes, [*LEVELS, "top"], ordered=True),
            "x": X,
        }
    )


def pandas():
    library = pytest.importorskip("pandas")
    when = library.Series(WHEN)
    table = library.DataFrame(
        {
            "when": when,
            "zoned": when.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
            "day": library.Series(DAYS.tolist(), dtype=object),
            "at": library.Series(TIMES, dtype=object),
            "span": SPANS,
            "level": library.Categorical([LEVELS[i % 3] for i in range(N)], [*LEVELS, "top"], ordered=True),
            "unordered": library.Categorical([LEVELS[i % 3] for i in range(N)], LEVELS),
            "numbers": library.Categorical([7 - i % 3 for i in range(N)]),
            "x": X,
        }
    )
    table.loc[3, ["when", "zoned", "day", "at", "span", "level", "numbers"]] = None
    return table


def polars():
    library = pytest.importorskip("polars")
    table = library.DataFrame(
        {
            "when": WHEN.astype("datetime64[us]"),
            "day": DAYS,
            "at": library.Series([None, *TIMES[1:]], dtype=library.Time),
            "span": SPANS.astype("timedelta64[us]"),
            "level": library.Series([LEVELS[i % 3] for i in range(N)], dtype=library.Enum([*LEVELS, "top"])),
            "x": X,
        }
    )
    zoned = library.col("when").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    return table.with_columns(zoned=zoned)


@pytest.mark.parametrize("make", [arrow, pandas, polars])
def test_a_table_with_times_and_levels_comes_back_exactly_in_its_own_types(make):
    table = make()
    schema = lb.Schema.of(table)
    back = schema.decode(schema.encode(table))
    assert back.equals(table)
    types = (lambda t: t.schema) if make is not pandas else (lambda t: [*t.dtypes])
    assert types(back) == types(table)
    level = next(column for column in schema.columns if column.name == "level")
    assert (level.levels, level.ordered, level.declared) == (("low", "mid", "high", "top"), True, True)
    assert lb.Schema.from_json(schema.to_json()) == schema


def test_what_was_found_is_said():
    words = [column.words for column in lb.Schema.of(arrow()).columns]
    hours = "dates from 2004-03-10 18:00:00 to 2004-03-13 04:00:00"
    assert words[:-1] == [
        f"{hours} in steps of 1 hour, 1 missing",
        f"{hours} (universal time; Europe/Berlin) in steps of 1 hour, 1 missing",
        "dates from 2004-03-10 18:00:00 to 2004-03-13 05:00:00 in steps of 1 hour",
        "dates from 2004-03-11 to 2004-05-08 in steps of 1 day, 1 missing",
        "times of the day from 08:30:00 to 17:30:00 in steps of 1 hour, 1 missing",
        "time spans from 0 days to 87 hours in steps of 90 minutes, 1 missing",
        "one of 4 in order: low < mid < high < top, 1 missing",
    ]


def test_python_s_own_times_in_records_are_times():
    rows = [{"d": datetime.date(2004, 3, 10 + i), "t": TIMES[i], "n": i} for i in range(9)]
    kinds = {column.name: column.kind for column in lb.Schema.of(rows).columns}
    assert kinds == {"d": "date", "t": "time", "n": "whole"}


@pytest.mark.parametrize(
    ("number", "dtype", "step"),
    [
        (7 * np.arange(20), "datetime64[D]", 7),  # of so many values no step is chance
        (7 * np.arange(19), "datetime64[D]", 1),
        (90 * np.arange(19), "timedelta64[m]", 1),
        (90 * np.arange(20), "timedelta64[m]", 90),
        ([0, 86_400_000_000_000], "datetime64[ns]", 86_400_000_000_000),
        ([0, 1, 3 * 10**9], "datetime64[ns]", 2.0**31),  # more steps than float32 counts
    ],
)
def test_the_step_is_the_greatest_common_one_that_is_no_chance(number, dtype, step):
    found = step_of(np.asarray(number), dtype)
    assert found == step
    assert type(found) is type(step)


def test_a_time_between_two_steps_has_probability_0():
    table = pa.table({"when": pa.array(WHEN), "x": X})
    schema = lb.Schema.of(table)
    later = pa.table({"when": pa.array([WHEN[0] + 3600 * 999, WHEN[0] + 5]), "x": X[:2]})
    assert schema.rows(later).impossible.tolist() == [1]
    with pytest.raises(lb.DataError, match=r"expected dates in steps of 1 hour, found 2004-03-10.18:00:05"):
        schema.encode(later)
    with pytest.raises(lb.DataError, match=r"expected dates, found 'soon' in row 0, column 'when'"):
        schema.encode(pa.table({"when": ["soon", "2004-03-10"], "x": X[:2]}))
    text = pa.table({"when": ["2004-03-10 18:00", "2004-03-10 20:00:00"], "x": X[:2]})
    np.testing.assert_array_equal(schema.encode(text)[:, 0], [0, 2])
    empty = pa.table({"when": pa.nulls(2), "x": X[:2]})
    assert np.isnan(schema.letting("missing").encode(empty)[:, 0]).all()


def test_dates_too_fine_for_float32_are_real_numbers_near_to_what_they_were():
    fine = WHEN.astype("datetime64[ns]") + np.random.default_rng(0).integers(0, 10**9, N)
    schema = lb.Schema.of(pa.table({"when": pa.array(fine), "x": X}))
    assert schema.columns[0].words.endswith(", as real numbers")
    back = np.asarray(schema.decode(schema.encode(pa.table({"when": pa.array(fine), "x": X})))["when"])
    assert np.abs((back - fine).astype(float)).max() < 2.0**-23 * (fine[-1] - fine[0]).astype(float)


def test_one_date_throughout_is_a_constant():
    table = pa.table({"day": pa.array(DAYS[:1].repeat(N)), "x": X})
    schema = lb.Schema.of(table)
    assert schema.columns[0].words == "always 2004-03-10: says nothing of a row, left out"
    assert schema.decode(schema.encode(table)).equals(table)
    assert schema.rows(pa.table({"day": pa.array(DAYS[:2]), "x": X[:2]})).impossible.tolist() == [1]


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["2004-03-10", None], "2004-03-10"),
        (["2004/3/10"], "2004-03-10"),
        (["2004-03-10 18:00", "2004-03-10T19:00:05"], "2004-03-10 18:00:00"),
        (["2004-03-10 18:00:00.250000"], "2004-03-10 18:00:00.25"),
        (["3/10/2004", "3/25/2004"], "2004-03-10"),
        (["10.03.2004", "25.03.2004"], "2004-03-10"),
        (["25/03/2004 07:05"], "2004-03-25 07:05:00"),
        (["11:34"], "11:34:00"),
    ],
)
def test_text_that_reads_as_a_time(cells, first):
    values, _ = parsed(cells)
    found = (
        values[0]
        if values.dtype.kind == "O"
        else shown(int(values[:1].astype(np.int64)[0]), str(values.dtype))
    )
    assert str(found) == first


@pytest.mark.parametrize(
    "cells", [["10/03/2004"], ["2004-03-10", "soon"], ["2004-02-30"], ["25:10"], ["2004-03/10"], ["12"], []]
)
def test_text_that_does_not(cells):
    assert parsed(cells)[0] is None


def test_a_period_is_seen_where_it_repeats_and_is_longer_than_a_step():
    """Days over 60 days: weeks, of which 1970 began with a Thursday; no year, no hours."""
    assert periods("date", "datetime64[D]", 4, 1, 64) == ((7.0, 4.0),)
    assert [length for length, _ in periods("date", "datetime64[h]", 0, 1, 24 * 400)] == [
        8765.82,
        168.0,
        24.0,
    ]
    assert periods("time", "object", 0, 3_600_000_000, 5) == ((24.0, 0.0),)
    assert periods("span", "timedelta64[h]", 0, 1, 1000) == ()


def test_the_encoder_sees_the_phase_of_a_date_and_nothing_of_a_missing_one():
    features = lb.Features(lambda x: x, levels=(2,), margins=None, periods=((0, 7.0, 4.0),))
    assert lb.Features.inputs((2,), None, features.periods) == 8
    a, b, c = (np.asarray(features(jnp.array([float(x)])))[2:] for x in (3, 10, 4))
    np.testing.assert_allclose(a, [0, 0, 0, 1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert np.abs(a - c).max() > 0.5
    assert not np.asarray(features(jnp.array([jnp.nan]))).any()


def test_an_open_source_has_dates(tmp_path):
    (tmp_path / "x.csv").write_text("day,n\n2004-03-10,1.5\n?,2.5\n2004-03-12,3.25\n")
    source = open_source(str(tmp_path / "x.csv"))
    assert source.schema.missing
    np.testing.assert_array_equal(source.x[:, 0], [0, np.nan, 2])


@pytest.mark.slow
def test_drawn_and_filled_rows_hold_dates():
    _, rows = described(arrow().select(["when", "at", "x"]))
    model = build(rows, latent_dim=1, width=4).model
    schema = rows.schema
    drawn = schema.decode(lb.sample(model, 40, key=0))
    assert drawn.schema == arrow().select(["when", "at", "x"]).schema
    assert drawn.num_rows == 40
    filled = schema.decode(lb.impute(model, rows, samples=20))
    assert all(column.null_count == 0 for column in filled.columns)
    kept = [(a, b) for a, b in zip(filled["when"].to_pylist(), arrow()["when"].to_pylist(), strict=True) if b]
    assert all(a == b for a, b in kept)
