"""How much memory encoded rows may take, and where they are kept when they are more."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lowerbound.data.memory import in_bytes

__all__ = ["Memory"]


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
        ValueError: memory: expected a size such as "2 GB", found 'plenty'
        """
        if isinstance(limit, Memory):
            return limit
        return cls(in_bytes(limit), _of_the_user() if cache is None else Path(cache))


def _of_the_user() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "lowerbound" / "rows"
