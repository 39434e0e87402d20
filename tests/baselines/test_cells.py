"""Latent classes over the cells of columns of several kinds."""

from itertools import islice

import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.baselines.cells import CellMixture, expectation_maximization, fit_cells
from lowerbound.baselines.fit import are_comparable, fit_baselines
from lowerbound.families.fitted import Found

RNG = np.random.default_rng(0)
N = 3_000
KIND = RNG.integers(0, 3, N)
SIZE = RNG.normal(3.0 * KIND, 0.5)
COUNT = RNG.poisson(2.0 + 5 * KIND)
X = np.stack([KIND, SIZE, COUNT], 1).astype(float)


def family_of(x=X, missing=False):
    """A category, a real number and a whole one."""
    number, count = (
        lb.FreeForm.fitted_by_column(Found.of(x[:, [j]], missing), steps).family
        for j, steps in [(1, None), (2, (1,))]
    )
    return lb.MixedColumns([lb.Categorical(1, 3, missing=missing), number, count])


FAMILY = family_of()


def test_it_makes_1_over_all_that_columns_may_hold():
    mixture = fit_cells(X, 3, family=FAMILY, seed=0)
    size = np.linspace(-60, 70, 26_001)
    total = 0.0
    for count in range(0, 60, 7):  # p(count) is that of the mixture, and the rest integrates to it
        rows = [np.stack([np.full(len(size), k), size, np.full(len(size), count)], 1) for k in range(3)]
        found = np.exp(mixture.log_prob(np.concatenate(rows))).sum() * (size[1] - size[0])
        alone = np.exp(mixture.log_prob([[np.nan, np.nan, count]]))[0]
        assert found == pytest.approx(alone, rel=2e-3)
    for count in range(-40, 400):
        total += np.exp(mixture.log_prob([[np.nan, np.nan, count]]))[0]
    assert total == pytest.approx(1, abs=1e-3)


def test_a_family_that_was_loaded_has_the_same_cells(tmp_path):
    """Its arrays are the device's then."""
    lb.save(FAMILY, tmp_path / "family")
    cells, kept = FAMILY.cells(X), lb.load(tmp_path / "family").cells(X)
    np.testing.assert_array_equal(kept.place, cells.place)
    np.testing.assert_allclose(kept.log_within, cells.log_within, rtol=1e-6)


def test_no_step_lowers_the_objective():
    start = CellMixture(FAMILY, np.full(4, 0.25), np.zeros((4, 0)), note="")
    cells = FAMILY.cells(X)
    steps = islice(expectation_maximization(start, cells, RNG.dirichlet(np.ones(4), N)), 15)
    objectives = [objective for _, objective in steps]
    assert (np.diff(objectives) > -1e-8 * N).all()
    assert objectives[-1] > objectives[0] + 0.1 * N


def test_classes_that_the_rows_come_from_are_worth_what_columns_share():
    """The gain over independent columns is near their total correlation, within 4 standard errors and what
    bins lose: log 3 a column, since the kind can be told from either."""
    found = fit_baselines(X, FAMILY)
    gain = found["latent-classes"].log_prob(X) - found["independent"].log_prob(X)
    assert 1.5 < gain.mean() < 2 * np.log(3) + 4 * gain.std() / np.sqrt(N)
    assert are_comparable(FAMILY, lb.Identity())


@pytest.mark.thorough
def test_independent_columns_have_the_familys_own_measure():
    """Of the member with the columns' margins, half of whose bins is the bell's, the mean is near."""
    family = family_of(missing=True)
    starts = [np.log(np.bincount(KIND) / N)]
    for j, steps in [(1, None), (2, (1,))]:
        starts.append(lb.FreeForm.fitted_by_column(Found.of(X[:, [j]], missing=True), steps).start)
    member = family(jnp.asarray(np.concatenate(starts), float))
    mine = np.asarray(member.log_prob(jnp.asarray(X, float)), np.float64)
    independent = fit_baselines(X, family)["independent"]
    assert independent.log_prob(X).mean() == pytest.approx(mine.mean(), abs=0.1)
    hole = X[:1].copy()
    hole[0, 1] = np.nan
    both = independent.log_prob(X[:1]) - independent.log_prob(hole)
    assert both[0] == pytest.approx(independent.log_prob([[np.nan, X[0, 1], np.nan]])[0], abs=1e-9)
