"""What colours the points."""

import numpy as np
import pytest

from lowerbound.serve.explorer.colours import MISSING, OTHER, Colouring


@pytest.mark.parametrize(
    ("labels", "names", "values"),
    [
        ([3, 1, 3], ("1", "3"), [1, 0, 1]),
        (["b", None, "a"], ("a", "b"), [1, MISSING, 0]),
        ([True, False], ("False", "True"), [1, 0]),
        ([1.0, np.nan, 0.0], ("0", "1"), [1, MISSING, 0]),
    ],
)
def test_few_kinds_are_classes(labels, names, values):
    array = np.array(labels, object if None in labels else None)
    found = Colouring.of(array)
    assert (found.classes, found.values.tolist()) == (names, values)


def test_of_many_kinds_the_most_frequent_are_shown():
    labels = np.array([*"aaabbbcccdddeeefffggghhhiiijk"])
    found = Colouring.of(labels)
    assert found.classes == tuple("abcdefghi")
    assert (found.values == OTHER).sum() == 2
    assert found.to_json()["other"] == 2


def test_numbers_go_from_low_to_high():
    found = Colouring.of(np.linspace(-1, 1, 1001))
    assert found.to_json()["kind"] == "numbers"
    assert found.ends == pytest.approx((-0.98, 0.98))
    assert found.values[[0, 500, 1000]].tolist() == [0, 126, 253]


def test_a_column_that_is_mostly_one_value_has_ends():
    assert Colouring.of(np.r_[np.zeros(1000), 0.5, 7.25]).ends == (0.0, 7.25)


def test_dates_are_numbers_whose_ends_are_dates():
    days = np.array(["2001-01-01", "2004-03-10", "NaT"], "datetime64[D]").repeat(200)
    found = Colouring.of(days)
    assert found.ends == ("2001-01-01", "2004-03-10")
    assert found.values[[0, 200, 400]].tolist() == [0, 253, MISSING]


@pytest.mark.parametrize("values", [np.full(3, np.nan), np.full(3, None, object)])
def test_nothing_but_holes(values):
    assert (Colouring.of(values).values == MISSING).all()
