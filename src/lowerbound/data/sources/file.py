"""A file and the container that it is in: gzip, bzip2, xz, zstandard, or a zip of one file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from lowerbound.data.errors import DataError

__all__ = ["CONTAINERS", "File"]

CONTAINERS = (".gz", ".bz2", ".xz", ".zst", ".zip")


@dataclass(frozen=True)
class File:
    """The file at `path`, whose bytes are those of a file called `name` in a `container`, "" where it is in
    none.

    >>> file = File.at(Path("penguins.csv.gz"))
    >>> file.name, file.ending, file.container
    ('penguins.csv', '.csv', '.gz')
    """

    path: Path
    name: str
    container: str = ""

    @classmethod
    def at(cls, path: Path) -> File:
        """The file, or what the container at `path` holds.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a zip of another number of files than
        one.
        """
        container = path.suffix.lower()
        if container not in CONTAINERS:
            return cls(path, path.name)
        if container != ".zip" or not path.is_file():
            return cls(path, path.stem, container)
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if _is_data(name)]
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(path, "a whole .zip file", f"one that is not ({error})") from None
        if len(names) != 1:
            held = f"{len(names)}: {', '.join(names[:5])}{', …' * (len(names) > 5)}" if names else "none"
            raise DataError(path, "a zip of one file", held, way_out="unpack it, and name one of them")
        return cls(path, names[0], container)

    @property
    def ending(self) -> str:
        """That of what is inside, in small letters."""
        return PurePosixPath(self.name).suffix.lower()

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """What is inside, from its beginning, as it is read."""
        if self.container == ".zip":
            with zipfile.ZipFile(self.path) as archive, archive.open(self.name) as stream:
                yield stream
            return
        with _OPENERS[self.container](self.path) as stream:
            yield stream

    @contextmanager
    def whole(self) -> Iterator[Any]:
        """What is inside for a reader that goes to and fro: the file itself, or its bytes in memory."""
        with self.open() as stream:
            yield io.BytesIO(stream.read()) if self.container else stream

    def plain(self, what: str) -> Path:
        """The path, for a reader `what` that takes nothing else.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] where the file is in a container.
        """
        if self.container:
            raise DataError(self.path, f"a plain file for {what}", self.container, way_out="unpack it first")
        return self.path


def _is_data(name: str) -> bool:
    """Whether a member of a zip is a file, and none that a system left beside."""
    return not name.endswith("/") and not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _zstandard(path: Path) -> Any:
    import pyarrow

    return pyarrow.CompressedInputStream(str(path), "zstd")


_OPENERS: dict[str, Any] = {
    "": lambda path: path.open("rb"),
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _zstandard,
}
