"""Rows larger than memory: encoded once into a file, to the bits that they have in memory."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

import lowerbound as lb
from lowerbound.archive.records import AS_FOUND
from lowerbound.assembly import build
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.rows import checked
from lowerbound.data.schema import Schema
from lowerbound.data.sources import batches, kept, open_source
from lowerbound.data.sources.opening import batches_of

ROWS = 3000


@pytest.fixture(scope="module")
def table():
    """Columns of every kind, with a rare level, a hole and an end that a sample of a third may not have."""
    random = np.random.default_rng(0)
    color = random.choice(["red", "green", "blue"], ROWS).astype(object)
    color[2400] = "ultramarine"
    height = random.normal(170, 10, ROWS)
    height[2500] = 400.5
    born = np.datetime64("1970-01-01") + random.integers(0, 20_000, ROWS)
    price = np.round(random.gamma(2, 3, ROWS) * 2) / 2
    price[2600] = np.nan
    return pa.table(
        {
            "color": pa.array(color),
            "height": height,
            "age": random.integers(0, 90, ROWS),
            "stamp": 1_700_000_000 + 60 * random.integers(0, 10_000, ROWS),
            "born": born,
            "price": pa.array(price, from_pandas=True),
            "planet": np.full(ROWS, 3),
            "dye": pa.array([str(len(name)) + name for name in color]),
        }
    )


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """No room at all, and batches of a few rows."""
    monkeypatch.setattr(batches, "CELLS", 1000)
    for module in ("array_batches", "arrow_batches", "text_batches"):
        monkeypatch.setattr(f"lowerbound.data.sources.{module}.CELLS", 1000)
    return Memory(1, tmp_path / "cache")


def write(table, folder, format):
    """The table as two files of a format; the pattern that names them."""
    for part, rows in enumerate((table.slice(0, 1100), table.slice(1100))):
        path = folder / f"part-{part}.{format}"
        if format == "csv":
            csv.write_csv(rows, path)
        else:
            {"parquet": parquet.write_table, "feather": feather.write_feather}[format](rows, path)
    return str(folder / f"part-*.{format}")


@pytest.mark.parametrize("format", ["parquet", "feather", "csv"])
def test_a_table_encoded_in_batches_has_the_bits_of_one_encoded_in_memory(table, format, tmp_path, memory):
    source = open_source(write(table, tmp_path, format), memory=memory)
    whole = lb.read(str(tmp_path / f"part-*.{format}"))
    assert isinstance(source.x, np.memmap)
    x = source.schema.encode(whole)
    assert x.tobytes() == np.asarray(source.x, x.dtype).tobytes()
    assert len(source.impossible) == 0


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_the_schema_of_a_sample_has_the_ends_holes_and_levels_of_all_rows(table, format, tmp_path, memory):
    pattern = write(table, tmp_path, format)
    found = open_source(pattern, memory=memory).schema
    known = Schema.of(lb.read(pattern))
    for mine, theirs in zip(found.columns, known.columns, strict=True):
        assert (mine.kind, mine.low, mine.high, mine.holes) == (
            theirs.kind,
            theirs.low,
            theirs.high,
            theirs.holes,
        ), mine.name
        assert (mine.levels, mine.unit, mine.dtype) == (theirs.levels, theirs.unit, theirs.dtype), mine.name


@pytest.mark.parametrize(
    ("values", "narrow"),
    [(9, "int8"), (200, "uint8"), (300, "int16"), (70_000, "int32"), (0.5, "float32")],
)
def test_rows_are_kept_in_the_narrowest_type_that_holds_them(values, narrow, tmp_path, memory):
    x = np.random.default_rng(0).integers(0, 3, (ROWS, 2)).astype(np.float64)
    x[2900, 1] = values
    np.save(tmp_path / "x.npy", x)
    source = open_source(str(tmp_path / "x.npy"), memory=memory)
    assert source.x.dtype == narrow
    np.testing.assert_array_equal(source.x, x)


@pytest.mark.parametrize(("value", "widened"), [(1000, "int16"), (-70_000, "int32"), (0.5, "float32")])
def test_a_type_that_the_rows_of_a_known_schema_leave_is_widened(value, widened, tmp_path, memory):
    x = np.random.default_rng(0).integers(0, 100, (ROWS, 2)).astype(float)
    x[-1] = value
    np.save(tmp_path / "x.npy", x)
    source = open_source(str(tmp_path / "x.npy"), schema=Schema.of(x[:-1]), memory=memory)
    assert source.x.dtype == widened
    np.testing.assert_array_equal(source.x, x)


@pytest.mark.parametrize("files", [1, 2])
def test_an_array_that_is_right_for_a_model_is_mapped_where_it_is(files, tmp_path, memory):
    x = np.random.default_rng(0).normal(size=(files, ROWS, 3)).astype(np.float32)
    for number, part in enumerate(x):
        np.save(tmp_path / f"{number}.npy", part)
    source = open_source(str(tmp_path / "*.npy"), memory=memory)
    assert source.x.filename == str(tmp_path / "0.npy") or files > 1
    assert [*memory.cache.glob("*/rows.npy")] == [] or files > 1
    np.testing.assert_array_equal(source.x, x.reshape(-1, 3))


def test_images_in_idx_files_are_mapped(tmp_path, memory):
    x = np.random.default_rng(0).integers(0, 256, (2, 50, 4, 5), dtype=np.uint8)
    for number, part in enumerate(x):
        header = bytes([0, 0, 8, 3]) + np.array(part.shape, ">u4").tobytes()
        (tmp_path / f"{number}-images-idx3-ubyte").write_bytes(header + part.tobytes())
    source = open_source(str(tmp_path / "*-ubyte"), memory=memory)
    assert source.image_shape == (4, 5)
    assert (source.x.dtype, source.schema.columns[0].kind) == (np.uint8, "grey")
    np.testing.assert_array_equal(source.x, x.reshape(100, 20))


def test_the_sketch_has_the_moments_of_all_rows(table, tmp_path, memory):
    source = open_source(write(table, tmp_path, "parquet"), memory=memory)
    moments, x = source.sketch.moments, np.asarray(source.x, np.float64)
    np.testing.assert_allclose(moments.mean, np.nanmean(x, 0), rtol=1e-12)
    np.testing.assert_allclose(moments.deviation, np.nanstd(x, 0), rtol=1e-12)
    np.testing.assert_array_equal(moments.low, np.nanmin(x, 0))
    np.testing.assert_array_equal(moments.count, (~np.isnan(x)).sum(0))
    assert len(source.sketch.sample) == 1000
    assert {*map(bytes, source.sketch.sample)} <= {*map(bytes, np.asarray(source.x))}


@pytest.mark.parametrize("format", ["parquet", "feather", "csv"])
def test_a_few_rows_are_read_at_a_time(format, table, tmp_path, memory):
    lengths = [batch.length for batch in batches_of(write(table, tmp_path, format), AS_FOUND)]
    assert sum(lengths) == ROWS
    assert max(lengths) <= 1000 / table.num_columns


def rows_read(source, memory, **options):
    """A source, and how many rows were read to encode it."""
    told = []
    found = open_source(source, memory=memory, told=told.append, **options)
    return found, told[-1]["rows"] if told else 0


def test_an_encoding_is_taken_again_until_its_source_changes(table, tmp_path, memory):
    pattern = write(table, tmp_path, "parquet")
    first, read = rows_read(pattern, memory)
    again, not_read = rows_read(pattern, memory)
    assert (read, not_read) == (ROWS, 0)
    assert again.x.tobytes() == first.x.tobytes()
    assert again.schema == first.schema
    os.utime(tmp_path / "part-0.parquet", ns=(0, 0))
    assert rows_read(pattern, memory)[1] == ROWS
    parquet.write_table(table, tmp_path / "part-1.parquet")
    assert rows_read(pattern, memory)[1] == ROWS + 1100
    assert rows_read(pattern, memory, kinds={"age": "category"})[0].schema != first.schema


def test_an_encoding_that_was_interrupted_leaves_nothing(table, tmp_path, memory):
    pattern = write(table, tmp_path, "parquet")

    def interrupted(passed):
        if passed["what"] == "encoded" and passed["rows"] > 2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_source(pattern, memory=memory, told=interrupted)
    assert [*memory.cache.iterdir()] == []
    left = memory.cache / f".0123.{kept._MACHINE}.99999999.partial"  # of a process that was killed
    left.mkdir()
    assert rows_read(pattern, memory)[1] == ROWS
    assert not left.exists()


FILES = ["rows.npy", "encoding.json", "sketch.safetensors", "sample.npy", "schema.json"]


@pytest.mark.parametrize("name", FILES)
def test_an_encoding_that_is_cut_short_is_made_anew(name, table, tmp_path, memory):
    pattern = write(table, tmp_path, "parquet")
    rows_read(pattern, memory)
    (file,) = memory.cache.glob(f"*/{name}")
    file.write_bytes(file.read_bytes()[:-40])
    assert rows_read(pattern, memory)[1] == ROWS


def test_rows_that_the_sample_did_not_foresee_change_the_schema(tmp_path, memory):
    random = np.random.default_rng(0)
    a = random.choice([0.5, 1.0, 1.5], ROWS)
    price, stamp = a.copy(), 2**40 + 60 * random.integers(0, 1000, ROWS)
    a[2700], price[2800], stamp[2900] = 2.0, 0.125, 2**40 + 601
    table = pa.table({"a": a, "copy": np.where(a == 2, 1.0, a), "price": price, "stamp": stamp})
    parquet.write_table(table, tmp_path / "x.parquet")
    source = open_source(str(tmp_path / "x.parquet"), memory=memory)
    known = Schema.of(table)
    assert [(c.kind, c.decimals, c.unit) for c in source.schema.columns] == [
        (c.kind, c.decimals, c.unit) for c in known.columns
    ]
    assert len(source.impossible) == 0


def test_what_a_model_never_saw_is_numbered_among_all_rows(table, tmp_path, memory):
    schema = Schema.of(pa.concat_tables([table.slice(0, 2000), table.slice(2600)]))
    source = open_source(write(table, tmp_path, "parquet"), schema=schema, memory=memory)
    assert source.impossible.tolist() == [2400]
    assert source.fault.place == (2400, "color")
    again, read = rows_read(str(tmp_path / "part-*.parquet"), memory, schema=schema)
    assert read == 0
    assert str(again.fault) == str(source.fault)
    assert again.impossible.tolist() == [2400]


def test_labels_are_kept_apart(table, tmp_path, memory):
    source = open_source(write(table, tmp_path, "parquet"), "color", memory=memory)
    assert "color" not in source.names
    assert source.labels.tolist() == table.column("color").to_pylist()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_with_its_number(value, tmp_path, memory):
    x = np.random.default_rng(0).normal(size=(ROWS, 4))
    x[2500, 2] = x[2600, 1] = value
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(lb.DataError) as beyond:
        open_source(str(tmp_path / "x.npy"), memory=memory)
    with pytest.raises(lb.DataError) as within:
        open_source(str(tmp_path / "x.npy"))
    assert str(beyond.value) == str(within.value)
    assert beyond.value.place == (2500, 2)


def test_a_source_that_fits_is_read_into_memory(table, tmp_path, memory):
    pattern = write(table, tmp_path, "parquet")
    source = open_source(pattern, memory=Memory(10**9, memory.cache))
    assert not isinstance(source.x, np.memmap)
    assert source.table.length == ROWS


def test_a_model_of_rows_beyond_memory_has_the_ends_and_the_moments_of_all(tmp_path, memory):
    x = np.random.default_rng(0).gamma(2, 3, size=(ROWS, 3)).astype(np.float32)
    x[2800] = 900
    np.save(tmp_path / "x.npy", x)
    source = open_source(str(tmp_path / "x.npy"), memory=memory)
    model = build(source.rows, likelihood="diagonal-gaussian", latent_dim=1, width=4).model
    np.testing.assert_allclose(model.transform.mean.value, x.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(model.transform.scale.value, x.std(0, dtype=np.float64), rtol=1e-6)


def test_a_count_that_the_sample_has_not_is_of_the_model_s_support(tmp_path, memory):
    x = np.random.default_rng(0).integers(0, 5, (ROWS, 3))
    x[2800] = 30
    np.save(tmp_path / "x.npy", x)
    source = open_source(str(tmp_path / "x.npy"), memory=memory)
    model = build(source.rows, latent_dim=1, width=4).model
    assert len(checked(model, source.rows)) == ROWS
