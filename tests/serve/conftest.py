"""Small runs to serve: of the digits, and of a table of several kinds of columns. Neither is trained: what is
asked of them is that HTTP says what Python says."""

import datetime

import jax
import numpy as np
import pyarrow as pa
import pytest

from lowerbound.archive.store import save
from lowerbound.assembly import build
from lowerbound.data.schema import described
from lowerbound.data.sources import open_source
from lowerbound.runs import SCHEMA, RunFolder
from lowerbound.serve.service import Service


def write_run(folder, schema, rows, latent_dim=2):
    """A run's folder with an untrained model of these rows."""
    import json

    model = build(rows, latent_dim=latent_dim, width=8, depth=1, key=jax.random.key(0)).model
    save(model, folder)
    (folder / SCHEMA).write_text(json.dumps(schema.to_json()))
    return folder


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    source = open_source("digits:train")
    rows = source.rows[:200]
    return write_run(tmp_path_factory.mktemp("runs") / "digits", source.schema, rows)


@pytest.fixture(scope="session")
def table():
    random = np.random.default_rng(0)
    n = 120
    days = np.datetime64("2004-03-01") + random.integers(0, 300, n)
    return pa.table(
        {
            "name": [f"person {i}" for i in range(n)],
            "age": random.integers(18, 90, n),
            "color": random.choice(["red", "green", "blue"], n),
            "mass": random.normal(70, 9, n),
            "born": pa.array(days.astype(datetime.date)),
            "planet": ["earth"] * n,
        }
    )


@pytest.fixture(scope="session")
def mixed_folder(tmp_path_factory, table):
    schema, rows = described(table)
    return write_run(tmp_path_factory.mktemp("runs") / "mixed", schema, rows)


@pytest.fixture(scope="session")
def digits(digits_folder):
    return Service.of(RunFolder.read(digits_folder))


@pytest.fixture(scope="session")
def mixed(mixed_folder):
    return Service.of(RunFolder.read(mixed_folder))


@pytest.fixture(scope="session")
def images():
    """Rows of the digits as lists."""
    return open_source("digits:test").x[:40].astype(int).tolist()


@pytest.fixture(scope="session")
def records(table):
    """Rows of the table as JSON has them."""
    return [{**row, "born": row["born"].isoformat()} for row in table.slice(0, 40).to_pylist()]
