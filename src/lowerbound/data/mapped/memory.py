"""How much memory encoded rows may take, and where they are kept when they are more."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from lowerbound.data.memory import in_bytes

__all__ = ["Memory"]


@dataclass(frozen=True)
class Memory:
    """How many bytes encoded rows may take in memory: more are kept in a file of the folder `cache`, and
    mapped from there; of None in one of the user's cache, unless a better one is known ([`beside`][]).

    >>> Memory.of("2 GB").limit, Memory.of("1.5 GiB").beside("runs/a").folder.as_posix()
    (2000000000, 'runs/a/cache')
    """

    limit: int
    cache: Path | None = None

    @classmethod
    def of(cls, limit: str | int | Memory, cache: str | os.PathLike[str] | None = None) -> Memory:
        """A number of bytes, in words too, and a folder.

        **Raises:** `ValueError` for anything else.

        >>> Memory.of("plenty")
        Traceback (most recent call last):
        ...
        ValueError: memory: expected a size such as "2 GB", found 'plenty'
        """
        if isinstance(limit, Memory):
            return limit
        return cls(in_bytes(limit), None if cache is None else Path(cache))

    def beside(self, run: str | os.PathLike[str]) -> Memory:
        """With the folder in that of a run, where none is said."""
        return self if self.cache is not None else replace(self, cache=Path(run) / "cache")

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        if self.cache is not None:
            return self.cache
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return home / "lowerbound" / "rows"
