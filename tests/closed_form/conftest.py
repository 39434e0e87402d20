"""The model whose every number is known, and rows drawn from it."""

import numpy as np
import pytest

from .linear_gaussian import LinearGaussian


@pytest.fixture(scope="session")
def truth():
    rng = np.random.default_rng(0)
    return LinearGaussian(W=rng.normal(size=(5, 2)), b=rng.normal(size=5), sigma=0.5)


@pytest.fixture(scope="session")
def rows(truth):
    """100 rows x ~ p(x), (100, 5)."""
    return truth.marginal.rvs(100, random_state=1).astype(np.float32)
