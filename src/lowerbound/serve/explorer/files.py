"""The files of the page: a closed list, read once."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

__all__ = ["File", "files"]

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class File(NamedTuple):
    """The bytes of a file, and its media type."""

    content: bytes
    media_type: str


@cache
def files() -> dict[str, File]:
    """The page's files by name, `index.html` among them, with the colours that it shares with the report.

    >>> sorted(name for name in files() if not name.endswith(".js"))
    ['colours.css', 'explorer.css', 'icon.svg', 'index.html']
    """
    here = resources.files("lowerbound.serve") / "static"
    found = [*here.iterdir(), resources.files("lowerbound.pages") / "colours.css"]
    return {
        entry.name: File(entry.read_bytes(), _TYPES[entry.name.rpartition(".")[2]])
        for entry in sorted(found, key=lambda entry: entry.name)
    }
