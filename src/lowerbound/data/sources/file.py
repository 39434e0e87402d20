"""A file and the container that it is in: gzip, bzip2, xz, zstandard, or a zip of one file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from lowerbound.data.errors import DataError
from lowerbound.data.sources.held import check_unpacked

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
        """What is inside, from its beginning, as it is read.

        **Raises** while it is read: [`DataError`][lowerbound.data.errors.DataError] where it becomes far
        larger than what is read of the file.
        """
        with self.path.open("rb") as packed:
            if not self.container:
                yield packed
                return
            with ExitStack() as stack:
                stream = stack.enter_context(self._unpacking(packed, stack))
                yield io.BufferedReader(_Unpacked(self.path, packed, stream), _PIECE)

    def _unpacking(self, packed: IO[bytes], stack: ExitStack) -> Any:
        if self.container != ".zip":
            return _OPENERS[self.container](packed)
        archive = stack.enter_context(zipfile.ZipFile(packed))
        member = archive.getinfo(self.name)
        size = self.path.stat().st_size
        check_unpacked(self.path, min(member.compress_size, size), member.file_size)
        return archive.open(member)

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


class _Unpacked(io.RawIOBase):
    """The bytes of `stream`, which unpacks the file `packed` at `path` as it is read, while they are no more
    than what was read of the file may become."""

    def __init__(self, path: Path, packed: IO[bytes], stream: Any):
        self.path, self.packed, self.stream, self.size = path, packed, stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.stream.read(min(len(buffer), _PIECE))
        self.size += len(piece)
        check_unpacked(self.path, self.packed.tell(), self.size)
        buffer[: len(piece)] = piece
        return len(piece)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(_PIECE) or b"", b""))


_PIECE = 1 << 20


def _zstandard(packed: IO[bytes]) -> Any:
    import pyarrow

    return pyarrow.CompressedInputStream(packed, "zstd")


_OPENERS: dict[str, Any] = {
    ".gz": lambda packed: gzip.GzipFile(fileobj=packed),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _zstandard,
}
