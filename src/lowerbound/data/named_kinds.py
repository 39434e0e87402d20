"""The kinds of a column that a person may name."""

__all__ = ["KINDS", "TIMES"]

TIMES = ("date", "time", "span")
# The last two leave the column out.
KINDS = (
    *("number", "rounded", "whole", "bit", "category", "ordered"),
    *(*TIMES, "tokens", "words", "smiles", "molecule", "identifier", "text"),
)
