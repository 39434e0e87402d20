"""How much memory encoded rows may take, and where they are kept when they are more."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory"]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


@dataclass(frozen=True)
class Memory:
    """How many bytes encoded rows may take in memory: more are kept in a file of the folder `cache`, and
    mapped from there.

    >>> Memory.of("2 GB", cache="rows").limit, Memory.of("1.5 GiB", cache="rows").limit
    (2000000000, 1610612736)
    """

    limit: int
    cache: Path

    @classmethod
    def of(cls, limit: str | int | Memory, cache: str | os.PathLike[str] | None = None) -> Memory:
        """A number of bytes, in words too, and a folder, by default one of the user's cache.

        **Raises:** `ValueError` for anything else.

        >>> Memory.of("plenty")
        Traceback (most recent call last):
        ...
        ValueError: memory: expected a size such as '2 GB' or '500 MB', found 'plenty'
        """
        if isinstance(limit, Memory):
            return limit
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([a-zA-Z]*)\s*", str(limit))
        unit = None if found is None else _UNITS.get(found[2].upper())
        if found is None or unit is None:
            raise ValueError(f"memory: expected a size such as '2 GB' or '500 MB', found {limit!r}")
        return cls(int(float(found[1]) * unit), _of_the_user() if cache is None else Path(cache))


def _of_the_user() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "lowerbound" / "rows"
