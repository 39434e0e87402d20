"""A run of a table of several kinds, and files of its rows."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.schema import described

N = 600


def people(n=N, seed=0):
    """People by name, of whom a colour, a number of children and a weight are known."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "who": [f"p{i:05d}" for i in range(n)],
            "color": rng.choice(["red", "green", "blue"], n).tolist(),
            "children": rng.integers(0, 5, n),
            "weight": rng.normal(70, 10, n),
        }
    )


@pytest.fixture(scope="session")
def table():
    return people()


@pytest.fixture(scope="session")
def run(table, tmp_path_factory):
    """A run of a model as it begins: how good its numbers are is not asked here."""
    folder = tmp_path_factory.mktemp("cluster") / "run"
    schema, rows = described(table)
    lb.save(build(rows, latent_dim=2, width=8).model, folder)
    (folder / "schema.json").write_text(json.dumps(schema.to_json()))
    return folder


@pytest.fixture(scope="session")
def files(table, tmp_path_factory):
    """The table's rows in three files, the first of three row groups."""
    folder = tmp_path_factory.mktemp("files")
    parquet.write_table(table.slice(0, 300), folder / "a.parquet", row_group_size=130)
    parquet.write_table(table.slice(300, 200), folder / "b.parquet")
    parquet.write_table(table.slice(500), folder / "c.parquet")
    return folder


def whole(out):
    """All parts of a folder, in order, as one table."""
    parts = sorted(out.glob("part-*.parquet"))
    return pa.concat_tables([parquet.read_table(part) for part in parts]).replace_schema_metadata(None)
