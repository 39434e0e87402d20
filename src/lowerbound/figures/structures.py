"""Molecules as grids of structures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from lowerbound.chemistry.structures import Ink, Line, structure_of
from lowerbound.figures.style import DPI, FAINT, HEALTHY, INK, VALIDATION, WARNING, positive

__all__ = ["molecules"]

# Pixels of a cell, of the words below a structure and the space around it, of the names of sets, and of an
# inch; letters of a caption.
_WIDE, _HIGH, _WORDS, _MARGIN, _NAMES, _INCH = 150, 128, 24, 12, 92, 100
_LETTERS = 22
_COLOURS: dict[Ink, str] = {"ink": INK, "nitrogen": VALIDATION, "oxygen": WARNING, "halogen": HEALTHY}
# How SVG's words of a path go on.
_CODES = {
    "M": [Path.MOVETO],
    "L": [Path.LINETO],
    "Q": [Path.CURVE3] * 2,
    "C": [Path.CURVE4] * 3,
    "Z": [Path.CLOSEPOLY],
}


Sets = Sequence[str | None] | Mapping[str, Sequence[str | None]]


def molecules(smiles: Sets, captions: Sets | None = None, columns: int = 5) -> Figure:
    """The structures of molecules, SMILES each, `columns` a row, of one scale but for those that are too
    large for it, over their `captions`, by default the SMILES themselves. Several sets of as many, by name,
    stand below each other, one molecule of each in a column; their captions go by the same names. What is
    no molecule is said to be none.

    **Raises:** `ValueError` for no molecules, and for sets or captions of other sizes; `ImportError` without
    `lowerbound[molecules]`.

    >>> figure = molecules(["CCO", "c1ccccc1"], ["ethanol", "benzene"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['ethanol', 'benzene']
    >>> both = molecules({"sample": ["CCO"], "nearest": ["CCN"]})
    >>> [text.get_text() for text in both.axes[0].texts]
    ['sample', 'CCO', 'nearest', 'CCN']
    """
    sets, said = _named(smiles), _named(smiles if captions is None else captions)
    sizes = {name: (len(each), len(said.get(name, ()))) for name, each in sets.items()}
    size = max(max(sizes.values()))
    if not size or {*sizes.values()} != {(size, size)}:
        found = ", ".join(f"{name or 'smiles'} {n} and {m}" for name, (n, m) in sizes.items())
        raise ValueError(f"smiles must be sets of as many molecules and captions, not empty, got {found}")
    across = min(positive(columns, "columns"), size)
    left = _NAMES if any(sets) else 0
    wide, down = left + across * _WIDE, -(-size // across) * len(sets) * _HIGH
    figure = Figure(figsize=(wide / _INCH, down / _INCH), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, wide), ylim=(down, 0))
    axes.set_axis_off()
    for place in range(size):
        column, line = place % across, place // across
        for row, (name, each) in enumerate(sets.items()):
            x, y = left + column * _WIDE, (line * len(sets) + row) * _HIGH
            if name and not column:
                _words(axes, name, 4, y + (_HIGH - _WORDS) / 2, "left", INK)
            _structure(axes, each[place], x, y)
            caption = said[name][place]
            _words(axes, "missing" if caption is None else _cut(caption), x + _WIDE / 2, y + _HIGH - 12)
    return figure


def _named(sets: Sets) -> Mapping[str, Sequence[str | None]]:
    return sets if isinstance(sets, Mapping) else {"": sets}


def _cut(words: str) -> str:
    return words if len(words) <= _LETTERS else f"{words[: _LETTERS - 1]}…"


def _words(axes: Axes, words: str, x: float, y: float, align: str = "center", colour: str = FAINT) -> None:
    axes.text(x, y, words, ha=align, va="center", fontsize=7, color=colour, parse_math=False)


def _structure(axes: Axes, smiles: str | None, x: float, y: float) -> None:
    """A molecule in the middle of the cell whose corner is at x, y."""
    drawn = structure_of(smiles) if smiles else None
    room = _WIDE - _MARGIN, _HIGH - _WORDS - _MARGIN
    if drawn is None:
        _words(axes, "no molecule" if smiles is not None else "", x + _WIDE / 2, y + (_HIGH - _WORDS) / 2)
        return
    scale = min(1.0, room[0] / drawn.wide, room[1] / drawn.high)
    at = (
        x + (_WIDE - scale * drawn.wide) / 2,
        y + (_HIGH - _WORDS - scale * drawn.high) / 2,
    )
    placed = Affine2D().scale(scale).translate(*at)
    for line in drawn.lines:
        colour, wide = _COLOURS[line.ink], line.wide * scale * 72 / _INCH
        path = placed.transform_path(_path(line))
        if line.wide:
            axes.add_patch(PathPatch(path, fill=False, edgecolor=colour, linewidth=wide, capstyle="round"))
        else:
            axes.add_patch(PathPatch(path, facecolor=colour, linewidth=0))


def _path(line: Line) -> Path:
    """SVG's words of a path as Matplotlib has them."""
    points: list[float] = []
    codes: list[np.uint8] = []
    for letter, numbers in re.findall(r"([MLQCZ])([^MLQCZ]*)", line.path):
        points += (
            map(float, numbers.split()) if letter != "Z" else (0.0, 0.0)
        )  # a place that is not looked at
        codes += _CODES[letter]
    return Path(np.reshape(points, (-1, 2)), codes)
