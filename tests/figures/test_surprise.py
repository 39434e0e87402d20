"""The surprise of a row's columns: the bars are the numbers that were handed in, the greatest first."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from lowerbound import figures
from lowerbound.figures import style


def test_bars_are_the_columns_the_greatest_from_the_top():
    axes = figures.surprise([0.5, np.nan, 3.0, -1.0, 9.0], "abcde", most=3).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [9.0, 3.0, 0.5]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["e", "c", "a"]
    assert [text.get_text() for text in axes.texts] == ["9.0", "3.0", "0.5"]
    assert axes.yaxis_inverted()


def test_what_usual_rows_stay_below_stands_behind():
    """Of columns from 0 to 100, 95; a bar that is longer is a warning."""
    usual = np.repeat(np.arange(101.0)[:, None], 2, axis=1)
    axes = figures.surprise([96.0, 94.0], usual=usual).axes[0]
    behind, front = axes.patches[:2], axes.patches[2:]
    assert [bar.get_width() for bar in behind] == [95.0, 95.0]
    assert [bar.get_width() for bar in front] == [96.0, 94.0]
    assert front[0].get_facecolor() == to_rgba(style.WARNING)
    assert front[1].get_facecolor() == to_rgba(style.FAINT)


def test_an_infinite_surprise_goes_to_the_end():
    axes = figures.surprise([np.inf, 2.0]).axes[0]
    assert axes.patches[0].get_width() > 2.0
    assert [text.get_text() for text in axes.texts] == ["∞", "2.0"]


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match="one for each of 2 columns, got 1"):
        figures.surprise([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match=r"rows of 2 columns, got the shape \(3,\)"):
        figures.surprise([1.0, 2.0], usual=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="every value of the row is missing"):
        figures.surprise([np.nan])
