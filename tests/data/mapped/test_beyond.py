"""Rows larger than memory: encoded once into a file, to the bits that they have in memory."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

import lowerbound as lb
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.schema import Schema
from lowerbound.data.sources import batches, open_source

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
