"""Means over rows and their errors."""

import numpy as np
import pytest

from lowerbound.statistics import RunningMean, standard_error_of_mean


@pytest.mark.parametrize("sizes", [[1], [2], [1, 1], [0, 3, 0], [5, 1, 100, 7]], ids=str)
def test_a_running_mean_is_the_mean_of_all_values_whatever_pieces_they_come_in(sizes):
    values = np.random.default_rng(0).normal(1e6, 1.0, sum(sizes))
    running = RunningMean()
    for piece in np.split(values, np.cumsum(sizes)[:-1]):
        running.add(piece)
    assert running.count == len(values)
    assert running.mean == pytest.approx(values.mean(), rel=1e-14)
    assert running.standard_error == pytest.approx(standard_error_of_mean(values), rel=1e-8, nan_ok=True)
