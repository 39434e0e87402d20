"""Sizes of memory, in words."""

from __future__ import annotations

import re

__all__ = ["in_bytes"]

_UNITS = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def in_bytes(size: str | int, name: str = "memory") -> int:
    """A size in bytes.

    **Raises:** `ValueError` for one that is not above 0 or of no unit that is known.

    >>> in_bytes("2 GB"), in_bytes("512MiB"), in_bytes(1000)
    (2000000000, 536870912, 1000)
    >>> in_bytes("much")
    Traceback (most recent call last):
    ...
    ValueError: memory: expected a size such as "2 GB", found 'much'
    """
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    unit = _UNITS.get(found[2].upper()) if found else None
    count = size if isinstance(size, int) and not isinstance(size, bool) else None
    if found and unit:
        count = int(float(found[1]) * unit)
    if count is None or count <= 0:
        raise ValueError(f'{name}: expected a size such as "2 GB", found {size!r}')
    return count
