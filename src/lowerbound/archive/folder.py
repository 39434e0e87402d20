"""The files of a run's folder: by their names alone, and nothing that a link leads to outside of it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["MODEL", "file_in"]

# The file of a folder that holds its model, or its estimator.
MODEL = "model.safetensors"


def file_in(folder: str | os.PathLike[str], name: str) -> Path | None:
    """The path of the file `name` of a folder; None where it has none.

    **Raises:** `ValueError` for a link that leads out of the folder, which a folder of a stranger's may hold,
    and for what is no file: a folder, a pipe, a device.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     os.symlink("/etc/hostname", f"{folder}/metrics.json")
    ...     file_in(folder, "history.jsonl"), file_in(folder, "metrics.json")
    Traceback (most recent call last):
    ...
    ValueError: ...metrics.json: expected a file of its folder, found a link that leads out of it, to \
/etc/hostname; put the file in its place
    """
    path = Path(folder) / name
    if not os.path.lexists(path):
        return None
    try:
        found = path.resolve()
    except (OSError, RuntimeError):
        raise ValueError(f"{path}: expected a file, found a link that leads to itself") from None
    if not found.is_relative_to(path.parent.resolve()):
        way_out = "put the file in its place"
        raise ValueError(
            f"{path}: expected a file of its folder, found a link that leads out of it, to {found}; {way_out}"
        )
    if not path.is_file():
        raise ValueError(f"{path}: expected a file, found a folder, a pipe, a device or a link to nothing")
    return path
