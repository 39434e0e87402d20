"""Services of untrained models."""

import json

import numpy as np
import pyarrow
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.sources import Source
from lowerbound.runs import SCHEMA, RunFolder
from lowerbound.serve.service import Service


def service_of(folder, table, labels=None, image_shape=None, kinds=None):
    """A service of a model of three dimensions that knows the rows of a table, and shows them."""
    schema = None if kinds is None else lb.Schema.of(table, kinds=kinds)
    source = Source.of(table, "rows", image_shape, schema=schema)
    lb.save(build(source.rows, latent_dim=3, width=8).model, folder)
    (folder / SCHEMA).write_text(json.dumps(source.schema.to_json()))
    shown = Source(source.x, "rows", image_shape, labels, source.columns, "kind", source.schema, source.table)
    return Service(RunFolder.read(folder), shown)


@pytest.fixture(scope="package")
def of_images(tmp_path_factory):
    pixels = np.random.default_rng(0).integers(0, 17, (40, 16)).astype(np.uint8)
    pixels[:, 0] = 0
    pixels[0, 1], labels = 16, np.arange(40) % 3
    return service_of(tmp_path_factory.mktemp("images") / "run", pixels, labels, (4, 4))


@pytest.fixture(scope="package")
def of_table(tmp_path_factory):
    random = np.random.default_rng(0)
    columns = {
        "mass": random.normal(size=60),
        "color": random.choice(["red", "blue", "green"], 60),
        "born": (np.datetime64("2001-01-01") + random.integers(0, 900, 60)).astype("datetime64[D]"),
        "one": np.ones(60, int),
    }
    return service_of(tmp_path_factory.mktemp("tables") / "run", pyarrow.table(columns))


@pytest.fixture(scope="package")
def of_counts(tmp_path_factory):
    counts = np.random.default_rng(0).poisson(3.0, (50, 6))
    return service_of(tmp_path_factory.mktemp("counts") / "run", counts)


@pytest.fixture(scope="package")
def of_molecules(tmp_path_factory):
    pytest.importorskip("rdkit", reason="molecules need RDKit")
    pytest.importorskip("selfies", reason="molecules need SELFIES")
    smiles = ["CCO", "CCN", "c1ccccc1", "CC#N", "CCCl", "C1CO1", "CC=O", "CNC", "CCF", "CCCO"]
    table = pyarrow.table({"smiles": smiles, "mass": np.linspace(0.5, 9.25, 10)})
    return service_of(tmp_path_factory.mktemp("molecules") / "run", table, kinds={"smiles": "molecule"})
