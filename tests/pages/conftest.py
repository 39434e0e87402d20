"""A page on an untrained model, from a file with a nasty name."""

import numpy as np
import pytest

from lowerbound.archive.store import Saved
from lowerbound.assembly import build
from lowerbound.data.sources import Source
from lowerbound.inference.fingerprints import fingerprints
from lowerbound.pages.report import report
from lowerbound.workflow import evaluate

from .page import DIGITS, HISTORY, NASTY, OTHERS, VERDICTS, Baseline, Reader, a_diagnosis


@pytest.fixture(scope="module")
def saved():
    """An untrained model of the digits, from a file with a nasty name."""
    built = build(OTHERS.x, latent_dim=2, width=8)
    provenance = {
        "data": {"source": NASTY, "rows": 1437, "columns": 64, "sha256": "0123abcd"},
        "split": {"train_rows": 1293, "validation_rows": 144},
        "seed": 7,
        "stopped": "patience",
        "best_step": 1234,
        "versions": {"lowerbound": "0.0.1"},
        "command": f"lowerbound fit '{NASTY}'",
    }
    return Saved(built.model, provenance, {"train_rows": fingerprints(OTHERS.x)})


@pytest.fixture(scope="module")
def source():
    kinds = [f"{NASTY}{label}" for label in DIGITS.labels[:50] % 3]
    return Source(DIGITS.x[:50], f"rows of {NASTY}", (8, 8), np.array(kinds))


@pytest.fixture(scope="module")
def evaluation(saved, source):
    return evaluate(saved, source.x, {"coin-toss": Baseline(-20.0), "dice": Baseline(-500.0)}, samples=30)


@pytest.fixture(scope="module")
def page(saved, source, evaluation):
    return report(saved, source, evaluation, a_diagnosis(*VERDICTS), history=HISTORY, train=OTHERS.x, seed=3)


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


@pytest.fixture(scope="module")
def words(read):
    return " ".join("".join(read.text).split())
