"""Rows as pictures: every pixel, colour and number that is shown is one that was handed in."""

import numpy as np
import pytest

from lowerbound import figures

from .drawn import canvas


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
