"""Pictures of tables: bars and histograms are the shares of the columns, in their own units and names."""

import numpy as np
import pandas as pd
import pytest

from lowerbound import figures
from lowerbound.figures.tables import kept_of

RANDOM = np.random.default_rng(0)
REAL = pd.DataFrame(
    {
        "mass": np.round(RANDOM.normal(50_000, 9_000, 200)),
        "kind": RANDOM.choice(list("abcdefgh"), 200, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]),
        "children": RANDOM.integers(0, 4, 200),
    }
)
DRAWN = REAL.assign(kind="a", children=RANDOM.integers(0, 4, 200)).iloc[:100]
HOLES = REAL.assign(kind=REAL["kind"].where(REAL["mass"] > 50_000), mass=REAL["mass"].mask(REAL.index < 20))


@pytest.fixture(scope="module")
def panels():
    return {axes.get_title("left"): axes for axes in figures.margins(REAL, DRAWN).axes}


def test_a_level_has_a_bar_of_its_share_and_a_mark_of_that_drawn(panels):
    axes = panels["kind"]
    names = [text.get_text() for text in axes.get_yticklabels()]
    shares = REAL["kind"].value_counts(normalize=True)
    assert names[:5] == list(shares.index[:5]) or set(names[:5]) == set(shares.index[:5])
    assert names[5:] == ["3 others"]
    widths = dict(zip(names, (bar.get_width() for bar in axes.patches), strict=True))
    assert widths["a"] == pytest.approx(shares["a"])
    assert sum(widths.values()) == pytest.approx(1)
    marks = [segment[0, 0] for segment in axes.collections[0].get_segments()]
    assert marks == [1.0 if name == "a" else 0.0 for name in names]


def test_a_histogram_is_of_shares_in_bins_that_both_have(panels):
    real, drawn = (stairs.get_data() for stairs in panels["children"].patches)
    np.testing.assert_equal(real.edges, [-0.5, 0.5, 1.5, 2.5, 3.5])
    np.testing.assert_equal(drawn.edges, real.edges)
    np.testing.assert_allclose(real.values, REAL["children"].value_counts(normalize=True).sort_index())
    assert panels["mass"].xaxis.get_major_formatter()(50_000, 0) == "50k"


def test_the_least_alike_columns_are_drawn_where_not_all_are():
    titles = [axes.get_title("left") for axes in figures.margins(REAL, DRAWN, most=1).axes]
    assert titles == ["kind"]


def test_pairs_are_real_below_the_diagonal_and_drawn_above():
    axes = np.reshape(figures.pairs(REAL, DRAWN).axes, (3, 3))
    counts = axes[1, 0].images[0].get_array()  # kind over mass
    assert counts.max() == 1
    assert (np.count_nonzero(counts.sum(1)), counts.shape[0]) == (8, 8)
    assert np.count_nonzero(axes[0, 1].images[0].get_array().sum(0)) == 1  # one level alone was drawn
    assert [axes[i, i].texts[0].get_text() for i in range(3)] == list(REAL)
    with pytest.raises(ValueError, match="two columns at least, got 1"):
        figures.pairs(REAL[["mass"]], DRAWN[["mass"]])


def test_what_is_missing_is_a_share_of_rows():
    axes = figures.missing(HOLES).axes[0]
    share = HOLES["kind"].isna().mean()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["kind", "mass"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([share, 0.1])
    with pytest.raises(ValueError, match="got none"):
        figures.missing(REAL)


def test_what_is_kept_is_r_squared_and_what_the_mode_does_not_say():
    """Of levels half of those that the mode gets wrong are mended, of numbers a quarter of the variance."""
    levels = np.array(["a"] * 60 + ["b"] * 40)
    back = np.array(["a"] * 80 + ["b"] * 20)
    x = np.tile([-1.0, 1.0], 50)
    real = pd.DataFrame({"c": levels, "x": x})
    found = kept_of(real, pd.DataFrame({"c": back, "x": x / 2}))
    assert found == {"c": pytest.approx(0.5), "x": pytest.approx(0.75)}
    axes = figures.kept(real, real).axes[0]
    assert [text.get_text() for text in axes.texts] == ["100%", "100%"]
