"""All that is wrong with the columns of a table, in one line, with the option that leaves them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lowerbound.data.errors import DataError
from lowerbound.data.found import found_in
from lowerbound.data.kinds import by_name, kinds_of
from lowerbound.data.numbers import NUMBER
from lowerbound.data.schema import Kinds, Schema
from lowerbound.data.tables import Columns

__all__ = ["all_faults"]

# As many are told one by one; of so many different cells a column says which may stand for no value.
_TOLD, _CODES = 5, 3


def all_faults(read: Columns, name: str, first: DataError, kinds: Kinds | None = None) -> DataError:
    """The error about a table whose `first` fault was found: of each column that has one, and how to leave
    them out; `kinds` are those that are said of some columns.

    >>> import pyarrow
    >>> from lowerbound.data.errors import Place
    >>> from lowerbound.data.tables import columns_of
    >>> read = columns_of(pyarrow.table({"a": ["1", "x1"], "b": [0.5, 1], "c": [1, float("inf")]}))
    >>> print(all_faults(read, "x.csv", DataError("x.csv", "numbers", "'x'", Place(1, "a"))))
    x.csv: expected columns that are each of one kind, found 2 that are not: 'a' ('x1' in row 1), \
'c' (inf in row 1); leave them out (--drop a,c), or, where 'x1' stands for no value, --missing-values \
,NA,?,x1, or, where text is right, --kinds a=category
    """
    if first.place.column is None or not isinstance(read.arrays, list):
        return first
    said = kinds_of(kinds.columns) if isinstance(kinds, Schema) else kinds
    labels = read.names or tuple(f"x{place}" for place in range(read.width))
    known = by_name(said, labels, name)
    faults = dict(_faults(read, name, known))
    if not faults:
        return first
    leave_out = f"(--drop {','.join(_told(read, place) for place in faults)}){_or_missing(read, [*faults])}"
    leave_out += _or_text(read, [place for place in faults if labels[place] not in known])
    if len(faults) == 1:
        mend = first.way_out.removesuffix(", or leave it out")
        way_out = (
            f"{mend}, or leave the column out {leave_out}" if mend else f"leave the column out {leave_out}"
        )
        return DataError(name, first.expected, first.found, first.place, way_out)
    told = ", ".join(
        f"{_label(read, place)!r} ({fault.found}{_in_row(fault)})"
        for place, fault in [*faults.items()][:_TOLD]
    )
    rest = f" and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    found = f"{len(faults)} that are not: {told}{rest}"
    return DataError(name, "columns that are each of one kind", found, way_out=f"leave them out {leave_out}")


def _or_missing(read: Columns, places: list[int]) -> str:
    """The other way out, where a few odd cells may stand for no value."""
    codes = _codes(read, places)
    if not codes:
        return ""
    stand = f"{' and '.join(map(repr, codes))} stand{'s' * (len(codes) == 1)} for no value"
    return f", or, where {stand}, --missing-values {_option(codes)}"


def _or_text(read: Columns, places: list[int]) -> str:
    """The way out for columns of numbers with some text, such as 136A: they may be categories."""
    text = [place for place in places if read.arrays[place].dtype.kind == "O"]
    kinds = ",".join(f"{_told(read, place)}=category" for place in text)
    return f", or, where text is right, --kinds {kinds}" if text else ""


def _in_row(fault: DataError) -> str:
    return "" if fault.place.row is None else f" in row {fault.place.row}"


def _faults(read: Columns, name: str, kinds: Mapping[str, str]) -> Iterator[tuple[int, DataError]]:
    missing = any(array.dtype.kind in "OMm" for array in read.arrays)
    for place in range(read.width):
        try:
            found_in(read.taken([place]), name, missing, kinds)
        except DataError as error:
            yield place, error


def _label(read: Columns, place: int) -> str | int:
    return read.names[place] if read.names else place


def _told(read: Columns, place: int) -> str:
    """How `--drop` is told of a column."""
    label = str(_label(read, place))
    return str(place) if "," in label else label


def _codes(read: Columns, places: list[int]) -> list[str]:
    """The few cells that are no numbers in columns of numbers."""
    odd: set[str] = set()
    for place in places:
        cells = read.arrays[place].tolist() if read.arrays[place].dtype.kind == "O" else []
        odd |= {cell for cell in cells if isinstance(cell, str) and not NUMBER.fullmatch(cell)}
        if len(odd) > _CODES:
            return []
    return [] if any("," in cell for cell in odd) else sorted(odd)


def _option(codes: list[str]) -> str:
    words = ",".join(["", "NA", "?", *codes])
    return words if words.replace(" ", "") == words else repr(words)
