"""What is wrong with data, as one exception: where, what was expected, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["DataError", "Place"]


class Place(NamedTuple):
    """A cell, a row or a column of a table: rows counted from 0, columns by number or by name.

    >>> str(Place(3, "age")), str(Place(column=2)), str(Place())
    ("row 3, column 'age'", 'column 2', '')
    """

    row: int | None = None
    column: int | str | None = None

    def __str__(self) -> str:
        row = [] if self.row is None else [f"row {self.row}"]
        column = [] if self.column is None else [f"column {self.column!r}"]
        return ", ".join(row + column)


class DataError(ValueError, TypeError):
    """Data that cannot be what they are taken for. One line says which data, what was `expected`, what was
    `found`, the `place`, and the `way_out`.

    It is a `ValueError` and a `TypeError`, since a wrong cell is the one or the other by the form in which
    it came: as text in a file, as an object in an array.

    >>> error = DataError("ages.csv", "whole numbers", "2.5", Place(7, "age"), "round the column")
    >>> str(error)
    "ages.csv: expected whole numbers, found 2.5 in row 7, column 'age'; round the column"
    >>> error.place.column, error.way_out
    ('age', 'round the column')
    """

    def __init__(
        self, source: object, expected: str, found: str, place: Place | None = None, way_out: str = ""
    ) -> None:
        self.source, self.expected, self.found = str(source), expected, found
        self.place, self.way_out = place or Place(), way_out
        super().__init__(self.source, expected, found, self.place, way_out)

    def moved(self, number: Callable[[int], int | None]) -> DataError:
        """The same of rows that have other numbers: those that `number` says, None where it is not known.

        >>> print(DataError("x", "numbers", "'a'", Place(3, "age")).moved(lambda row: 1000 + row))
        x: expected numbers, found 'a' in row 1003, column 'age'
        """
        row = None if self.place.row is None else number(self.place.row)
        place = self.place._replace(row=row)
        return DataError(self.source, self.expected, self.found, place, self.way_out)

    def __str__(self) -> str:
        where = f" in {self.place}" if str(self.place) else ""
        what_to_do = f"; {self.way_out}" if self.way_out else ""
        return f"{self.source}: expected {self.expected}, found {self.found}{where}{what_to_do}"
