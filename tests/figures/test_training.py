"""The bound over training: every pixel, colour and number that is shown is one that was handed in."""

import numpy as np
import pytest

from lowerbound import figures

from .drawn import history


class TestBound:
    def test_draws_both_curves_and_marks_the_best_validation_epoch(self):
        records = history([-120.0, -90.0, -85.0, -80.0], [-125.0, -95.0, -93.0, -94.0])
        axes = figures.bound_over_training(records).axes[0]
        training, validation, best = axes.lines
        np.testing.assert_array_equal(training.get_ydata(), [-120, -90, -85, -80])
        np.testing.assert_array_equal(validation.get_ydata(), [-125, -95, -93, -94])
        assert (best.get_xdata()[0], best.get_ydata()[0]) == (3, -93)
        assert best.get_label() == "best: −93.0 at epoch 3"
        assert axes.get_ylabel() == "nats per row"

    def test_the_best_epoch_is_said_in_whole_epochs(self):
        records = [
            {"epoch": 52.0435, "bound": -90.0, "validation_bound": -95.0},
            {"epoch": 104.043, "bound": -85.0, "validation_bound": -93.0},
        ]
        best = figures.bound_over_training(records).axes[0].lines[-1]
        assert best.get_label() == "best: −93.0 at epoch 104"
        assert best.get_xdata()[0] == 104.043

    def test_validation_bounds_may_be_missing(self):
        records = history([-9.0, -8.0, -7.0], [None, -8.5, None])
        del records[0]["validation_bound"]
        _, validation, _ = figures.bound_over_training(records).axes[0].lines
        np.testing.assert_array_equal(validation.get_xdata(), [2])
        alone = figures.bound_over_training([{"epoch": 1, "bound": -9.0}])
        assert [line.get_label() for line in alone.axes[0].lines] == ["training"]

    def test_first_steep_epochs_do_not_set_the_range(self):
        bounds = np.concatenate([[-1e6, -1e3], np.linspace(-100, -80, 98)])
        low, high = figures.bound_over_training(history(bounds, bounds - 1)).axes[0].get_ylim()
        assert -110 < low < -95
        assert -80 < high < -75

    def test_a_short_history_is_shown_whole_and_non_finite_bounds_are_left_out(self):
        axes = figures.bound_over_training(history([-500.0, -90.0], [-np.inf, np.nan])).axes[0]
        low, high = axes.get_ylim()
        assert low < -500 < -90 < high
        assert len(axes.lines) == 1
        nothing = figures.bound_over_training(history([np.nan], [None])).axes[0].get_ylim()
        assert np.isfinite(nothing).all()

    def test_refuses_records_without_a_bound(self):
        with pytest.raises(ValueError, match=r"record 1 of history must have the key 'bound'"):
            figures.bound_over_training([{"epoch": 1, "bound": -1.0}, {"epoch": 2}])
        with pytest.raises(ValueError, match="at least one record"):
            figures.bound_over_training([])
