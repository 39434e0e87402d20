"""A folder that one process at a time works in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["locked"]

_LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process, by a lock of the operating system (flock) on a file `.lock` in it: a
    process that dies, however it does, holds nothing. The file is removed at the end.

    **Raises:** `BlockingIOError` that names the process which holds it; `OSError` where the folder cannot be
    written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder)):
    ...     with locked(Path(folder)):
    ...         pass
    Traceback (most recent call last):
    ...
    BlockingIOError: ...: another process trains into it (pid ...); wait for it, or take another folder
    """
    path = folder / _LOCK
    held = _acquired(path)
    try:
        os.ftruncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
        yield
    finally:
        with suppress(OSError):  # of a disk that has vanished, or cannot be written any more
            path.unlink()  # while it is held: whoever waits for it sees that it is gone
        os.close(held)


def _acquired(path: Path) -> int:
    if os.name == "nt":  # where nothing is held
        return os.open(path, os.O_RDWR | os.O_CREAT)
    import fcntl

    while True:
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(opened), path.stat()):
                return opened
            os.close(opened)  # the one before removed it at its end
        except BlockingIOError:
            pid = os.pread(opened, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(opened)
            raise BlockingIOError(
                f"{path.parent}: another process trains into it (pid {pid}); wait for it, or take another "
                "folder"
            ) from None
