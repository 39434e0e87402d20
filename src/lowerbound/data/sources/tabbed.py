"""Text that is cut at white space, as text that is cut at tabs, while it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO, Any, cast

from lowerbound.data.sources.cuts import cells_between_blanks

__all__ = ["Tabbed"]


class Tabbed(io.RawIOBase):
    """The bytes of lines whose cells stand between tabs, in UTF-8.

    >>> Tabbed(iter(["1  2.5", " 3 4"])).read()
    b'1\\t2.5\\n3\\t4\\n'
    """

    def __init__(self, lines: Iterator[str]):
        super().__init__()
        self.lines, self.left = lines, b""

    @classmethod
    def of(cls, stream: IO[bytes], encoding: str, skip: int) -> IO[bytes]:
        """Those of a stream, without its first lines."""
        text = io.TextIOWrapper(stream, encoding)
        for _ in range(skip):
            next(text, None)
        return cast("IO[bytes]", cls(text))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        while len(self.left) < wanted and (line := next(self.lines, None)) is not None:
            written = io.StringIO()
            csv.writer(written, delimiter="\t", lineterminator="\n").writerow(cells_between_blanks(line))
            self.left += written.getvalue().encode()
        given, self.left = self.left[:wanted], self.left[wanted:]
        buffer[: len(given)] = given
        return len(given)
