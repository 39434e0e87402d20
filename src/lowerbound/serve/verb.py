"""What a verb is: its fields, the parts of its answer, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np

from lowerbound.serve.service import Service

__all__ = ["Answer", "Asked", "Field", "Part", "Verb"]

# The parts of an answer, and the fields of a request, by name.
Answer = Mapping[str, Any]
Asked = Mapping[str, Any]
FieldKind = Literal["rows", "codes", "code", "whole", "number", "truth", "given"]
PartKind = Literal[
    "rows", "codes", "numbers", "number", "text", "names", "scores", "matrix", "draws", "levels"
]

REQUIRED: Final = object()


@dataclass(frozen=True)
class Field:
    """A field of a request: `rows` and `codes` are many, a `code` is one; a whole number or a number lies
    between `least` and `most`, of which the latter may be one of the server's limits, by its name."""

    name: str
    kind: FieldKind
    words: str
    default: Any = REQUIRED
    least: float | None = None
    most: float | None = None
    limit: str | None = None

    @property
    def required(self) -> bool:
        """Whether a request must have it."""
        return self.default is REQUIRED


@dataclass(frozen=True)
class Part:
    """A part of an answer, which may be null where it is `optional`."""

    name: str
    kind: PartKind
    words: str
    optional: bool = False


@dataclass(frozen=True)
class Verb:
    """A verb: its `fields`, the `parts` of its answer, and the part that goes into an array or a table.

    `answer` computes the parts from the fields, whose rows are columns by then, and whose codes an array.
    Where the answer is `of_rows`, a row's own, rows of several requests that are alike in all else are handed
    to it together. A `slow` verb, one with a field that makes it so (`slow_with`), or of more rows than a few
    (`slow_above`), takes so long that others do not wait for it, and its rows are taken in pieces. One that
    is quick for most rows has `quick`, an answer in which a row's own may not hold yet: then the request goes
    to the slow ones."""

    name: str
    words: str
    fields: tuple[Field, ...]
    parts: tuple[Part, ...]
    main: str
    example: Callable[[Service], dict[str, Any]]
    answer: Callable[[Service, Asked], Answer]
    of_rows: bool = False
    slow: bool = False
    slow_with: str | None = None
    slow_above: int | None = None
    quick: Callable[[Service, Asked], tuple[Answer, np.ndarray]] | None = None
    piece: int | None = None
    instead: str | None = None

    def main_of(self, asked: Asked) -> str:
        """The part that goes into an array or a table: `instead`, tables one after the other, where the field
        of that name asks for some."""
        return self.instead if self.instead is not None and asked[self.instead] else self.main

    @cached_property
    def over(self) -> str | None:
        """The field whose rows, or codes, the answer has one each of."""
        return next((field.name for field in self.fields if field.kind in ("rows", "codes")), None)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The other fields."""
        return tuple(field.name for field in self.fields if field.name != self.over)
