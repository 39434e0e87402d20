"""p-values that are right in repeated draws, and lists of anomalies with few that are none."""

import numpy as np
import pytest
from scipy import stats

from lowerbound.conformal import conformal_p_values, conformal_threshold, flag

REPEATS = 10_000


@pytest.mark.parametrize("n", [9, 50, 199])
def test_a_usual_rows_p_value_is_at_most_alpha_with_probability_alpha(n):
    """Over 10,000 draws of n calibration scores and a new one, P(p ≤ α) = ⌊α(n + 1)⌋/(n + 1), within the
    central 1 − 1e-4 of the binomial; scores of a heavy tail."""
    scores = np.random.default_rng(n).standard_cauchy((REPEATS, n + 1))
    p = np.array([conformal_p_values(row[-1:], row[:-1])[0] for row in scores])
    for alpha in (0.01, 0.05, 0.1, 0.5, 0.9):
        exact = np.floor(alpha * (n + 1) + 1e-9) / (n + 1)
        low, high = stats.binom.interval(1 - 1e-4, REPEATS, exact) if exact > 0 else (0, 0)
        assert low <= (p <= alpha).sum() <= high, (n, alpha)
    assert p.min() == 1 / (n + 1)


def test_ties_make_p_values_larger_and_never_smaller():
    """Scores of three values: P(p ≤ α) stays at or below α, within 4 binomial standard errors."""
    scores = np.random.default_rng(0).integers(0, 3, (REPEATS, 20))
    p = np.array([conformal_p_values(row[-1:], row[:-1])[0] for row in scores])
    for alpha in (0.2, 0.4, 0.7):
        assert (p <= alpha).mean() <= alpha + 4 * np.sqrt(alpha * (1 - alpha) / REPEATS)
    assert conformal_p_values([1.0, 1.0], [1.0, 1.0, 1.0]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("level", [0.0, 0.01, 0.29, 0.3, 0.7, 1.0])
def test_below_the_threshold_is_a_p_value_of_at_most_the_level(level):
    """As floats, for every n, at and beside every calibration score."""
    rng = np.random.default_rng(1)
    for n in (1, 9, 99, 100):
        known = np.round(rng.normal(size=n), 1)  # with ties
        scores = np.r_[known, known - 1e-9, known + 1e-9, -np.inf]
        below = scores < conformal_threshold(known, level)
        # A row of density 0 is an outlier wherever any row can be.
        np.testing.assert_array_equal(below, conformal_p_values(scores, known) <= level)


def test_false_discoveries_are_few_in_the_mean():
    """Of 200 rows 20 are anomalies 4 deviations off; over 400 draws of the calibration set and of them, the
    mean share of false discoveries is the usual share times the rate, 0.9 · 0.2, or less, within 4 standard
    errors; and most anomalies are found."""
    rng, rate, found, false = np.random.default_rng(2), 0.2, [], []
    odd = np.arange(200) < 20
    for _ in range(400):
        flagged = flag(conformal_p_values(rng.normal(-4.0 * odd, 1.0), rng.normal(size=500)), rate)
        false.append((flagged & ~odd).sum() / max(flagged.sum(), 1))
        found.append((flagged & odd).sum() / 20)
    assert np.mean(false) <= 0.9 * rate + 4 * np.std(false) / np.sqrt(400)
    assert np.mean(found) > 0.8


def test_flags_are_those_of_benjamini_and_hochberg():
    """Their own table 1 of 15 p-values (1995, section 3.2): four are rejected at 0.05."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    order = np.random.default_rng(0).permutation(15)
    np.testing.assert_array_equal(flag(np.array(p)[order], 0.05), order < 4)
    np.testing.assert_array_equal(flag(p, 0.05), stats.false_discovery_control(p) <= 0.05)
    assert not flag([0.5, 0.9], 0.1).any()
    assert flag([], 0.1).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conformal_p_values([1.0], []), "scores of at least one row, found none"),
        (lambda: conformal_p_values([np.nan], [1.0]), "scores: expected numbers, found NaN at 0"),
        (lambda: conformal_p_values([[1.0]], [1.0]), r"one number each, found the shape \(1, 1\)"),
        (lambda: conformal_threshold([1.0], 2), "level: expected a share between 0 and 1, found 2"),
        (lambda: flag([0.5], 0.0), "false_discovery_rate: expected a share above 0"),
        (lambda: flag([1.5]), "expected probabilities, found 1.5"),
    ],
)
def test_a_wrong_call_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
