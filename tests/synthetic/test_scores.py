"""Scores of columns and of pairs: closed forms, and errors that are those of repetition."""

import numpy as np
import pandas as pd
import pytest

from lowerbound.data.errors import DataError
from lowerbound.synthetic.aligned import Aligned
from lowerbound.synthetic.closest import nearer_to_training
from lowerbound.synthetic.learners import area
from lowerbound.synthetic.margins import frequencies_alike, margin_alike, numbers_alike
from lowerbound.synthetic.pairs import correlations_alike, pair_alike
from lowerbound.synthetic.score import Score, mean

RANDOM = np.random.default_rng(0)


def normals(n, r):
    return RANDOM.multivariate_normal([0, 0], [[1, r], [r, 1]], n)


def levels_and_numbers(n, shift):
    """A level that says which side of 0 a number is, now and then."""
    x = RANDOM.normal(shift, 1, n)
    return np.stack([(x + RANDOM.normal(0, 1, n) > 0).astype(float), x], axis=1)


STATISTICS = {
    "frequencies": lambda: frequencies_alike(
        RANDOM.choice(3, 300, p=[0.5, 0.3, 0.2]), RANDOM.choice(3, 200, p=[0.2, 0.3, 0.5])
    ),
    "numbers": lambda: numbers_alike(RANDOM.normal(0, 1, 300), RANDOM.normal(1, 1, 200)),
    "holes": lambda: numbers_alike(
        np.where(RANDOM.random(300) < 0.4, np.nan, RANDOM.normal(0, 1, 300)), RANDOM.normal(1, 1, 200)
    ),
    "correlations": lambda: correlations_alike(normals(300, 0.8), normals(200, -0.2)),
    "a level and a number": lambda: pair_alike(
        levels_and_numbers(300, 0.0), levels_and_numbers(200, 2.0), (2, 0)
    ),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_the_error_is_the_deviation_over_repetitions(name):
    """Within a fifth, where the statistic is away from its end: 200 repetitions know theirs to 5 %."""
    scores = [STATISTICS[name]().score for _ in range(200)]
    deviation = np.std([score.value for score in scores], ddof=1)
    assert np.mean([score.standard_error for score in scores]) == pytest.approx(deviation, rel=0.2)


def test_influences_sum_to_nothing_and_those_of_a_mean_are_shared():
    found = [draw() for draw in STATISTICS.values()]
    for statistic in found:
        assert abs(statistic.real.sum()) < 1e-9 * 300
        assert abs(statistic.synthetic.sum()) < 1e-9 * 200
    assert mean([found[0], found[0]]).score == found[0].score


def test_equal_tables_are_alike_and_disjoint_ones_are_not():
    x = RANDOM.normal(size=50)
    assert numbers_alike(x, x).value == 1
    assert numbers_alike(x, x + 100).value == 0
    assert frequencies_alike(np.zeros(5, int), np.ones(4, int)).value == 0
    pair = np.stack([x, x**2], axis=1)
    assert pair_alike(pair, pair, (0, 0)).value == 1


def test_what_is_missing_is_a_level():
    """Half of one column's levels are missing, none of the other's."""
    holes = np.array([0.0, 0.0, np.nan, np.nan])
    assert margin_alike(holes, np.zeros(4), 1).value == 0.5
    assert numbers_alike(holes, np.full(3, np.nan)).value == 0
    pair = np.stack([holes, np.arange(4.0)], axis=1)
    assert pair_alike(pair, np.nan_to_num(pair), (1, 0)).value == 0.5


def test_the_area_is_that_of_scikit_learn_and_its_error_of_delong():
    from sklearn.metrics import roc_auc_score

    score, positive = np.round(RANDOM.normal(size=60), 1), RANDOM.random(60) < 0.3
    value, influence = area(score, positive)
    assert value == pytest.approx(roc_auc_score(positive, score))
    above = (score[positive][:, None] > score[~positive]) + 0.5 * (
        score[positive][:, None] == score[~positive]
    )
    delong = above.mean(1).var() / positive.sum() + above.mean(0).var() / (~positive).sum()
    assert (influence**2).mean() / 60 == pytest.approx(delong)


def test_copies_are_nearer_and_new_rows_are_not():
    train, held_out, new = (RANDOM.normal(size=(400, 3)) for _ in range(3))
    fresh = nearer_to_training(train, held_out, new)
    assert abs(fresh.value - 0.5) < 3 * np.hypot(fresh.standard_error, 0.5 / 20)
    assert fresh.standard_error == pytest.approx(np.sqrt(fresh.value * (1 - fresh.value) / 400))
    assert nearer_to_training(train, held_out, train + 1e-6) == Score(1.0, 0.0)


def test_columns_go_by_name_and_levels_by_all_tables():
    real = pd.DataFrame({"n": [1.0, 2.0, 3.0], "c": ["a", "b", "a"], "b": [0, 1, 0], "same": 1})
    drawn = pd.DataFrame({"c": ["z", None], "same": [1, 2], "b": [1, 1], "n": [np.nan, 4.0]})
    rows = Aligned.of({"real": real, "synthetic": drawn})
    assert (rows.names, rows.levels) == (("n", "c", "b"), ((), ("a", "b", "z"), ("0", "1")))
    np.testing.assert_equal(rows.tables["synthetic"], [[np.nan, 2.0, 1.0], [4.0, np.nan, 1.0]])
    points = rows.features("real", "real")
    apart = np.sqrt(((points[:, None] - points) ** 2).sum(-1))
    assert apart[0, 2] == pytest.approx(2 / real["n"].std(ddof=0))  # of one level, two deviations apart
    assert apart[0, 1] == pytest.approx(np.sqrt(1 + 1 + (1 / real["n"].std(ddof=0)) ** 2))
    with pytest.raises(DataError, match="no 'c' in"):
        Aligned.of({"real": real, "synthetic": drawn.drop(columns="c")})
    with pytest.raises(DataError, match="target: expected one of the columns n, c, b, found 'same'"):
        rows.place("same")
