"""A route without a body, as the description of the API has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["get"]


def get(
    name: str, words: str, content: Mapping[str, Any], refused: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """The operation called `name`: what it answers, by media type, and its answers that are refusals.

    >>> found = get("live", "Whether it lives.", {"text/plain": {}}, {"503": {}}, security=[])
    >>> [*found], [*found["responses"]]
    (['operationId', 'summary', 'security', 'responses'], ['200', '503'])
    """
    responses = {"200": {"description": words, "content": content}, **refused}
    return {"operationId": name, "summary": words, **more, "responses": responses}
