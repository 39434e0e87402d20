"""Several files as one source: those that a pattern names, or a folder of files of one format."""

from __future__ import annotations

from glob import glob, has_magic
from pathlib import Path

from lowerbound.data.errors import DataError
from lowerbound.data.sources.formats import format_of

__all__ = ["files_of"]


def files_of(data: str) -> tuple[Path, ...] | None:
    """The files of rows that a pattern names (`*`, `?`, `[…]`, and `**` for any folders), or a folder that
    holds files of one format alone, in the order of their paths; None where `data` is one source. Hidden
    files, and those that begin with `_`, as Spark's `_SUCCESS`, are left aside.

    **Raises:** `FileNotFoundError` for a pattern that no file has;
    [`DataError`][lowerbound.data.errors.DataError] for files of several formats, with the first that differs.

    >>> files_of("x.csv") is None
    True
    """
    path = Path(data)
    if path.is_dir():
        files = _seen([*path.iterdir()])
        formats = {format_of(file) for file in files}
        return files if len(formats) == 1 and None not in formats else None
    if path.exists() or not has_magic(data):
        return None
    files = _seen([Path(found) for found in glob(data, recursive=True)])
    if not files:
        raise FileNotFoundError(f"{data}: no file has such a name")
    expected = format_of(files[0])
    if expected is None:
        raise DataError(data, "files of tables or of arrays, such as .parquet, .csv and .npy", str(files[0]))
    for file in files:
        if format_of(file) != expected:
            raise DataError(file, f"{expected}, as {files[0]} is", file.suffix or "no ending")
    return files


def _seen(paths: list[Path]) -> tuple[Path, ...]:
    return tuple(sorted(path for path in paths if path.is_file() and not path.name.startswith((".", "_"))))
