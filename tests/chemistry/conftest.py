"""An untrained model of a few molecules."""

import numpy as np
import pyarrow as pa
import pytest

from lowerbound.assembly import build
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source

SMILES = [
    *("CCO", "CCN", "CC(C)O", "c1ccccc1", "CC#N", "C1CCCC1", "CCOC", "OCCO", "CC=O", "CCl"),
    *("CCCC", "CC(=O)O", "C1CO1", "CNC", "CCF", "C=CC=C", "CCCO", "NCCN", "OC1CC1", "CC(C)C"),
]


@pytest.fixture(scope="session")
def source():
    pytest.importorskip("rdkit", reason="molecules need RDKit")
    pytest.importorskip("selfies", reason="molecules need SELFIES")
    table = pa.table({"smiles": SMILES})
    return Source.of(table, "some.smi", schema=Schema.of(table, kinds={"smiles": "molecule"}))


@pytest.fixture(scope="session")
def model(source):
    return build(source.rows, latent_dim=2, width=8).model


@pytest.fixture(scope="session")
def x(source):
    return np.asarray(source.x)
