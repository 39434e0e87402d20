"""Whether what a page shows can be read."""

import re
from importlib import resources

import numpy as np
import pytest

from lowerbound.classes import COLOURS


def luminance(colour):
    """WCAG 2.2: relative luminance of #rrggbb."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme):
    """WCAG 2.2: text 4.5 to 1, lines and bars 3 to 1."""
    style = resources.files("lowerbound.pages").joinpath("colours.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.S)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", light if scheme == "light" else dark))
    texts = [(text, paper) for text in ("ink", "faint", "warning", "healthy") for paper in ("paper", "panel")]
    lines = [(line, "paper") for line in ("training", "validation", "unused", "warning")]
    for least, pairs in ((4.5, texts), (3.0, lines)):
        for pair in pairs:
            low, high = sorted(luminance(colours[name]) for name in pair)
            assert (high + 0.05) / (low + 0.05) >= least, pair


def test_classes_have_the_colours_of_the_figures():
    style = resources.files("lowerbound.pages").joinpath("colours.css").read_text("utf-8")
    light, _ = re.findall(r":root \{(.*?)\}", style, re.S)
    assert tuple(re.findall(r"--class-\d: (#\w{6})", light)) == COLOURS
