"""Baselines of every kind, fitted once."""

import numpy as np
import pytest

from lowerbound.baselines import fit_baselines

from .clusters import TRIALS, clusters, family_of


@pytest.fixture(scope="session")
def fitted():
    """Baselines of every kind on two columns, each with rows to score."""
    result = {}
    for kind in TRIALS:
        x = clusters(kind)
        result[kind] = fit_baselines(x, family_of(kind)), x
    x = np.random.default_rng(0).normal([3.0, -1e3], [2.0, 1e-2], (300, 2))
    return result | {"gaussian": (fit_baselines(x), x)}
