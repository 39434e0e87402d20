"""The log of a search, by which it goes on where it was stopped: a line a call."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lowerbound.archive.documents import parsed
from lowerbound.archive.records import as_json

__all__ = ["Call", "Log"]


class Call(NamedTuple):
    """A call of the score: of the row that has this `key`, decoded from the code `z`, it gave `score`."""

    key: str
    score: float
    z: tuple[float, ...]


class Log:
    """The calls of a search, in order, and, where there is a `path`, a file of JSON lines: the first says
    what the search is (`header`), and each other is a call, written as soon as it is made. A last line that
    is torn is dropped.

    A search that begins with the file of one that was stopped makes the same calls again, and finds their
    scores in it.

    **Raises:** `ValueError` for the log of another search, with what differs; for a file that is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Log({"method": "random"}, f"{folder}/log").add([Call("a", 1.5, (0.0,))])
    ...     again = Log({"method": "random"}, f"{folder}/log")
    >>> again.score_of(0, "a")
    1.5
    """

    def __init__(self, header: Mapping[str, Any], path: str | os.PathLike[str] | None = None):
        self.path, self.calls = None if path is None else Path(path), list[Call]()
        if self.path is None:
            return
        lines = self._lines(self.path)
        if not lines:
            self._write(self.path, [dict(header)])
            return
        self._check(lines[0], header)
        self.calls = [self._call(number, line) for number, line in enumerate(lines[1:], 2)]

    def score_of(self, number: int, key: str) -> float | None:
        """What the call of this number, from 0, gave; None where it was not made.

        **Raises:** `ValueError` where it was of another row.
        """
        if number >= len(self.calls):
            return None
        call = self.calls[number]
        if call.key != key:
            raise ValueError(
                f"{self.path}, line {number + 2}: the row of this call is not the one that the search asks "
                "now: this machine, or its libraries, compute otherwise; begin again with another log"
            )
        return call.score

    def add(self, calls: Sequence[Call]) -> None:
        """More calls."""
        self.calls += calls
        if self.path is not None:
            lines = [{"score": call.score, "row": call.key, "z": call.z} for call in calls]
            self._write(self.path, as_json(lines))

    def _write(self, path: Path, records: Sequence[Mapping[str, Any]]) -> None:
        with path.open("a", encoding="utf-8") as stream:
            for record in records:
                stream.write(json.dumps(record, allow_nan=False) + "\n")
                stream.flush()

    def _lines(self, path: Path) -> list[Any]:
        """The documents of a file that is there, whose torn last line is cut off."""
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as stream:
                stream.truncate(whole)
        lines = []
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                lines.append(parsed(line.decode()))
            except ValueError as error:
                raise self._no_log(number, str(error)) from None
        return lines

    def _check(self, found: Any, header: Mapping[str, Any]) -> None:
        if not isinstance(found, dict) or "method" not in found:
            raise self._no_log(1, f"found {found!r:.60}")
        for name in {**found, **header}:
            was, now = found.get(name), header.get(name)
            if was != now:
                raise ValueError(
                    f"{self.path}: the log is of another search: {name} was {was!r:.60}, found {now!r:.60}; "
                    "name another file, or say what was said then"
                )

    def _call(self, number: int, line: Any) -> Call:
        try:
            score, key, z = line["score"], line["row"], line["z"]
            return Call(str(key), np.nan if score is None else float(score), tuple(map(float, z)))
        except (TypeError, KeyError, ValueError):
            raise self._no_log(number, f"found {line!r:.60}") from None

    def _no_log(self, number: int, found: str) -> ValueError:
        return ValueError(f"{self.path}, line {number}: expected the log of a search ({found})")
