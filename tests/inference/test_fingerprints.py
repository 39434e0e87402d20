"""Rows are known again by 64 bits of their content."""

import numpy as np
import pytest

from lowerbound.inference.fingerprints import count_among, fingerprints, rows_among


@pytest.mark.thorough
def test_fingerprints_do_not_collide_on_mnist(shared_data):
    with np.load(shared_data("mnist.npz")) as archive:
        x = archive["x_train"].reshape(60000, -1)
    assert len(np.unique(fingerprints(x), axis=0)) == len(np.unique(x, axis=0))


def test_rows_are_found_again_or_not_at_all():
    x = np.random.default_rng(1).normal(size=(20, 4))
    shuffled = x[np.random.default_rng(0).permutation(20)]
    found = shuffled[rows_among(shuffled, fingerprints(x[:5]))]
    assert set(map(bytes, found)) == set(map(bytes, x[:5]))
    assert rows_among(x[1:], fingerprints(x[:5])) is None
    assert count_among(fingerprints(shuffled), fingerprints(x[:5])) == 5


def test_what_a_model_cannot_tell_apart_has_one_fingerprint():
    x = np.array([[0.0, np.nan, 1.0], [-0.0, -np.nan, 1.0 + 1e-12], [0.0, np.nan, 1.001]])
    a, b, other = map(bytes, fingerprints(x))
    assert a == b != other
