"""A figure as a file, and as a part of a page."""

from __future__ import annotations

import html
import io
import re
import threading
from pathlib import Path

from matplotlib.figure import Figure

from lowerbound.figures.style import (
    FAINT,
    GRID,
    HEALTHY,
    INK,
    RULE,
    TRAINING,
    UNUSED,
    VALIDATION,
    WARNING,
)

__all__ = ["ENDINGS", "save", "svg"]

ENDINGS = (".png", ".svg", ".pdf")
# What an SVG writes for the colours above, and the CSS variables that take their place in a page.
_VARIABLES = {
    INK: "ink", FAINT: "faint", RULE: "rule", GRID: "grid", "#ffffff": "paper",
    TRAINING: "training", VALIDATION: "validation", UNUSED: "unused", WARNING: "warning",
    HEALTHY: "healthy",
}  # fmt: skip
_METADATA = ("Creator", "Date", "Format", "Type")
_WRITING = threading.Lock()


def save(figure: Figure, path: str | Path) -> Path:
    """Write `figure` to `path` as PNG, SVG or PDF, by the ending, and return the path.

    >>> import tempfile, lowerbound as lb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lb.figures.save(lb.figures.samples([[0, 1, 1, 0]], (2, 2)), f"{folder}/one.png").name
    'one.png'
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"a picture's name must end in {', '.join(ENDINGS)}, got {path.name!r}")
    figure.savefig(path, facecolor="white")
    return path


def svg(figure: Figure, label: str, name: str) -> str:
    """`figure` as an `<svg>` element that stands in a page.

    Text is text, in the page's font. `label` is its alternative text. `name` goes before its ids, so that
    pictures of one page do not share any. Ink, lines, paper and the colours of the charts are CSS variables
    (`--ink`, `--faint`, `--rule`, `--grid`, `--paper`, `--training`, `--validation`, `--unused`,
    `--warning`, `--healthy`) with the colours of a light page behind them, and what is behind a picture shows
    through.

    >>> import lowerbound as lb
    >>> element = lb.figures.svg(lb.figures.kl_per_dimension([1.0, 2.0]), "Two bars", "kl")
    >>> element[:38], "nats per row</text>" in element
    ('<svg role="img" aria-label="Two bars" ', True)
    """
    import matplotlib

    written = io.StringIO()
    # The writer reads these two from a global table, which is as it was when the call is over.
    with _WRITING, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            written, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.03,
            metadata=dict.fromkeys(_METADATA),
        )  # fmt: skip
    element = written.getvalue()
    size = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', element)
    assert size is not None
    inside = element[element.index(">", size.end()) + 1 :]
    inside = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", inside, flags=re.S)
    inside = re.sub(r'( id="|"url\(#|: url\(#|xlink:href="#)', rf"\g<1>{name}-", inside)
    inside = re.sub(r"font-family: [^;\"]*", "font-family: inherit", inside)
    for colour, variable in _VARIABLES.items():
        inside = inside.replace(colour, f"var(--{variable}, {colour})")
    width = float(size[1]) * 4 / 3  # points as CSS pixels
    return (
        f'<svg role="img" aria-label="{html.escape(label)}" {size[0]} fill="var(--ink, {INK})" '
        f'style="max-width: {width:.0f}px" xmlns:xlink="http://www.w3.org/1999/xlink">{inside}'
    )
