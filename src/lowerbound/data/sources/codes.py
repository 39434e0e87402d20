"""Numbers that may stand for no value, such as −9999: they are not taken for it, but asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lowerbound.data.tables import Columns

__all__ = ["likely_codes"]

# One of fewer cells, or of a smaller share, is an outlier; among fewer different values none is far off.
_LEAST, _SHARE, _OTHERS = 3, 0.005, 5


def likely_codes(read: Columns) -> tuple[str, ...]:
    """A note on each column in which a whole number at an end stands often, and farther from the others than
    they are from each other.

    >>> age = np.array([39, 50, 38, -99, 53, 28, 37, 49, -99, 52, 31, 42, -99])
    >>> likely_codes(Columns([age], ("age",)))
    ("-99 stands 3 times in 'age', far from the others: if for no value, --missing-values ,NA,?,-99",)
    """
    if isinstance(read.arrays, np.ndarray):
        return ()
    notes = []
    for place, array in enumerate(read.arrays):
        for code, times in _at_the_ends(array):
            name = repr(read.names[place]) if read.names else f"column {place}"
            option = f"--missing-values ,NA,?,{code}"
            notes.append(
                f"{code} stands {times} times in {name}, far from the others: if for no value, {option}"
            )
    return tuple(notes)


def _at_the_ends(array: np.ndarray) -> Iterator[tuple[int, int]]:
    """Such numbers of a column, and how often they stand there."""
    if array.dtype.kind not in "iuf":
        return
    values = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    for end in _ends(values):
        others = values[values != end]
        times = len(values) - len(others)
        if times < max(_LEAST, _SHARE * len(values)) or len(others) < _OTHERS or not end.is_integer():
            continue
        low, high = float(others.min()), float(others.max())
        gap = low - end if end < low else end - high
        if gap > high - low and len(np.unique(others)) >= _OTHERS:
            yield int(end), times


def _ends(values: np.ndarray) -> Sequence[float]:
    return (float(values.min()), float(values.max())) if len(values) else ()
