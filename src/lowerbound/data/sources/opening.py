"""A source by name, whole or in batches: each format by its own reader, one file or several."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.sources.array_batches import ArrayBatches
from lowerbound.data.sources.arrow_batches import ArrowBatches
from lowerbound.data.sources.batches import Batches, WholeFiles, all_of
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.encoding import decoded, encodings_of, head_of
from lowerbound.data.sources.file import File
from lowerbound.data.sources.formats import format_of, read_source
from lowerbound.data.sources.held import whole
from lowerbound.data.sources.libsvm import is_libsvm
from lowerbound.data.sources.several import files_of
from lowerbound.data.sources.text_batches import TextBatches

__all__ = ["batches_of", "read_files"]


def read_files(data: str, reading: Reading) -> Contents:
    """What `data` holds, all of it: one file or folder, or several files one below the other.

    **Raises:** as [`read_source`][lowerbound.data.sources.formats.read_source] and [`batches_of`][].
    """
    batches = None if files_of(data) is None else batches_of(data, reading)
    if batches is None:
        return read_source(data, reading)
    table = all_of(batches)
    if isinstance(table.arrays, np.ndarray):
        rows = table.arrays.T
        return Contents(rows if batches.image_shape is None else rows.reshape(-1, *batches.image_shape))
    if batches.label is None:
        return Contents(table)
    place = table.place(batches.label)
    rest = table.taken([other for other in range(table.width) if other != place])
    return Contents(rest, table.arrays[place], batches.label)


def batches_of(data: str, reading: Reading) -> Batches | None:
    """The rows that `data` names, a file, several by a pattern, or a folder of files of one format, a few at
    a time; None where they are of no file, or of one that holds several things, and are read at once.

    **Raises:** `FileNotFoundError`, and [`DataError`][lowerbound.data.errors.DataError] for files that
    differ.

    >>> batches_of("digits", Reading()) is None
    True
    """
    files = files_of(data) or ((Path(data),) if Path(data).is_file() else ())
    kind = format_of(files[0]) if files else None
    if kind is None:
        return None
    if kind in ("IDX", ".npy"):
        return ArrayBatches.of(files, reading)
    if all(map(ArrowBatches.takes, files)):
        return ArrowBatches(files, reading)
    if kind == "delimited text" and not any(map(_is_of_libsvm, files)):
        return TextBatches(files, reading)
    return WholeFiles(files, reading)


def _is_of_libsvm(path: Path) -> bool:
    file = File.at(path)
    with whole(path, file.ending or "text"):
        with file.open() as stream:
            head, all_of_it = head_of(stream)
        return is_libsvm(decoded(head, encodings_of(head)[0], all_of_it))
