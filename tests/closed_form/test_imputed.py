"""What is stated of missing values, against the exact conditionals: coverage, means, levels, whatever the
encoder is worth."""

import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb

from .linear_gaussian import affine
from .test_missing import COVARIANCE, SIGMA, B, D, K, W, exact

N = 800
RNG = np.random.default_rng(1)
ROWS = RNG.multivariate_normal(B, COVARIANCE, N).astype(np.float32)
HOLES = RNG.random((N, D)) < 0.5
HOLES[HOLES.all(1), 0] = False
SEEN = np.where(HOLES, np.nan, ROWS)


def model(mean, scale, *, missing=True, schema=None):
    """p(x∣z) = N(Wz + b, σ²I) with an encoder that says N(mean, scale²) of every row."""
    latent = lb.DiagonalGaussian(K)
    says = np.concatenate([mean, np.full(K, 2 * np.log(scale))])
    return lb.VAE(
        lb.StandardNormal(K),
        lb.Conditional(affine(np.zeros((D, latent.size)), says), latent),
        lb.Conditional(affine(W.T, B), lb.DiagonalGaussian(D, scale=lb.FixedScale(SIGMA), missing=missing)),
        schema=schema,
    )


@pytest.fixture(scope="module")
def found():
    """By an encoder that is far off and sure of it."""
    return lb.imputed(model([3.0, -3.0], 0.05), SEEN, samples=500, draws=2)


@pytest.fixture(scope="module")
def conditional():
    """Mean and variance of each missing value given the rest of its row."""
    means, variances = np.full((2, N, D), np.nan)
    for i, row in enumerate(SEEN):
        if HOLES[i].any():
            _, means[i, HOLES[i]], covariance = exact(row)
            variances[i, HOLES[i]] = np.diag(covariance)
    return means, variances


@pytest.mark.thorough
@pytest.mark.parametrize("interval", [pytest.param(0.9, marks=pytest.mark.slow), 0.5])
def test_as_many_intervals_hold_the_value_as_they_say(interval):
    """Within 4 standard errors of the binomial, with as many trials as rows: a row's cells hang together."""
    found = lb.imputed(model([0.0, 0.0], 1.0), SEEN, samples=500, interval=interval)
    inside = ((found.lower <= ROWS) & (found.upper >= ROWS))[HOLES].mean()
    assert abs(inside - interval) < 4 * np.sqrt(interval * (1 - interval) / HOLES.any(1).sum())


@pytest.mark.thorough
def test_so_do_those_by_an_encoder_that_is_far_off(found):
    inside = ((found.lower <= ROWS) & (found.upper >= ROWS))[HOLES].mean()
    assert abs(inside - 0.9) < 4 * np.sqrt(0.9 * 0.1 / HOLES.any(1).sum())


@pytest.mark.thorough
def test_an_interval_is_that_of_the_conditional(found, conditional):
    """Its ends are m ± 1.645 s; the level of an end has the error √(.05 × .95/ESS) that is stated, and a
    normal density of .103/s there. In the root mean square over cells, within a third: a hundredth of a
    level is not much to say of single ends."""
    mean, variance = (each[HOLES] for each in conditional)
    size = np.repeat(found.effective_sample_size[:, None], D, 1)[HOLES]
    for end, sign in ((found.lower[HOLES], -1), (found.upper[HOLES], 1)):
        error = (end - mean) / np.sqrt(variance) - sign * 1.6449
        stated = np.sqrt(0.05 * 0.95 / size) / 0.1031
        assert 0.5 < np.sqrt((error**2).mean() / (stated**2).mean()) < 1.33
        assert abs(error.mean()) < 0.03


@pytest.mark.thorough
def test_means_are_the_conditional_means_to_the_error_that_effective_samples_say(found, conditional):
    mean, variance = (each[HOLES] for each in conditional)
    size = np.repeat(found.effective_sample_size[:, None], D, 1)[HOLES]
    assert ((found.mean[HOLES] - mean) ** 2 / (variance / size)).mean() < 1.5


@pytest.mark.thorough
def test_what_was_observed_is_as_it_was_in_every_table(found):
    for table in (found.mean, found.lower, found.upper, *found.draws):
        np.testing.assert_array_equal(table[~HOLES], ROWS[~HOLES])
    assert len(found.draws) == 2


@pytest.mark.thorough
def test_the_posterior_is_refined_where_the_encoder_is_not_worth_much(found):
    """Without it one sample in ten is of the prior and the rest count for nothing."""
    whole = ~HOLES.any(1)
    assert np.isnan(found.effective_sample_size[whole]).all()
    size = found.effective_sample_size[~whole]
    assert size.min() > 0.099 * 500
    assert np.median(size) > 0.5 * 500


@pytest.mark.thorough
def test_draws_and_means_are_those_of_impute(found):
    worthless = model([3.0, -3.0], 0.05)
    np.testing.assert_allclose(
        lb.impute(worthless, SEEN[:40], samples=500, mean=True), found.mean[:40], rtol=1e-4, atol=1e-5
    )
    drawn = lb.impute(worthless, SEEN[:40], samples=500, draws=2)
    np.testing.assert_allclose(drawn[1], found.draws[1][:40], rtol=1e-4, atol=1e-5)


@pytest.mark.thorough
def test_rows_without_holes_come_back():
    found = lb.imputed(model([0.0, 0.0], 1.0), ROWS[:3], samples=500)
    np.testing.assert_array_equal(found.mean, ROWS[:3])
    assert np.isnan(found.effective_sample_size).all()


class TestLevels:
    """A code z of three states, a priori alike; a column of two levels and one of three given it."""

    FIRST = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])  # p(first = level∣z)
    SECOND = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.3, 0.6]])

    @classmethod
    def model(cls, **options):
        columns = lb.MixedColumns(
            [
                lb.Categorical(1, 2, **options),
                lb.Categorical(1, 3, **options),
                lb.DiagonalGaussian(1, **options),
            ]
        )
        table = jnp.asarray(np.concatenate([np.log(cls.FIRST), np.log(cls.SECOND), np.zeros((3, 2))], 1))
        code = lb.Categorical(1, 3)
        # Of each row it says that z is 2, most likely.
        encoder = lb.Conditional(lambda x: jnp.asarray([0.0, 0.0, 3.0]), code)
        return lb.VAE(
            lb.StandardPrior(code), encoder, lb.Conditional(lambda z: table[z[0].astype(int)], columns)
        )

    def given(self, level):
        """p(second∣first = level), by Bayes."""
        of_z = self.FIRST[:, level] / self.FIRST[:, level].sum()
        return of_z @ self.SECOND

    def test_their_probabilities_are_the_exact_ones(self):
        x = np.array([[0.0, np.nan, 0.5], [1.0, np.nan, np.nan], [np.nan, 2.0, 0.0]])
        found = lb.imputed(self.model(missing=True), x, samples=4000)
        for row in (0, 1):
            # A mean of ESS draws of p(level∣z), each between 0 and 1.
            error = 0.5 / np.sqrt(found.effective_sample_size[row])
            np.testing.assert_allclose(found.probabilities[1][row], self.given(row), atol=4 * error)
        assert found.mean[0, 1] == self.given(0).argmax()
        np.testing.assert_array_equal(found.probabilities[0][:2], np.eye(2))
        np.testing.assert_array_equal(found.probabilities[1][2], [0, 0, 1])
        np.testing.assert_allclose(found.probabilities[0].sum(1), 1, rtol=1e-5)

    def test_a_missing_level_has_no_interval(self):
        found = lb.imputed(self.model(missing=True), np.array([[0.0, np.nan, np.nan]]), samples=4000)
        assert np.isnan(found.lower[0]).tolist() == [False, True, False]
        assert found.lower[0, 2] < 0 < found.upper[0, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 1.0}, "an interval between 0 and 1, such as 0.9, found 1.0"),
        ({"draws": -1}, "draws of at least 0, found -1"),
        ({"samples": 0}, "samples of at least 1, found 0"),
    ],
)
def test_a_wrong_call_says_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        lb.imputed(model([0.0, 0.0], 1.0), SEEN[:1], **options)
