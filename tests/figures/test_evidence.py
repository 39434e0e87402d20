"""What the bound is made of: every pixel, colour and number that is shown is one that was handed in."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from lowerbound import figures
from lowerbound.figures import style


class TestKL:
    def test_bars_are_the_dimensions_the_largest_first(self):
        kl = np.array([0.5, 3.0, 0.0, 1.5])
        axes = figures.kl_per_dimension(kl, kl > 0.4).axes[0]
        bars = sorted(axes.patches, key=lambda bar: bar.get_x())
        assert [bar.get_height() for bar in bars] == [3.0, 1.5, 0.5, 0.0]
        assert [text.get_text() for text in axes.get_xticklabels()] == ["z1", "z3", "z0", "z2"]
        colours = [bar.get_facecolor() for bar in bars]
        assert colours[0] == colours[1] == colours[2] == to_rgba(style.VALIDATION)
        assert colours[3] == to_rgba(style.UNUSED)
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["active: 3", "not active: 1"]

    def test_of_many_dimensions_none_is_named(self):
        axes = figures.kl_per_dimension(np.ones(100)).axes[0]
        assert len(axes.patches) == 100
        assert axes.get_xlabel() == "latent dimensions by their KL"
        assert axes.get_legend() is None

    def test_refuses_other_shapes(self):
        with pytest.raises(
            ValueError, match=r"kl must be one number each, not empty, got the shape \(2, 2\)"
        ):
            figures.kl_per_dimension(np.ones((2, 2)))
        with pytest.raises(ValueError, match=r"each of the 2 dimensions, got \(3,\)"):
            figures.kl_per_dimension([1.0, 2.0], [True] * 3)


class TestRateDistortion:
    def test_the_line_goes_through_the_means_and_keeps_the_bound(self):
        rate, distortion = np.random.default_rng(0).normal([[15.0], [70.0]], [[2.0], [9.0]], size=(2, 80))
        axes = figures.rate_distortion(rate, distortion).axes[0]
        np.testing.assert_array_equal(axes.collections[0].get_offsets(), np.stack([rate, distortion], axis=1))
        mean, line = axes.lines
        assert mean.get_xdata()[0] + mean.get_ydata()[0] == pytest.approx((rate + distortion).mean())
        assert line.get_slope() == -1
        assert line.get_xy1() == (rate.mean(), distortion.mean())
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        assert left < rate.min() < rate.max() < right < 2 * rate.max()
        assert low < distortion.min() < distortion.max() < high

    def test_refuses_other_rows(self):
        with pytest.raises(ValueError, match=r"of the same rows, got \(2,\) and \(3,\)"):
            figures.rate_distortion([1.0, 2.0], [1.0, 2.0, 3.0])


class TestKHat:
    def test_every_finite_row_is_in_one_bar_on_its_side_of_the_limit(self):
        k_hat = np.random.default_rng(0).normal(0.6, 0.4, size=500)
        k_hat[:20] = np.nan
        figure = figures.k_hat_histogram(k_hat)
        bars = figure.axes[0].patches
        assert sum(bar.get_height() for bar in bars) == 480
        above = [bar for bar in bars if bar.get_facecolor() == to_rgba(style.WARNING)]
        assert sum(bar.get_height() for bar in above) == (k_hat > 0.7).sum()
        assert min(bar.get_x() for bar in above if bar.get_height()) > 0.7
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        assert texts == [f"at most 0.7: {(k_hat <= 0.7).sum()} rows", f"above: {(k_hat > 0.7).sum()} rows"]

    def test_refuses_what_has_no_k_hat(self):
        with pytest.raises(ValueError, match="at least one finite value: draw at least 21 samples"):
            figures.k_hat_histogram([np.nan])
