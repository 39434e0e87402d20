"""What is filled in, and what is left as it was."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb

TWO = lb.DiagonalGaussian(2)


def model(family, vector, transform=None):
    """p(x∣z) is one member of a family whatever z, so that every conditional is known."""
    network = lb.Conditional(lambda z: jnp.asarray(vector), family)
    return lb.VAE(lb.StandardNormal(2), lb.Conditional(lambda x: jnp.zeros(4), TWO), network, transform)


def numbers(scale=1e-3):
    family = lb.DiagonalGaussian(2, scale=lb.FixedScale(scale), missing=True)
    T = lb.Standardization(mean=jnp.asarray([1e5, 0.0]), scale=jnp.asarray([3e4, 1.0]))
    return model(family, [0.5, 0.5], T)


@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_observed_values_come_back_to_the_bit_in_their_type(kind, mean):
    x = np.array([[123456.789, np.nan], [np.nan, 0.1]], kind)
    filled = lb.impute(numbers(), x, samples=10, mean=mean)
    assert filled.dtype == kind
    seen = ~np.isnan(x)
    np.testing.assert_array_equal(filled[seen], x[seen])
    np.testing.assert_allclose(filled[~seen], [0.5, 1e5 + 1.5e4], rtol=0.02)


@pytest.mark.thorough
def test_draws_are_independent_and_each_a_completion():
    """20,000 draws of N(0.5, 0.1²): mean and variance within 5 standard errors, and no two in step."""
    x = np.array([[1e5, np.nan]])
    drawn = lb.impute(numbers(0.1), x, draws=20_000, samples=4)
    assert drawn.shape == (20_000, 1, 2)
    assert (drawn[:, 0, 0] == 1e5).all()
    noise = (drawn[:, 0, 1] - 0.5) / 0.1
    assert abs(noise.mean()) < 5 / np.sqrt(len(noise))
    assert abs(noise.var() - 1) < 5 * np.sqrt(2 / len(noise))
    few = lb.impute(numbers(0.1), x, draws=3, samples=4)
    np.testing.assert_array_equal(few, drawn[:3])  # draw j depends on (key, row, j) only
    np.testing.assert_array_equal(lb.impute(numbers(0.1), x, samples=4), few[0])


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_intervals_by_calibration_hold_what_they_say_whatever_the_model(scale):
    """Of N(0.5, 0.3²), by models that are too sure, and not sure enough; 3.5 standard errors of 400 rows that
    are hidden and 600 that calibrate."""
    rng = np.random.default_rng(0)
    known, x = ((1e5, 0.5) + (3e4, 0.3) * rng.normal(size=(n, 2)) for n in (600, 400))
    hidden = np.column_stack([x[:, 0], np.full(len(x), np.nan)])
    asked = {"samples": 200, "draws": 0, "interval": 0.8}
    plain, calibrated = (
        lb.imputed(numbers(scale), hidden, calibration=rows, **asked) for rows in (None, known)
    )
    held = [np.mean((f.lower <= x)[:, 1] & (x <= f.upper)[:, 1]) for f in (plain, calibrated)]
    assert abs(held[0] - 0.8) > 0.15
    assert abs(held[1] - 0.8) < 3.5 * np.sqrt(0.16 / 400 + 0.16 / 600)
    np.testing.assert_array_equal(calibrated.mean, plain.mean)
    np.testing.assert_array_equal(calibrated.lower[:, 0], x[:, 0])  # observed


def test_too_few_rows_calibrate_nothing():
    known = np.array([[1e5, 0.5]] * 8)
    lb.imputed(numbers(), [[1e5, np.nan]], calibration=[*known, *known[:1]], samples=10)
    with pytest.raises(ValueError, match=r"takes at least 9 rows that know column 1, found 8"):
        lb.imputed(numbers(), [[1e5, np.nan]], calibration=known, samples=10)


class TestCategories:
    """A category has no mean: levels 0 and 2 with probabilities .4 and .6 are not level 1.2."""

    FAMILY = lb.MixedColumns([lb.Categorical(1, 3, missing=True), lb.DiagonalGaussian(1, missing=True)])
    MODEL = model(FAMILY, [np.log(0.4), -20.0, np.log(0.6), 1.5, 0.0])

    def test_the_most_probable_level_stands_for_them(self):
        x = np.array([[np.nan, np.nan]])
        for found in (
            lb.impute(self.MODEL, x, samples=10, mean=True),
            lb.decode(self.MODEL, np.zeros((1, 2))),
            lb.reconstruct(self.MODEL, x),
            lb.sample(self.MODEL, 1, key=0, mean=True),
        ):
            np.testing.assert_allclose(found, [[2.0, 1.5]], rtol=1e-6)

    def test_where_z_decides_the_level_that_weighs_most_is_taken(self):
        """Level 0 or 2 as z > 0 or not, with z ~ N(0.5, 1): 0 in 69 % of draws."""
        family = lb.Categorical(1, 3, missing=True)
        shifted = lb.Conditional(lambda x: jnp.asarray([0.5, 0.0]), lb.DiagonalGaussian(1))
        decides = lambda z: jnp.where(z[0] > 0, jnp.asarray([9.0, 0.0, 0.0]), jnp.asarray([0.0, 0.0, 9.0]))  # noqa: E731
        prior = lb.LearnedPrior(lb.DiagonalGaussian(1))
        decided = lb.VAE(prior, shifted, lb.Conditional(decides, family))
        assert lb.impute(decided, np.array([[np.nan]]), samples=500, mean=True).item() in (0.0, 2.0)

    def test_a_bare_distribution_has_its_mean(self):
        bare = lb.VAE(
            lb.StandardNormal(2),
            lb.Conditional(lambda x: jnp.zeros(4), TWO),
            lambda z: dist.Binomial(3, jnp.full(1, 0.4)).to_event(1),
        )
        np.testing.assert_allclose(lb.decode(bare, np.zeros((1, 2))), [[1.2]], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples of at least 1, found 0"),
        ({"draws": 0}, "draws of at least 1, found 0"),
        ({"draws": 2, "mean": True}, "a mean is one, found draws=2"),
    ],
)
def test_a_wrong_call_says_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        lb.impute(numbers(), np.array([[1.0, np.nan]]), **options)


def test_a_row_beyond_all_weights_is_filled_with_numbers():
    """10³⁰ where 1 is usual: no weight is above 0, and what is missing is still drawn."""
    x = np.array([[1e30, np.nan]])
    for mean in (False, True):
        assert np.isfinite(lb.impute(numbers(), x, samples=10, mean=mean)).all()
