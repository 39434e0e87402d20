"""A page on an untrained model, from a file with a nasty name."""

import numpy as np
import pytest

from lowerbound.archive.records import DataRecord, Provenance, Split
from lowerbound.assembly import build
from lowerbound.baselines.comparison import TrainedOn, compared
from lowerbound.data.sources import Source
from lowerbound.inference.fingerprints import fingerprints
from lowerbound.pages import report

from .page import DIGITS, HISTORY, NASTY, OTHERS, VERDICTS, Baseline, Reader, a_diagnosis


@pytest.fixture(scope="module")
def model():
    """An untrained model of the digits."""
    return build(OTHERS.x, latent_dim=2, width=8).model


# From a file with a nasty name.
PROVENANCE = Provenance(
    data=DataRecord(NASTY, 1437, 64, None, None, None, "0123abcd"),
    split=Split(1293, 144),
    seed=7,
    stopped="patience",
    best_step=1234,
    versions={"lowerbound": "0.0.1"},
    command=f"lowerbound fit '{NASTY}'",
)


@pytest.fixture(scope="module")
def source():
    kinds = [f"{NASTY}{label}" for label in DIGITS.labels[:50] % 3]
    return Source(DIGITS.x[:50], f"rows of {NASTY}", (8, 8), np.array(kinds))


@pytest.fixture(scope="module")
def evaluation(model, source):
    baselines = {"coin-toss": Baseline(-20.0), "dice": Baseline(-500.0)}
    return compared(
        model, source, baselines, TrainedOn(fingerprints(OTHERS.x)), method="importance", samples=30
    )


@pytest.fixture(scope="module")
def call(model, source, evaluation):
    """What the page is made of."""
    told = dict(provenance=PROVENANCE, history=HISTORY, train=OTHERS.x, seed=3)
    return (model, source, evaluation, a_diagnosis(*VERDICTS)), told


@pytest.fixture(scope="module")
def page(call):
    return report.page(*call[0], **call[1])


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


@pytest.fixture(scope="module")
def words(read):
    return " ".join("".join(read.text).split())
