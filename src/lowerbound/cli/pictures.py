"""The pictures of a run, as files."""

from __future__ import annotations

from pathlib import Path

from lowerbound.cli.console import plain_warnings
from lowerbound.figures import save
from lowerbound.figures.run import NAMES, Shown, pictures_of

__all__ = ["draw"]


def draw(shown: Shown, out: Path) -> list[Path]:
    """Write every picture that can be drawn into the folder `out`; one that an earlier run had and this one
    has not is removed."""
    with plain_warnings():
        pictures = pictures_of(shown)
    drawn = {name: picture.figure for name, picture in pictures.items() if picture.figure is not None}
    for name in NAMES:
        if name not in drawn:
            (out / f"{name}.png").unlink(missing_ok=True)
    return [save(figure, out / f"{name}.png") for name, figure in drawn.items()]
