"""Programs that were traced, kept on disk from one process to the next.

To trace a program and to lower it is Python's work, seconds for a large one, each time that a process starts,
and what comes of it is the same as long as the sources are. What comes after, machine code, XLA's own cache
has, which is asked for it by what was lowered. Where all that something needs was kept once, a later process
can know it before it reads any ([`Kept.vouched`][]).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
from jax import export
from jaxtyping import PyTree

import lowerbound
from lowerbound.archive.whole import write_whole
from lowerbound.data.spelled import TRACED_BY, spelled

__all__ = ["KEPT", "Kept", "Program", "by_name"]

log = logging.getLogger("lowerbound.programs")

Kind = TypeVar("Kind", bound=type)

_FORM = b"lowerbound program 1\n"
_DIGEST = hashlib.sha256().digest_size
# Bytes of a folder: hundreds of runs, of which each takes one or two millions.
_MOST = 256_000_000


class Program(NamedTuple):
    """A program: what runs it, and whether it has routines that wait for threads
    ([`waits_for_threads`][lowerbound.matrices.waits_for_threads])."""

    run: Callable[..., PyTree]
    waits: bool


def by_name(kind: Kind) -> Kind:
    """A named tuple that a program takes or gives, by whose name it is known in a file."""
    export.register_namedtuple_serialization(kind, serialized_name=f"{kind.__module__}.{kind.__qualname__}")
    return kind


class Kept:
    """Where programs are kept: in a `folder`, once it is `open`; until then nowhere.

    A program is known by all that it is traced for: its function, the parts of the model, the shapes and
    types of arrays, JAX's settings, this library's sources, the versions of what it is built on and the kind
    of device. A file that is broken, or of another program, counts as none and is written over; one appears
    whole or not at all, so that processes may share the folder.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._asked: set[Path] = set()
        self._nameless = False

    def open(self, folder: Path | None) -> None:
        """Keep programs in a folder from now on, or, without one, no more; those there that were not read
        for longest go where all take more than 256 MB. Where `flatbuffers` is not installed, in which JAX
        writes a program, nothing is kept."""
        self.folder = None if find_spec("flatbuffers") is None else folder
        self._asked.clear()
        self._nameless = False
        if self.folder is not None:
            with suppress(OSError):
                _trim(self.folder, _MOST)

    def file_of(self, *traced_for: Any) -> Path | None:
        """Where a program is kept that is traced for this; None where it has no name, or nothing is kept."""
        file = self._named(traced_for)
        if file is None:
            self._nameless = True
            return None
        if file in self._asked:
            # Each is asked for once: two that are alike in words are not, and which is meant no file says.
            log.warning("not kept: two programs of one name, %s", str(spelled(traced_for))[:500])
            with suppress(OSError):
                file.unlink(missing_ok=True)
            return None
        self._asked.add(file)
        return file

    def read(self, file: Path) -> Program | None:
        """The program in a file; None where there is none."""
        try:
            content = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        head = len(_FORM) + _DIGEST
        if content[:head] != _head(file, content[head:]):
            return None
        try:
            exported = export.deserialize(bytearray(content[head + 1 :]))
        except Exception as error:  # whatever a JAX says of what it cannot read
            log.info("%s: %s", file, error)
            return None
        return Program(jax.jit(exported.call), content[head] == 1)

    def write(self, file: Path, function: Any, arguments: tuple[Any, ...], waits: bool) -> Program | None:
        """The program of a jitted function of these arguments, which is kept in a file; None where JAX knows
        no form for it in a file."""
        try:
            exported = export.export(function)(*arguments)
            content = bytes([waits]) + bytes(exported.serialize())
        except Exception as error:  # an error of the function's own is raised again when it is called
            log.info("not kept: %s", error)
            return None
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, _head(file, content) + content)
        return Program(jax.jit(exported.call), waits)

    def vouch(self, *needs: Any) -> None:
        """Say for later processes that what was asked for since the folder was opened is all that is needed
        for this, and lies in it, as its machine code does in JAX's cache; nothing where some does not."""
        file, asked = self._named(needs), {each.name for each in self._asked}
        if file is None or self._nameless or not asked <= _names_in(file.parent):
            return
        needed = {
            kind: sorted(names) for kind, names in {**_lying_in(file.parent), "programs": asked}.items()
        }
        with suppress(OSError):
            write_whole(file, json.dumps(needed).encode())

    def vouched(self, *needs: Any) -> bool:
        """Whether an earlier process [`vouch`][]ed that all is there that is needed for this, and nothing
        that was there then has gone since."""
        file = self._named(needs)
        if file is None:
            return False
        try:
            needed = json.loads(file.read_bytes())
        except (OSError, ValueError):
            return False
        there = _lying_in(file.parent)
        known = isinstance(needed, dict) and needed.keys() == there.keys()
        return known and all({*names} <= there[kind] for kind, names in needed.items())

    def _named(self, of: tuple[Any, ...]) -> Path | None:
        """The file whose name says this, and all else that a program depends on."""
        if self.folder is None:
            return None
        try:
            said = json.dumps([_here(), spelled(of)])
        except TypeError as error:
            log.info("not kept: %s", error)
            return None
        return self.folder / hashlib.sha256(said.encode()).hexdigest()


# That of the process, as JAX's own cache is.
KEPT = Kept()


def _head(file: Path, content: bytes) -> bytes:
    """By which a file is known to be whole, and to be the one of its name."""
    return _FORM + hashlib.sha256(file.name.encode() + content).digest()


@cache
def _here() -> list[str]:
    """What else a program depends on, alike for all of a process."""
    sources = hashlib.sha256()
    home = Path(lowerbound.__file__).parent
    for file in sorted(home.rglob("*.py")):
        sources.update(f"{file.relative_to(home).as_posix()}\n".encode() + file.read_bytes())
    device = jax.local_devices()[0]
    versions = [version(name) for name in TRACED_BY]
    return [sources.hexdigest(), platform.python_version(), device.platform, device.device_kind, *versions]


def _lying_in(folder: Path) -> dict[str, set[str]]:
    """The programs in a folder, and the machine code in that of JAX's own cache, by their names."""
    code = jax.config.values["jax_compilation_cache_dir"]
    return {"programs": _names_in(folder), "machine code": set() if code is None else _names_in(Path(code))}


def _names_in(folder: Path) -> set[str]:
    """What lies in a folder."""
    try:
        return {*os.listdir(folder)}
    except OSError:
        return set()


def _trim(folder: Path, most: int) -> None:
    """Remove the files that were not read for longest until the others take no more than so many bytes."""
    left = most
    found = [(file.stat(), file) for file in folder.iterdir()]
    for stat, file in sorted(found, key=lambda each: each[0].st_mtime, reverse=True):
        left -= stat.st_size
        if left < 0:
            file.unlink(missing_ok=True)
