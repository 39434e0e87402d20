"""HTML of plain text: everything is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["caption", "marked", "paragraph", "section", "table_of"]


def section(name: str, title: str, *parts: str) -> str:
    """A part of the page under its heading."""
    inside = "\n".join(filter(None, parts))
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{inside}\n</section>'


def marked(text: str) -> str:
    """Escaped; an error stays on the line of its estimate, and an option in one piece."""
    return re.sub(r"--[\w-]+", r"<code>\g<0></code>", escape(text).replace(" ± ", "\u00a0±\u00a0"))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of a CSS class."""
    return f'<p class="{kind}">{marked(text)}</p>' if kind else f"<p>{marked(text)}</p>"


def table_of(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """A table in a box that scrolls by itself; with `words` the last column is prose."""

    def cell(tag: str, text: str, column: int) -> str:
        prose = ' class="words"' if words and column == len(heads) - 1 else ""
        return f"<{tag}{prose}>{escape(text)}</{tag[:2]}>"

    head = "".join(cell('th scope="col"' if text else "td", text, i) for i, text in enumerate(heads))
    body = "".join(
        "<tr>"
        + cell('th scope="row"', name, 0)
        + "".join(cell("td", text, i) for i, text in enumerate(cells, 1))
        + "</tr>"
        for name, *cells in rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{escape(title)}" tabindex="0"><table>'
        f"<caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def caption(title: str, words: str) -> str:
    """A picture's heading and words."""
    return f"<figcaption><h3>{escape(title)}</h3>{paragraph(words)}</figcaption>"
