"""Encodings that are kept: a folder each, which appears whole or not at all, and is taken again for the same
source."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lowerbound.archive.records import read_record, write_record
from lowerbound.archive.store import read, write
from lowerbound.data.errors import DataError, Place
from lowerbound.data.mapped.encoding import Encoded
from lowerbound.data.mapped.moments import Moments
from lowerbound.data.mapped.sketch import Sketch
from lowerbound.data.schema import Schema
from lowerbound.data.sources.arrays import read_npy

__all__ = ["Kept", "Stamp", "Wanted"]

# The files of such a folder; the record is written last.
_ROWS, _SAMPLE, _LABELS = "rows.npy", "sample.npy", "labels.npy"
_SKETCH, _SCHEMA, _RECORD = "sketch.safetensors", "schema.json", "encoding.json"


@dataclass(frozen=True)
class Stamp:
    """A file as it was: its path, how many bytes it has, and when it was last written, in ns."""

    path: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """That of a file now."""
        about = path.stat()
        return cls(str(path.absolute()), about.st_size, about.st_mtime_ns)


@dataclass(frozen=True)
class Fault:
    """What is wrong with the first row that has probability 0, as an error says it."""

    expected: str
    found: str
    row: int | None
    column: str
    way_out: str

    @classmethod
    def of(cls, error: DataError) -> Fault:
        """What an error says."""
        row, column = error.place
        return cls(error.expected, error.found, row, json.dumps(column), error.way_out)

    def error(self, name: str) -> DataError:
        """The error about the source `name`."""
        place = Place(self.row, json.loads(self.column))
        return DataError(name, self.expected, self.found, place, self.way_out)


@dataclass(frozen=True)
class Record:
    """What an encoding is of: the `files` as they were, the SHA-256 of all else that was `asked`; the file of
    the rows, whether it is the source itself, how many rows it has and the SHA-256 of their bytes;
    `notes`."""

    files: tuple[Stamp, ...]
    asked: str
    array: str
    rows: int
    sha256: str
    notes: tuple[str, ...]
    fault: Fault | None


@dataclass(frozen=True)
class Wanted:
    """An encoding that is asked for: of these files, by all that `asked` holds (text, which says how they are
    read and by which schema), in a folder of `cache`."""

    cache: Path
    files: tuple[Stamp, ...]
    asked: str

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        stamps = json.dumps([asdict(stamp) for stamp in self.files])
        return self.cache / hashlib.sha256(f"{stamps}{self.asked}".encode()).hexdigest()[:24]

    def found(self, name: str) -> Kept | None:
        """The encoding, where there is one that is whole; a folder that cannot be read counts as none."""
        try:
            return Kept.read(self, name)
        except (OSError, ValueError, LookupError, TypeError):
            return None

    @contextmanager
    def begun(self) -> Iterator[Path]:
        """An empty folder to write into. When it is left without an error it is the encoding; else, and where
        the process ends, there is none."""
        self.cache.mkdir(parents=True, exist_ok=True)
        for left in self.cache.glob(f".*.{_MACHINE}.*.partial"):
            if not _is_running(left.name.split(".")[-2]):
                shutil.rmtree(left, ignore_errors=True)
        name = f".{self.folder.name}.{_MACHINE}.{os.getpid()}"
        partial, before = self.cache / f"{name}.partial", self.cache / f"{name}.before.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            for path in (*partial.iterdir(), partial):
                _to_disk(path)
            if self.folder.exists():  # one that cannot be read
                self.folder.rename(before)
            partial.rename(self.folder)
            _to_disk(self.cache)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(before, ignore_errors=True)


# Processes are told apart on one machine alone, and a folder may be shared.
_MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class Kept:
    """Encoded rows in a file, `x`, mapped; their schema and their sketch; the numbers of those that have
    probability 0, with what is wrong with the first; the labels, where the source has them; the SHA-256 of
    the rows' bytes; and what a person should know."""

    x: np.ndarray
    schema: Schema
    sketch: Sketch
    impossible: np.ndarray
    fault: DataError | None
    labels: np.ndarray | None
    sha256: str
    notes: tuple[str, ...]

    @staticmethod
    def write(
        folder: Path,
        wanted: Wanted,
        encoded: Encoded,
        schema: Schema,
        *,
        array: Path | None,
        labels: Sequence[np.ndarray],
        notes: tuple[str, ...],
    ) -> None:
        """Put beside the rows what is known of them; `array` is the source itself, where that is the rows."""
        np.save(folder / _SAMPLE, encoded.sketch.sample, allow_pickle=False)
        if labels:
            np.save(folder / _LABELS, np.concatenate(labels), allow_pickle=False)
        sketch = encoded.sketch
        about = {"numbers": sketch.numbers, "impossible": encoded.impossible, **vars(sketch.moments)}
        write(about, folder / _SKETCH, "sketch")
        (folder / _SCHEMA).write_text(json.dumps(schema.to_json()), "utf-8")
        fault = None if encoded.fault is None else Fault.of(encoded.fault)
        where = _ROWS if array is None else str(array.absolute())
        record = Record(wanted.files, wanted.asked, where, encoded.rows, encoded.sha256, notes, fault)
        write_record(record, folder / _RECORD)

    @classmethod
    def read(cls, wanted: Wanted, name: str) -> Kept:
        """What a folder holds.

        **Raises:** `OSError`, `ValueError` and others for one that is not whole, or of another source.
        """
        folder = wanted.folder
        record = read_record(Record, folder / _RECORD)
        if (record.files, record.asked) != (wanted.files, wanted.asked):
            raise ValueError(f"{folder}: expected the encoding of {name}, found another")
        if record.array not in (_ROWS, *(stamp.path for stamp in wanted.files)):
            raise ValueError(f"{folder}: expected rows of {name}, found {record.array}")
        x = read_npy(folder / _ROWS if record.array == _ROWS else Path(record.array))
        x = x.reshape(len(x), -1)
        sketched = read(folder / _SKETCH, "sketch")
        impossible, numbers = sketched.pop("impossible"), sketched.pop("numbers")
        schema = Schema.from_json(json.loads((folder / _SCHEMA).read_text("utf-8")))
        sketch = Sketch(read_npy(folder / _SAMPLE), numbers, Moments(**sketched))
        if x.shape != (record.rows, len(schema.placed)) or sketch.sample.dtype != x.dtype:
            raise ValueError(
                f"{folder}: expected {record.rows} rows of {len(schema.placed)}, found {x.shape}"
            )
        labels = read_npy(folder / _LABELS) if (folder / _LABELS).exists() else None
        fault = None if record.fault is None else record.fault.error(name)
        return cls(x, schema, sketch, impossible, fault, labels, record.sha256, record.notes)
