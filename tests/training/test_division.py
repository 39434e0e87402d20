"""Rows beyond memory are divided as those in memory are, in the memory of those that are held out."""

import jax
import numpy as np
import pytest

from lowerbound.assembly import build
from lowerbound.data.others import Others
from lowerbound.data.rows import Rows
from lowerbound.training import division
from lowerbound.training.division import Division

ROWS = 500


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).integers(0, 2, (ROWS, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model(x):
    return build(x, latent_dim=1, width=4, depth=1).model


@pytest.fixture
def mapped(x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    return Rows(np.load(tmp_path / "x.npy", mmap_mode="r"))


def divided(model, rows, validation=0.1):
    return Division.of(model, rows, None, validation, jax.random.key(0))


@pytest.mark.parametrize("kept_back", [None, np.array([499, 3, 4])])
def test_a_mapped_file_is_divided_as_its_rows_in_memory_are(kept_back, x, mapped, model):
    rows = [Rows(x), mapped] if kept_back is None else [r.keeping_back(kept_back) for r in (Rows(x), mapped)]
    within, beyond = (divided(model, each) for each in rows)
    assert isinstance(within.train_rows, np.ndarray)
    assert isinstance(beyond.train_rows, Others)
    np.testing.assert_array_equal(within.train_rows, np.asarray(beyond.train_rows))
    np.testing.assert_array_equal(within.held_rows, beyond.held_rows)
    left_out = {*within.held_rows.tolist(), *([] if kept_back is None else kept_back.tolist())}
    assert {*within.train_rows.tolist()} == {*range(ROWS)} - left_out
    assert len(within.held_rows) == 50


def test_rows_that_are_kept_back_have_no_part_beside_validation_rows_of_their_own(x, model):
    found = divided(model, Rows(x).keeping_back(np.array([0, 2])), x[:20])
    assert found.train_rows.tolist() == [1, *range(3, ROWS)]
    assert len(found.held_rows) == 20


def test_a_share_of_rows_beyond_memory_is_bounded(x, mapped, model, monkeypatch):
    monkeypatch.setattr(division, "MOST_VALIDATION", 7)
    assert len(divided(model, mapped).held_rows) == 7
    assert len(divided(model, Rows(x)).held_rows) == 50


def test_the_numbers_of_the_others_are_those_of_an_array():
    random = np.random.default_rng(0)
    left_out = np.sort(random.choice(1000, 130, replace=False))
    others, array = Others(1000, left_out), np.setdiff1d(np.arange(1000), left_out)
    np.testing.assert_array_equal(np.asarray(others), array)
    places = random.permutation(len(array))
    np.testing.assert_array_equal(others[places], array[places])
    np.testing.assert_array_equal(others[100:700:3], array[100:700:3])
    assert (len(others), others.shape, others.dtype) == (870, (870,), np.int32)
    assert [*others] == array.tolist()
