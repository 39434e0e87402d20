"""Numbers of any distribution: values that stand alone, bins and a bell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb
from lowerbound.families.fitted import Found

RNG = np.random.default_rng(0)
N = 6_000
SIZES = RNG.lognormal(0, 1, N)  # above 0
GAINS = np.where(RNG.random(N) < 0.3, 0.0, RNG.exponential(2, N))  # and 0, that stands alone
HEIGHTS = RNG.normal(5, 1, N)
HOURS = np.where(RNG.random(N) < 0.4, 40, RNG.normal(40, 12, N).round().clip(1))
KIDS = RNG.poisson(1.5, N)
WAGES = RNG.lognormal(9, 1, N).round()
DOSES = RNG.normal(1, 0.2, N).round(2)


def fitted(columns, steps=None, rows=N, seed=1):
    """The family of such columns with a member that is not their margins'."""
    x = np.stack([column[:rows] for column in columns], 1)
    found = lb.FreeForm.fitted_by_column(Found.of(x, missing=False), steps)
    return found.family, found.start + 0.3 * np.random.default_rng(seed).normal(size=len(found.start))


@pytest.mark.parametrize("rows", [pytest.param(N, marks=pytest.mark.slow), 1_000])
def test_a_density_and_the_points_beside_it_make_1(rows):
    """With bins and without; of columns from 0 on nothing lies below 0."""
    family, v = fitted([SIZES, GAINS, HEIGHTS], rows=rows)
    p = family.marginals(jnp.asarray(v, float))
    log_prob = jax.jit(lambda x: p.log_prob(jnp.tile(x[:, None], 3)))
    # In log x near 0, where a density may be steep.
    ends = np.concatenate([np.linspace(-20, 0, 20_001), np.geomspace(1e-7, 400, 400_001)]) + 1e-9
    middle = (ends[1:] + ends[:-1]) / 2
    mass = (np.exp(np.asarray(log_prob(middle.astype(np.float32)), np.float64)) * np.diff(ends)[:, None]).sum(
        0
    )
    points = np.exp(np.asarray(p.log_prob(jnp.zeros(3)), np.float64))
    assert family.heights == (rows == N)
    np.testing.assert_allclose(mass + points * [0, 1, 0], 1, atol=0.003)
    assert (log_prob(np.float32([-0.5]))[0, :2] == -np.inf).all()
    assert np.isfinite(log_prob(np.zeros(1, np.float32))).all()  # the end itself, that no row had


@pytest.mark.parametrize("rows", [pytest.param(N, marks=pytest.mark.slow), 1_000])
def test_numbers_in_steps_have_masses_that_sum_to_1(rows):
    family, v = fitted([HOURS, KIDS, WAGES, DOSES], (1, 1, 1, 100), rows=rows)
    p = family.marginals(jnp.asarray(v, float))
    k = np.arange(-1000, 600_000)[:, None] / np.array([1, 1, 1, 100])
    mass = np.exp(np.asarray(jax.jit(p.log_prob)(k.astype(np.float32)), np.float64))
    np.testing.assert_allclose(mass.sum(0), 1, atol=0.003)
    assert mass[:1000, :3].max() == 0  # below 0
    assert lb.MixedColumns([family]).support.is_discrete


@pytest.mark.parametrize("steps", [pytest.param(None, marks=pytest.mark.thorough), (1, 1, 100)])
def test_draws_follow_the_probabilities(steps):
    """A bell's mean is over 16 of its quantiles: a few in a thousand of a standard deviation."""
    columns = [SIZES, GAINS, HEIGHTS] if steps is None else [HOURS, KIDS, DOSES]
    family, v = fitted(columns, steps)
    p = family.marginals(jnp.asarray(v, float))
    drawn = np.asarray(p.sample(jax.random.key(0), (40_000,)), np.float64)
    deviation = np.sqrt(np.asarray(p.variance, np.float64))
    errors = np.abs(drawn.mean(0) - p.mean) / deviation
    assert errors.max() < 4 / np.sqrt(len(drawn)) + 0.03
    assert drawn[:, :2].min() >= 0
    if steps is None:
        share = np.exp(float(p.log_prob(jnp.zeros(3))[1]))
        assert np.mean(drawn[:, 1] == 0) == pytest.approx(share, abs=4 * np.sqrt(share / len(drawn)))
        return
    for j, value in enumerate([40, 2, 1.01]):
        value = np.float32(value)
        share = np.exp(float(p.log_prob(jnp.full(3, value))[j]))
        assert np.mean(drawn[:, j] == value) == pytest.approx(share, abs=4 * np.sqrt(share / len(drawn)))


def test_the_first_member_has_the_columns_margins():
    """Its log-likelihood is near the entropy of the laws that the columns were drawn from, within 4 standard
    errors and what a histogram loses."""
    x = np.stack([SIZES, HEIGHTS], 1)
    found = lb.FreeForm.fitted_by_column(Found.of(x, missing=False), None)
    log_prob = found.family.marginals(jnp.asarray(found.start, float)).log_prob(jnp.asarray(x, float))
    true = np.stack([stats.lognorm(1).logpdf(SIZES), stats.norm(5, 1).logpdf(HEIGHTS)], 1)
    lost = true.mean(0) - np.asarray(log_prob, np.float64).mean(0)
    assert (np.abs(lost) < 0.03).all()


@pytest.mark.thorough
def test_a_narrow_cell_has_the_density_and_a_wide_one_the_probability():
    """Without bins the bell alone: cells of 1e-4 and of 3 standard deviations, against SciPy's."""
    for scale in (10_000.0, 0.33):
        values = np.rint(RNG.normal(0, scale, 900))
        found = lb.FreeForm.fitted_by_column(Found.of(values[:, None], missing=False), (1,))
        family, atoms = found.family, found.family.margins.atoms.value.shape[1]
        v = jnp.concatenate([jnp.full(atoms, -50.0), jnp.zeros(3)])
        p = family.marginals(v)
        k = np.unique(values)[:, None]
        g = [np.asarray(family.margins.normalised(jnp.asarray(k + side, float))[0]) for side in (-0.5, 0.5)]
        expected = np.log(stats.norm.cdf(g[1].astype(float)) - stats.norm.cdf(g[0].astype(float)))
        np.testing.assert_allclose(np.asarray(p.log_prob(jnp.asarray(k, float))), expected, atol=0.02)


def test_the_map_goes_back_and_its_slope_is_its_derivative():
    margins = lb.Margins.of(np.stack([SIZES, HEIGHTS], 1), bins=16)
    x = jnp.stack([jnp.geomspace(1e-3, 60, 40), jnp.linspace(0.1, 12, 40)], 1)
    y, log_slope = margins.normalised(x)
    np.testing.assert_allclose(margins.original(y), x, rtol=2e-4)
    slope = jax.vmap(jax.jacfwd(lambda row: margins.normalised(row)[0]))(x)
    np.testing.assert_allclose(jnp.log(jnp.diagonal(slope, axis1=1, axis2=2)), log_slope, atol=1e-4)
    assert (jnp.diff(y, axis=0) > 0).all()


def test_a_missing_value_counts_for_nothing():
    x = np.stack([SIZES, HEIGHTS], 1)[:900]
    x[::3, 0] = np.nan
    found = lb.FreeForm.fitted_by_column(Found.of(x, missing=True), None)
    p = found.family(jnp.asarray(found.start, float))
    whole = float(p.log_prob(jnp.array([1.0, 5.0])))
    parts = [float(p.log_prob(jnp.array(row))) for row in ([1.0, np.nan], [np.nan, 5.0])]
    assert whole == pytest.approx(sum(parts), rel=1e-5)


def test_of_a_column_without_a_value_nothing_is_known():
    x = np.stack([np.full(90, np.nan), HEIGHTS[:90]], 1)
    found = lb.FreeForm.fitted_by_column(Found.of(x, missing=True), None)
    p = found.family(jnp.asarray(found.start, float))
    assert np.isfinite(float(p.log_prob(jnp.array([np.nan, 5.0]))))
    assert np.isfinite(np.asarray(p.sample(jax.random.key(0), (9,)))).all()


def test_a_column_that_holds_few_values_has_each_alone_and_others_far_less_likely():
    family, _ = fitted([KIDS], (1,))
    start = family.margin(KIDS[:, None])
    log_prob = family.marginals(jnp.asarray(start, float)).log_prob
    often = np.mean(KIDS == 1)
    assert float(jnp.exp(log_prob(jnp.array([1.0]))[0])) == pytest.approx(often, abs=0.01)
    assert -200 < float(log_prob(jnp.array([25.0]))[0]) < -8
