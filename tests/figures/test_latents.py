"""Codes and the manifold: every pixel, colour and number that is shown is one that was handed in."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy.stats import norm

from lowerbound import figures

from .drawn import canvas


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
