"""Generations: folders of files in one folder, each of which is there whole or counts as not there.

A generation is written into a folder beside it, `00000007.partial`: its files, each forced to the disk
(fsync), and last a manifest with their sizes and SHA-256; then the folder itself is forced, renamed to
`00000007`, the folder above forced, and only then are older generations removed. Whoever reads checks all of
it again, so that a generation that was cut short, changed or half removed is passed over for the one before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, final

__all__ = ["Damaged", "Generation", "Generations", "remove"]

_MANIFEST = "manifest.json"
_NAME, _FILE = re.compile(r"\d{8}"), re.compile(r"[a-z][a-z0-9_-]*\.[a-z]+")
_LONGEST = 1 << 20  # bytes of a manifest


class Generation(NamedTuple):
    """A whole generation: its folder and the content of its files, by name."""

    path: Path
    files: Mapping[str, bytes]


class Damaged(NamedTuple):
    """A generation that is not as it was written, and what is wrong with it."""

    path: Path
    why: str


@final
class Generations:
    """The generations in `folder`, of which the `keep` newest stay.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     generations = Generations(Path(folder), keep=2)
    ...     for content in (b"one", b"two", b"three"):
    ...         _ = generations.write({"a.txt": content})
    ...     _ = (generations.paths()[0] / "a.txt").write_bytes(b"thre")
    ...     found, damaged = generations.newest()
    ...     found.path.name, found.files["a.txt"], [(one.path.name, one.why) for one in damaged]
    ('00000002', b'two', [('00000003', 'a.txt: expected 5 bytes, found 4')])
    """

    def __init__(self, folder: Path, keep: int):
        self.folder, self.keep = folder, keep
        self._damaged: set[Path] = set()

    def paths(self) -> list[Path]:
        """The folders of the generations, the newest first, whole or not; none where there is no folder."""
        if not self.folder.is_dir():
            return []
        return sorted((path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)

    def write(self, files: Mapping[str, bytes]) -> Path:
        """Write a new generation; returns its folder.

        **Raises:** `OSError` where it could not be written: all earlier generations are then as they were.
        """
        newest = next(iter(self.paths()), None)
        path = self.folder / f"{1 if newest is None else int(newest.name) + 1:08d}"
        partial = _partial(path)
        shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
        try:
            partial.mkdir()
            for name, content in files.items():
                _write(partial / name, content)
            _write(partial / _MANIFEST, _manifest(files))
            _force(partial)
            os.rename(partial, path)
            _force(self.folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self.prune()
        return path

    def prune(self) -> None:
        """Remove what was left half written, what was found damaged, and all but the newest generations. What
        cannot be removed stays until the next time."""
        whole = [path for path in self.paths() if path not in self._damaged]
        for path in reversed([*self._damaged, *whole[self.keep :]]):
            remove(path)
        for path in self.folder.glob("*.partial"):
            shutil.rmtree(path, ignore_errors=True)

    def newest(self) -> tuple[Generation | None, list[Damaged]]:
        """The newest generation that is whole, and those after it that are not, the newest first. The latter
        are removed when the next one is written."""
        damaged: list[Damaged] = []
        for path in self.paths():
            try:
                return Generation(path, _read(path)), damaged
            except (OSError, ValueError) as error:
                damaged.append(Damaged(path, str(error)))
                self._damaged.add(path)
        return None, damaged


def remove(path: Path) -> None:
    """Remove a folder at once, so that half of it never bears its name. What cannot be removed stays."""
    partial = _partial(path)
    shutil.rmtree(partial, ignore_errors=True)
    with suppress(OSError):
        path.rename(partial)
    shutil.rmtree(partial, ignore_errors=True)


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())  # a full disk may say so only here


def _force(folder: Path) -> None:
    """The names in a folder onto the disk."""
    if os.name == "nt":  # where a folder cannot be opened
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _manifest(files: Mapping[str, bytes]) -> bytes:
    """The one form of a manifest: what is read is held against it to the last byte."""
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(files.items())
    }
    return (json.dumps({"format": "lowerbound", "schema": 1, "files": listed}, indent=1) + "\n").encode()


def _read(path: Path) -> dict[str, bytes]:
    """The files of a generation, all of them as they were written.

    **Raises:** `OSError`; `ValueError` with the first that is not.
    """
    manifest = _content(path / _MANIFEST, None)
    try:
        sizes = {name: int(about["bytes"]) for name, about in json.loads(manifest)["files"].items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{_MANIFEST}: expected a list of files, found none that can be read") from None
    for name in sizes:
        if not _FILE.fullmatch(name):
            raise ValueError(f"{_MANIFEST}: expected the name of a file, found {name!r:.60}")
    if others := {found.name for found in path.iterdir()} - {*sizes, _MANIFEST}:
        raise ValueError(f"{min(others)}: a file that does not belong there")
    files = {name: _content(path / name, size) for name, size in sizes.items()}
    if manifest != _manifest(files):
        raise ValueError("the files are not those of the manifest (their SHA-256 differ)")
    return files


def _content(path: Path, size: int | None) -> bytes:
    """What a plain file of this size holds; nothing is read of any other."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise ValueError(f"{path.name}: no such file") from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.name}: expected a plain file, found a link or something else")
    if size is not None and found.st_size != size:
        raise ValueError(f"{path.name}: expected {size:,} bytes, found {found.st_size:,}")
    if size is None and found.st_size > _LONGEST:
        raise ValueError(f"{path.name}: expected at most {_LONGEST:,} bytes, found {found.st_size:,}")
    return path.read_bytes()
