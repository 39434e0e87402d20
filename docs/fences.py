"""For Griffe, which reads the docstrings: their examples become blocks of code."""

from __future__ import annotations

import re
from typing import Any

import griffe

__all__ = ["Examples", "fenced"]


def fenced(docstring: str) -> str:
    """Fences about each example, from its first `>>>` to the next empty line."""
    return re.sub(r"^>>> .*(?:\n.+)*", r"```pycon\n\g<0>\n```", docstring, flags=re.MULTILINE)


class Examples(griffe.Extension):
    """Fences about the examples of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
