"""The pictures of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lowerbound.pages.html import caption

if TYPE_CHECKING:
    from lowerbound.figures.run import Picture

__all__ = ["COLUMNS", "gallery"]

# Images beside each other, and inches: at this size the text of a chart can still be read on a phone.
COLUMNS = 6
_WIDTH, _HEIGHT = 4.8, 3.2


def gallery(pictures: Mapping[str, Picture]) -> str:
    """Each picture with its title and words as text of the page; of one that was not drawn the words."""
    figures = "".join(
        f"<figure>{caption(picture.title, picture.caption)}{_svg(name, picture)}</figure>\n"
        for name, picture in pictures.items()
    )
    return f'<div class="pictures">{figures}</div>'


def _svg(name: str, picture: Picture) -> str:
    from lowerbound.figures import svg

    figure = picture.figure
    if figure is None:
        return ""
    width, height = figure.get_size_inches()
    if width > _WIDTH:  # what is laid out anew has room for its text
        least = 0.0 if figure.get_layout_engine() is None else _HEIGHT
        figure.set_size_inches(_WIDTH, max(height * _WIDTH / width, least))
    titled = [axes for axes in figure.axes if axes.get_title("left")]
    if len(titled) == 1:  # more are the names of panels
        titled[0].set_title("", loc="left")
    return svg(figure, picture.alternative, name)
