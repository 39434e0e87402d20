"""Files and elements of pages: what is written is the figure, and nothing global changes."""

import re
from pathlib import Path

import numpy as np
import pytest

from lowerbound import figures
from lowerbound.figures import style

from .drawn import history


class TestSvg:
    def test_text_is_text_and_colours_are_variables(self):
        element = figures.svg(
            figures.bound_over_training(history([-9.0, -8.0], [-9.5, -8.5])), "a <b>", "one"
        )
        assert element.startswith('<svg role="img" aria-label="a &lt;b&gt;" viewBox="0 0 ')
        assert element.rstrip().endswith("</svg>")
        assert ">nats per row</text>" in element
        assert f"stroke: var(--validation, {style.VALIDATION})" in element
        assert f"fill: var(--ink, {style.INK})" in element
        for absent in ("<?xml", "<!DOCTYPE", "<!--", "<style", "<metadata", "DejaVu"):
            assert absent not in element
        bare = re.sub(r"var\(--\w+, #\w{6}\)", "", element)
        assert style.INK not in bare
        assert style.VALIDATION not in bare

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
