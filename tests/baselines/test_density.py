"""The numbers belong to rows, and differences of them are paired."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from .clusters import EVERY


@pytest.mark.parametrize("kind", EVERY)
def test_a_subset_or_permutation_gives_each_row_its_number(fitted, kind):
    baselines, x = fitted[kind]
    x = np.concatenate([x] * 3)  # more than one chunk
    order = np.random.default_rng(3).permutation(len(x))
    for density in baselines.values():
        scores = density.log_prob(x)
        assert_allclose(density.log_prob(x[order]), scores[order], rtol=1e-12)
        assert_allclose(density.log_prob(x[7:8]), scores[7:8], rtol=1e-12)
        assert_array_equal(density.log_prob(np.where(x == 0, -0.0, x)), scores)  # -0 is 0


def test_rows_that_cannot_be_scored_are_refused(fitted):
    for density in fitted["binomial"][0].values():
        with pytest.raises(ValueError, match="x has 3 columns: the baseline was fitted to 2"):
            density.log_prob(np.ones((4, 3)))
        with pytest.raises(ValueError, match=r"whole numbers from 0.*found 0\.5"):
            density.log_prob([[0, 0.5]])
    with pytest.raises(ValueError, match=r"whole numbers from 0 to 4.*found 5"):
        fitted["binomial"][0]["mixture"].log_prob([[0, 5]])
