"""The pictures: every pixel, colour and number that they show is one that was handed in."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy.stats import norm
from sklearn.datasets import load_digits

from lowerbound import figures


def canvas(figure):
    return np.ma.filled(np.ma.asarray(figure.axes[0].images[0].get_array(), dtype=float), np.nan)


def history(bounds, validation):
    return [
        {"epoch": epoch, "bound": bound, "validation_bound": validation_bound}
        for epoch, (bound, validation_bound) in enumerate(zip(bounds, validation, strict=True), start=1)
    ]


@pytest.fixture(scope="module")
def digits():
    return load_digits().data


@pytest.fixture(scope="module")
def z():
    return np.random.default_rng(0).normal(size=(60, 2))


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


class TestImages:
    def test_samples_are_laid_out_row_by_row(self, digits):
        shown = canvas(figures.samples(digits[:7], (8, 8), columns=3))
        assert shown.shape == (3 * 9 - 1, 3 * 9 - 1)
        for i in range(7):
            top, left = 9 * (i // 3), 9 * (i % 3)
            np.testing.assert_array_equal(shown[top : top + 8, left : left + 8], digits[i].reshape(8, 8))
        assert np.isfinite(shown).sum() == 7 * 64  # the gaps and the empty places are blank

    def test_fewer_images_than_columns_leave_no_empty_places(self, digits):
        assert np.shape(canvas(figures.samples(digits[:2], (8, 8)))) == (8, 17)

    def test_reconstructions_stand_under_their_originals(self, digits):
        means = digits[:5] / 2
        figure = figures.reconstructions(digits[:5], means, (8, 8), columns=3)
        shown, axes = canvas(figure), figure.axes[0]
        labels = [text.get_text() for text in axes.get_yticklabels()]
        assert labels == ["original", "reconstruction"] * 2
        for label, centre, top in zip(labels, axes.get_yticks(), (0, 9, 21, 30), strict=True):
            assert centre == top + 3.5
            source = digits if label == "original" else means
            first = 0 if top < 21 else 3
            np.testing.assert_array_equal(shown[top : top + 8, :8], source[first].reshape(8, 8))
        assert np.isfinite(shown).sum() == 2 * 5 * 64

    def test_both_halves_share_the_originals_range_unless_another_is_given(self, digits):
        args = digits[:4], digits[:4] * 3, (8, 8)
        assert figures.reconstructions(*args).axes[0].images[0].get_clim() == (0, digits[:4].max())
        other = figures.reconstructions(*args, value_range=(-1, 20))
        assert other.axes[0].images[0].get_clim() == (-1, 20)

    def test_nearest_rows_stand_under_their_samples(self, digits):
        figure = figures.nearest_rows(digits[:3], digits[3:6], (8, 8), columns=3)
        shown = canvas(figure)
        np.testing.assert_array_equal(shown[:8, 9:17], digits[1].reshape(8, 8))
        np.testing.assert_array_equal(shown[9:17, 9:17], digits[4].reshape(8, 8))
        labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert labels == ["sample", "nearest row"]
        with pytest.raises(ValueError, match="sample and nearest row must be rows of one shape"):
            figures.nearest_rows(digits[:3], digits[:2], (8, 8))

    def test_colour_images_are_scaled_by_the_range(self):
        image = np.arange(12.0).reshape(1, 2, 2, 3)
        shown = canvas(figures.samples(image, (2, 2, 3), value_range=(1, 11)))
        np.testing.assert_allclose(shown, np.clip((image[0] - 1) / 10, 0, 1))

    def test_flat_rows_and_images_are_the_same(self, digits):
        flat = figures.samples(digits[:6], (8, 8))
        shaped = figures.samples(digits[:6].reshape(6, 8, 8), (8, 8, 1))
        np.testing.assert_array_equal(canvas(flat), canvas(shaped))

    def test_handwriting_is_ink_on_paper(self, digits):
        assert figures.samples(digits[:9], (8, 8)).axes[0].images[0].get_cmap().name == "gray_r"
        chosen = figures.samples(digits[:9], (8, 8), cmap="magma")
        assert chosen.axes[0].images[0].get_cmap().name == "magma"

    def test_photographs_are_not_turned_into_negatives(self, shared_data):
        faces = np.load(shared_data("frey_faces.npz"))["x"][:9]
        assert figures.samples(faces, (28, 20)).axes[0].images[0].get_cmap().name == "gray"

    def test_rows_that_are_no_images_become_heat_maps_standardised_by_the_originals(self):
        x = np.random.default_rng(0).normal(5, [1, 10, 100], size=(50, 3))
        figure = figures.reconstructions(x, x + x.std(axis=0), None)
        first, second = (axes.images[0].get_array() for axes in figure.axes[:2])
        np.testing.assert_allclose(first.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(first.std(axis=0), 1)
        np.testing.assert_allclose(second - first, 1)
        raw = figures.samples(x, None, value_range=(0, 10))
        np.testing.assert_array_equal(canvas(raw), x)

    def test_a_constant_column_is_drawn_as_its_mean(self):
        shown = canvas(figures.samples([[1.0, 2.0], [1.0, 4.0]], None))
        np.testing.assert_array_equal(shown, [[0, -1], [0, 1]])

    @pytest.mark.parametrize("shape", [(8,), (8, 8, 4), (0, 8), (2, 2, 2, 2)])
    def test_refuses_what_is_no_image_shape(self, digits, shape):
        with pytest.raises(ValueError, match=r"image_shape must be \(height, width\)"):
            figures.samples(digits[:3], shape)

    def test_refuses_rows_of_another_size(self, digits):
        with pytest.raises(ValueError, match=r"rows of 63 values .* got the shape \(3, 64\)"):
            figures.samples(digits[:3], (9, 7))
        with pytest.raises(ValueError, match="images must be a table"):
            figures.samples(digits[0], None)
        with pytest.raises(ValueError, match=r"one shape.* got \(3, 64\) and \(2, 64\)"):
            figures.reconstructions(digits[:3], digits[:2], (8, 8))
        with pytest.raises(ValueError, match="columns must be at least 1, got 0"):
            figures.samples(digits[:3], (8, 8), columns=0)


class TestManifold:
    def test_each_cell_is_the_mean_at_its_point_of_the_inverse_cdf(self):
        mix = np.random.default_rng(0).normal(size=(2, 15))
        shown = canvas(figures.manifold(lambda z: np.exp(z @ mix), (5, 3), side=4))
        assert shown.shape == (20, 12)
        u = [0.125, 0.375, 0.625, 0.875]
        for row in range(4):
            for column in range(4):
                z = np.array([norm.ppf(u[column]), norm.ppf(u[3 - row])])
                cell = shown[5 * row : 5 * row + 5, 3 * column : 3 * column + 3]
                np.testing.assert_allclose(cell, np.exp(z @ mix).reshape(5, 3))

    def test_grid_points_stand_for_equal_mass(self):
        z = figures.latent_grid(10)
        assert z.shape == (100, 2)
        u = np.unique(norm.cdf(z).round(12))
        np.testing.assert_allclose(u, np.arange(0.05, 1, 0.1))

    def test_ticks_lie_where_z_lies(self):
        side, width = 20, 6
        shown = figures.manifold(lambda z: np.tile(z[:, :1], width * 2), (2, width), side=side)
        axes = shown.axes[0]
        for place, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
            u = (place + 0.5) / (side * width)
            assert norm.ppf(u) == pytest.approx(float(text.get_text().replace("−", "-")))
        heights = dict(zip((t.get_text() for t in axes.get_yticklabels()), axes.get_yticks(), strict=True))
        assert heights["1.0"] < heights["0.0"] < heights["−1.0"]  # z₂ grows upwards

    def test_refuses_a_decoder_of_another_size(self):
        with pytest.raises(ValueError, match=r"the output of decode must have rows of 4 values"):
            figures.manifold(lambda z: z, (2, 2), side=3)
        with pytest.raises(ValueError, match=r"each of the 9 latents, got 8 rows"):
            figures.manifold(lambda z: np.ones((8, 4)), (2, 2), side=3)
        with pytest.raises(ValueError, match="side must be at least 1"):
            figures.manifold(lambda z: np.ones((1, 4)), (2, 2), side=0)


class TestScatter:
    def points(self, figure):
        return figure.axes[0].collections[0]

    def test_points_are_the_codes(self, z):
        figure = figures.latent_scatter(z)
        np.testing.assert_array_equal(self.points(figure).get_offsets(), z)
        assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("z₁", "z₂")
        assert figure.legends == []

    def test_every_class_has_its_colour_and_its_name_in_the_legend(self, z):
        labels = np.arange(60) % 10
        figure = figures.latent_scatter(z, labels, name="digit")
        legend = figure.legends[0]
        assert legend.get_title().get_text() == "digit"
        named = {
            text.get_text(): to_rgba(dot.get_color(), 0.85)
            for text, dot in zip(legend.get_texts(), legend.get_lines(), strict=True)
        }
        assert list(named) == [str(i) for i in range(10)]
        assert len(set(named.values())) == 10
        expected = [named[str(label)] for label in labels]
        np.testing.assert_allclose(self.points(figure).get_facecolors(), expected)

    def test_a_class_is_named_at_its_median(self, z):
        figure = figures.latent_scatter(z, np.arange(60) % 3 == 0)
        places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
        np.testing.assert_allclose(places["True"], np.median(z[::3], axis=0))

    def test_of_many_classes_the_frequent_are_named(self, z):
        labels = [f"type {i:02d}" for i in np.minimum(np.arange(60), 13)]
        labels[:4] = ["type 00"] * 4
        kinds = [t.get_text() for t in figures.latent_scatter(z, labels).legends[0].get_texts()]
        assert len(kinds) == 10
        assert kinds[-1] == "other"
        assert {"type 00", "type 13"} < set(kinds)

    def test_real_labels_have_a_colour_bar(self, z):
        labels = np.linspace(0, 7, 60)
        figure = figures.latent_scatter(z, labels, name="height")
        assert figure.legends == []
        assert figure.axes[1].get_ylabel() == "height"
        np.testing.assert_array_equal(self.points(figure).get_array(), labels)
        counts = figures.latent_scatter(z, np.arange(60))
        assert len(counts.axes) == 2  # many whole numbers are numbers, not classes

    def test_more_dimensions_are_drawn_by_their_principal_components(self):
        rng = np.random.default_rng(1)
        plane, _ = np.linalg.qr(rng.normal(size=(5, 2)))
        z = rng.normal(size=(200, 2)) * [3.0, 1.0] @ plane.T + 7.0
        figure = figures.latent_scatter(z)
        drawn = np.asarray(self.points(figure).get_offsets())
        variances = np.linalg.eigvalsh(np.cov(z.T, bias=True))[::-1]
        np.testing.assert_allclose(np.cov(drawn.T, bias=True), np.diag(variances[:2]), atol=1e-10)
        share = f"{variances[0] / variances.sum():.0%}"
        expected = f"principal component 1 of 5 ({share} of the variance)"
        assert figure.axes[0].get_xlabel() == expected

    def test_one_dimension_is_drawn_as_its_distribution(self):
        drawn = self.points(figures.latent_scatter([[3.0], [1.0], [2.0], [0.0]])).get_offsets()
        np.testing.assert_allclose(drawn, [[3, 0.875], [1, 0.375], [2, 0.625], [0, 0.125]])

    def test_refuses_labels_of_other_rows(self, z):
        with pytest.raises(ValueError, match=r"each of the 60 rows of z, got the shape \(59,\)"):
            figures.latent_scatter(z, np.zeros(59))
        with pytest.raises(ValueError, match=r"z must be a table .* got the shape \(60,\)"):
            figures.latent_scatter(z[:, 0])
        with pytest.raises(ValueError, match="at least 2 rows, got 1"):
            figures.latent_scatter(np.ones((1, 3)))

    def test_a_label_is_text_and_a_long_one_is_cut(self, z):
        labels = np.where(np.arange(60) % 2, "$a_{", "a name that takes up all the room there is")
        figure = figures.latent_scatter(z, labels)
        shown = figures.svg(figure, "codes", "codes")
        assert ">$a_{</text>" in shown
        assert ">a name that takes up al…</text>" in shown
        assert figure.axes[0].get_position().width > 0.4


class TestKL:
    def test_bars_are_the_dimensions_the_largest_first(self):
        kl = np.array([0.5, 3.0, 0.0, 1.5])
        axes = figures.kl_per_dimension(kl, kl > 0.4).axes[0]
        bars = sorted(axes.patches, key=lambda bar: bar.get_x())
        assert [bar.get_height() for bar in bars] == [3.0, 1.5, 0.5, 0.0]
        assert [text.get_text() for text in axes.get_xticklabels()] == ["z1", "z3", "z0", "z2"]
        colours = [bar.get_facecolor() for bar in bars]
        assert colours[0] == colours[1] == colours[2] == to_rgba(figures.VALIDATION)
        assert colours[3] == to_rgba(figures.UNUSED)
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
        above = [bar for bar in bars if bar.get_facecolor() == to_rgba(figures.WARNING)]
        assert sum(bar.get_height() for bar in above) == (k_hat > 0.7).sum()
        assert min(bar.get_x() for bar in above if bar.get_height()) > 0.7
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        assert texts == [f"at most 0.7: {(k_hat <= 0.7).sum()} rows", f"above: {(k_hat > 0.7).sum()} rows"]

    def test_refuses_what_has_no_k_hat(self):
        with pytest.raises(ValueError, match="at least one finite value: draw at least 21 samples"):
            figures.k_hat_histogram([np.nan])


class TestSvg:
    def test_text_is_text_and_colours_are_variables(self):
        element = figures.svg(
            figures.bound_over_training(history([-9.0, -8.0], [-9.5, -8.5])), "a <b>", "one"
        )
        assert element.startswith('<svg role="img" aria-label="a &lt;b&gt;" viewBox="0 0 ')
        assert element.rstrip().endswith("</svg>")
        assert ">nats per row</text>" in element
        assert f"stroke: var(--validation, {figures.VALIDATION})" in element
        assert f"fill: var(--ink, {figures.INK})" in element
        for absent in ("<?xml", "<!DOCTYPE", "<!--", "<style", "<metadata", "DejaVu"):
            assert absent not in element
        bare = re.sub(r"var\(--\w+, #\w{6}\)", "", element)
        assert figures.INK not in bare
        assert figures.VALIDATION not in bare

    def test_two_pictures_share_no_ids_and_links_stay_inside(self):
        records = history([-9.0, -8.0], [-9.5, -8.5])
        ids = []
        for name in ("one", "two"):
            element = figures.svg(figures.bound_over_training(records), "a chart", name)
            ids.append(set(re.findall(r' id="([^"]+)"', element)))
            links = re.findall(r'xlink:href="#([^"]+)"|url\(#([^)]+)\)', element)
            assert {a or b for a, b in links} <= ids[-1]
        assert len(ids[0]) > 10
        assert not ids[0] & ids[1]

    def test_the_same_figure_gives_the_same_text(self, z):
        first, second = (figures.svg(figures.latent_scatter(z), "codes", "codes") for _ in range(2))
        assert first == second


class TestSave:
    @pytest.mark.parametrize(
        ("ending", "start"), [("png", b"\x89PNG\r\n\x1a\n"), ("pdf", b"%PDF-"), ("svg", b"<?xml")]
    )
    def test_the_ending_says_the_format(self, tmp_path, ending, start):
        path = figures.save(figures.samples(np.eye(4), (2, 2)), tmp_path / f"picture.{ending}")
        assert isinstance(path, Path)
        assert path.read_bytes().startswith(start)

    def test_pictures_have_the_pixels_that_they_say(self, tmp_path):
        from matplotlib.image import imread

        figure = figures.samples(np.eye(4), (2, 2))
        shown = imread(figures.save(figure, tmp_path / "picture.PNG"))
        np.testing.assert_allclose(shown.shape[1::-1], figure.get_size_inches() * 150, atol=1)

    def test_refuses_other_endings_and_writes_nothing(self, tmp_path):
        with pytest.raises(ValueError, match=r"must end in \.png, \.svg, \.pdf, got 'picture.gif'"):
            figures.save(figures.samples(np.eye(4), (2, 2)), tmp_path / "picture.gif")
        assert list(tmp_path.iterdir()) == []


def test_nothing_global_changes(tmp_path, digits):
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    figures.save(figures.samples(digits[:4], (8, 8)), tmp_path / "picture.png")
    figures.svg(figures.latent_scatter(digits, digits[:, 20]), "codes", "codes")
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []
