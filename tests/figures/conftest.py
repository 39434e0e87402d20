"""What the tests of figures share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits().data


@pytest.fixture(scope="module")
def z():
    return np.random.default_rng(0).normal(size=(60, 2))
