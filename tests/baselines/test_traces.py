"""Rows that trained a model are known again, also those of which a share of the fingerprints is kept."""

import numpy as np
import pytest

from lowerbound.baselines import traces
from lowerbound.baselines.traces import Traces
from lowerbound.data.others import Others
from lowerbound.data.rows import Rows
from lowerbound.inference.fingerprints import digest_of, fingerprints


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(4000, 2)).astype(np.float32)


@pytest.fixture
def mapped(x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    return Rows(np.load(tmp_path / "x.npy", mmap_mode="r"))


def test_the_rows_that_trained_are_told_from_those_that_chose_and_those_kept_back(x, mapped):
    chose, kept_back = np.arange(0, 4000, 10), np.arange(5, 4000, 10)
    train = Others(4000, np.sort(np.concatenate([chose, kept_back])))
    found = Traces.of(mapped.keeping_back(kept_back), train, chose)
    np.testing.assert_array_equal(found.trained_on.train, fingerprints(x)[np.asarray(train)])
    np.testing.assert_array_equal(found.trained_on.validation, fingerprints(x)[chose])
    assert found.sha256 == digest_of(np.delete(fingerprints(x), kept_back, axis=0))


def test_of_a_share_of_the_fingerprints_all_rows_are_counted(x, mapped, monkeypatch):
    monkeypatch.setattr(traces, "_MOST", 1000)
    known = Traces.of(mapped, Others(4000, np.arange(2000)), np.arange(500)).trained_on
    assert known.share == 0.25
    assert len(known.train) < 600
    found = known.among(fingerprints(x[400:3000]))
    # Of 1,000 rows a quarter is looked for: the error of their number is √(1,000 · 3).
    assert found.trained == pytest.approx(1000, abs=4 * np.sqrt(3000))
    assert found.chose == pytest.approx(100, abs=4 * np.sqrt(300))
    assert known.among(fingerprints(-x)) == (0, 0, 0)
