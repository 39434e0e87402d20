"""What a hostile file is: its name, how it is written, and what is asked to read it."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MARKER = "a-pickle-was-loaded"


@dataclass(frozen=True)
class Hostile:
    """A file or a folder `name`, which `write` writes into a folder of its own, and `reader`, what of the
    library is to read it: `data`, `model`, `compressed`, or what of a run. `mentions` is what the error has
    to say; a `heavy` one takes time to write or to read."""

    name: str
    write: Callable[[Path], object]
    about: str
    reader: str = "data"
    mentions: str = ""
    heavy: bool = False

    @property
    def id(self) -> str:
        return f"{self.name}: {self.about}"


def content(data: bytes | str | Callable[[], bytes]) -> Callable[[Path], object]:
    """Writes these bytes, this text, or, when it is written, what is made of nothing."""

    def write(path: Path) -> object:
        made = data() if callable(data) else data
        return path.write_bytes(made if isinstance(made, bytes) else made.encode())

    return write


class Boom:
    """An object whose pickle, where one loads it, makes a folder beside."""

    def __reduce__(self):
        return (os.mkdir, (MARKER,))


PICKLE = pickle.dumps({"x": Boom(), "rows": list(range(100))})
NOISE = random.Random(0).randbytes(4096)
