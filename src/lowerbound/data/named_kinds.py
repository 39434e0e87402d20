"""The kinds of a column that a person may name."""

from typing import Literal, get_args

__all__ = ["KINDS", "TIMES", "TimeKind"]

TimeKind = Literal["date", "time", "span"]
TIMES: tuple[TimeKind, ...] = get_args(TimeKind)
# The last two leave the column out.
KINDS = (
    *("number", "rounded", "whole", "bit", "category", "ordered"),
    *(*TIMES, "tokens", "words", "smiles", "molecule", "identifier", "text"),
)
