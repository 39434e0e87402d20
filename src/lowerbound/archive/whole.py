"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all: what was there stays until all of `content` is on the disk.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(f"{folder}/a", b"one")
    ...     [(file.name, file.read_bytes()) for file in Path(folder).iterdir()]
    [('a', b'one')]
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # a full disk may say so only here
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
