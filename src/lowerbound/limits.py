"""How much is taken on the word of a file: every limit on what is read, in one place.

A file that is larger than memory is its owner's to bring; one that becomes far larger than it is, or that
promises what it has not, is refused before memory is taken for it.
"""

from __future__ import annotations

import os

__all__ = ["COLUMNS", "DEPTH", "DOCUMENT", "LINE", "RATIO", "RECORD", "most_unpacked"]

# What is packed may unpack to so many bytes, whatever its size, and beyond them to so many times its size.
# Tables of text unpack to 3 to 30 times, counts that are nearly all 0 to 100; a bomb to 1,000 or more.
_UNPACKED, RATIO = 2**25, 200
# Bytes of a JSON document of our own (a record, the structure of a model), and of one that is a table:
# Python's objects take some 20 times as many.
RECORD, DOCUMENT = 2**24, 2**25
# Records in records, and lists in lists: a parser calls itself for each.
DEPTH = 100
# Bytes of a line of text, and columns by name, of which each costs kilobytes. A cell has as many characters
# as Python's own reader takes, 131,072.
LINE, COLUMNS = 2**23, 2**16


def most_unpacked(packed: int) -> int:
    """The bytes that `packed` bytes may become: 32 MiB and 200 times their number. The environment variable
    LOWERBOUND_UNPACKED, a number of bytes, takes the place of the 32 MiB.

    **Raises:** `ValueError` where that is no number.

    >>> most_unpacked(0), most_unpacked(10**6)
    (33554432, 233554432)
    """
    said = os.environ.get("LOWERBOUND_UNPACKED")
    if said is not None and not said.isdecimal():
        raise ValueError(f"LOWERBOUND_UNPACKED: expected a number of bytes, found {said!r}")
    return (_UNPACKED if said is None else int(said)) + RATIO * packed
