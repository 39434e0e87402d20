"""Files that are not what they seem: what a header promises against what is there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lowerbound.data.errors import DataError
from lowerbound.limits import COLUMNS, most_unpacked

__all__ = ["DEFLATE", "check_held", "check_unpacked", "check_width", "size_of", "whole"]

# No byte of a deflate stream (gzip, zip) can hold more than this many.
DEFLATE = 1032


@contextmanager
def whole(path: Path, kind: str) -> Iterator[None]:
    """Whatever a parser says of a broken file, as a [`DataError`][lowerbound.data.errors.DataError] that
    names it.

    >>> with whole(Path("x.npy"), ".npy"):
    ...     raise EOFError("no more")
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x.npy: expected a whole .npy file, found one that is not (no more)
    """
    try:
        yield
    except PermissionError:
        raise
    except Exception as error:  # on broken bytes parsers raise nearly anything
        words = " ".join(str(error).split())
        if words.startswith(f"{path}:"):
            raise
        found = f"one that is not ({words[:200] or type(error).__name__})"
        raise DataError(path, f"a whole {kind} file", found) from None


def check_held(where: str, shape: tuple[int, ...], itemsize: int, held: int) -> None:
    """Whether `held` bytes can hold an array of `shape`, asked before memory is taken for it.

    >>> check_held("x.npy", (10**9, 1000), 8, held=800)
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x.npy: expected the 1000000000 × 1000 values that its header promises, \
8,000,000,000,000 bytes, found a file that can hold 800 at most; it is cut short, or its header is wrong: \
write it anew
    """
    promised = itemsize
    for size in shape:
        promised *= size
    if promised > held or min(shape, default=0) < 0:
        expected = f"the {' × '.join(map(str, shape))} values that its header promises, {promised:,} bytes"
        way_out = "it is cut short, or its header is wrong: write it anew"
        raise DataError(where, expected, f"a file that can hold {held:,} at most", way_out=way_out)


def size_of(stream: IO[bytes]) -> int:
    """The bytes of a stream, which is then at its beginning."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


def check_unpacked(
    where: object, packed: int, unpacked: int, way_out: str = "unpack it first, and name what was in it"
) -> None:
    """Whether `packed` bytes may become `unpacked` ones ([`most_unpacked`][lowerbound.limits.most_unpacked]),
    asked before memory is taken for them.

    >>> check_unpacked("x.npz", 1_000, 10**9)
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x.npz: expected at most 34 MB to be packed in 1,000 bytes, found \
1,000 MB or more; unpack it first, and name what was in it, or set LOWERBOUND_UNPACKED to the bytes that it \
may take
    """
    if unpacked > (most := most_unpacked(packed)):
        expected = f"at most {most / 1e6:,.0f} MB to be packed in {packed:,} bytes"
        found = f"{unpacked / 1e6:,.0f} MB or more"
        way_out = f"{way_out}, or set LOWERBOUND_UNPACKED to the bytes that it may take"
        raise DataError(where, expected, found, way_out=way_out)


def check_width(where: object, columns: int) -> None:
    """Whether a table has no more columns than are read by name ([`COLUMNS`][lowerbound.limits.COLUMNS])."""
    if columns > COLUMNS:
        way_out = "save the values as one array, .npy"
        raise DataError(where, f"at most {COLUMNS:,} columns", f"{columns:,}", way_out=way_out)
