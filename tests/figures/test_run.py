"""The pictures of a run: alike in folder and report, and one that cannot be drawn is left out."""

import warnings

import numpy as np
import pytest

from lowerbound.assembly import build
from lowerbound.figures.run import NAMES, PictureWarning, pictures_of, undrawable
from lowerbound.figures.shown import Shown

IMAGES = np.random.default_rng(0).integers(10, 40, (1200, 16)).astype(np.uint8)
IMAGES[1100:] = 255  # beyond what sets the scale


def shown(x, **options):
    built = build(x, latent_dim=options.pop("latent_dim", 2), width=4)
    return Shown(built.model, x, **options)


@pytest.fixture(scope="module")
def drawn():
    whole = shown(IMAGES, image_shape=(4, 4), history=[{"epoch": 1, "bound": -9.0}])
    page = Shown(whole.model, IMAGES, image_shape=(4, 4), columns=6)
    return pictures_of(whole), pictures_of(page)


def test_names_are_in_order_and_what_was_not_asked_for_is_absent(drawn):
    folder, page = drawn
    assert list(folder) == ["bound", "reconstructions", "samples", "sample-means", "latents", "manifold"]
    assert list(page) == list(folder)[1:]
    assert set(folder) <= set(NAMES)


def test_folder_and_report_have_one_grey_scale(drawn):
    """That of the first 1,000 rows, whichever picture and however many columns."""
    images = "reconstructions", "samples", "sample-means", "manifold"
    scales = [pictures[name].figure.axes[0].images[0] for pictures in drawn for name in images]
    assert {(image.get_clim(), image.get_cmap().name) for image in scales} == {((0, 39), "gray")}


def test_words_count_what_is_drawn(drawn):
    folder, page = drawn
    assert folder["samples"].alternative.startswith("60 samples of the model")
    assert page["samples"].alternative.startswith("30 samples of the model")
    assert folder["reconstructions"].alternative.startswith("The first 36 rows")


@pytest.mark.thorough
def test_what_cannot_be_drawn_is_named_and_left_out():
    """Four channels, and a single row for a principal component."""
    one = shown(np.ones((1, 16), np.uint8) * 9, image_shape=(2, 2, 4), latent_dim=3)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        pictures = pictures_of(one)
    reasons = [str(w.message) for w in said if w.category is PictureWarning]
    foreseen = undrawable((2, 2, 4), 1, 3)
    assert len(reasons) == len(foreseen) == 4
    for name, reason in zip(foreseen, reasons, strict=True):
        assert pictures[name].figure is None
        assert reason.startswith(f"the picture {name!r} is left out: ")
    assert "(height, width, 3), got (2, 2, 4)" in foreseen["samples"]


@pytest.mark.parametrize("shape", [None, (4, 4), (4, 4, 1), (4, 4, 3)])
def test_nothing_is_foreseen_where_all_can_be_drawn(shape):
    assert undrawable(shape, 2, 10) == {}
