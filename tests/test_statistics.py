"""Means over rows and their errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from lowerbound.statistics import RunningMean, paired_difference, standard_error_of_mean


@pytest.mark.parametrize("sizes", [[1], [2], [1, 1], [0, 3, 0], [5, 1, 100, 7]], ids=str)
def test_a_running_mean_is_the_mean_of_all_values_whatever_pieces_they_come_in(sizes):
    values = np.random.default_rng(0).normal(1e6, 1.0, sum(sizes))
    running = RunningMean()
    for piece in np.split(values, np.cumsum(sizes)[:-1]):
        running.add(piece)
    assert running.count == len(values)
    assert running.mean == pytest.approx(values.mean(), rel=1e-14)
    assert running.standard_error == pytest.approx(standard_error_of_mean(values), rel=1e-8, nan_ok=True)


def test_paired_difference():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=50), rng.normal(size=50)
    mean, error = paired_difference(a, b)
    assert_allclose([mean, error], [(a - b).mean(), stats.sem(a - b)])
    with pytest.raises(ValueError, match=r"found shapes \(3,\) and \(2,\)"):
        paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])
