"""Tables that lack columns of a schema which a row does not need."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from lowerbound.data.columns import Column
from lowerbound.data.errors import DataError
from lowerbound.data.refused import listed
from lowerbound.data.tables import Columns

__all__ = ["by_their_names"]


def by_their_names(
    columns: Sequence[Column], read: Columns, name: str, may_lack: Collection[str] = ()
) -> Columns:
    """The columns of a table that are called as `columns`, in their order. One that it lacks has no value,
    where a row does not need it: a column that is left out, one that another says again, and those whose
    names are among `may_lack`.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] that names the others that it lacks.

    >>> import numpy as np
    >>> kept, left_out = Column("age", "whole", "int64", 0, 9), Column("who", "identifier", "object")
    >>> table = Columns([np.array([7, 8])], ("age",))
    >>> by_their_names([left_out, kept], table, "x").arrays[0].tolist()
    [None, None]
    """
    had = {*(read.names or ())}
    said_again = {column.original for column in columns if column.name in had}
    lacking = [
        column.name
        for column in columns
        if column.encoded and column.name not in {*had, *said_again, *may_lack}
    ]
    if lacking:
        found = f"no {listed(lacking)}" + (f" in {listed(read.names)}" if read.names else "")
        raise DataError(name, "the columns that the model has", found)
    places = [read.place(column.name, name) if column.name in had else None for column in columns]
    known = [place for place in places if place is not None]
    if len(known) == len(places):
        return read.taken(known)
    arrays = [
        column.blank(read.length) if place is None else read.arrays[place]
        for column, place in zip(columns, places, strict=True)
    ]
    declared = read.declared and tuple(None if place is None else read.declared[place] for place in places)
    return replace(read, arrays=arrays, names=tuple(column.name for column in columns), declared=declared)
