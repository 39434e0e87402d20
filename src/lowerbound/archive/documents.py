"""JSON of a stranger's, whose size and depth are looked at before it is parsed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lowerbound.limits import DEPTH, RECORD

__all__ = ["check_depth", "document_in", "parsed"]

# All bytes but brackets, quotation marks and the ends of lines.
_PLAIN = bytes(set(range(256)) - set(b'[]{}"\n'))
# So many of these are looked at together.
_PIECE = 1 << 20


def document_in(path: str | os.PathLike[str]) -> Any:
    """What the JSON document in a file of our own holds; its size is looked at before it is read.

    **Raises:** `ValueError` as [`parsed`][] does.
    """
    with Path(path).open("rb") as stream:
        return parsed(stream.read(RECORD + 1).decode())


def parsed(text: str) -> Any:
    """What a JSON document of our own holds: a record, a schema, the structure of a model.

    **Raises:** `ValueError` for no JSON, to which NaN and infinity do not belong, for more bytes than
    [`RECORD`][lowerbound.limits.RECORD], and as [`check_depth`][] does.

    >>> parsed('{"a": [1, null]}')
    {'a': [1, None]}
    >>> parsed("[" * 1000)
    Traceback (most recent call last):
    ...
    ValueError: lists and records stand in each other more than 100 deep
    """
    if len(text) > RECORD:
        raise ValueError(f"a document of more than {RECORD:,} characters, which are the most that are read")
    check_depth([text.encode()])
    return json.loads(text, parse_constant=_refused)


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def check_depth(pieces: Iterable[bytes]) -> None:
    r"""Whether lists and records stand in each other no deeper than parsers can go, which call themselves for
    each ([`DEPTH`][lowerbound.limits.DEPTH]). JSON may be cut into `pieces` at the ends of lines.

    **Raises:** `ValueError`.

    >>> check_depth([b'{"a": "[[["}\n'] * 1000)
    """
    import numpy as np  # which the command line's help does without

    depth = lowest = within = 0
    for piece in pieces:
        kept = piece.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _PLAIN)
        for start in range(0, len(kept), _PIECE):
            signs = np.frombuffer(kept[start : start + _PIECE], np.uint8)
            # Text is between an odd quotation mark and the next; it ends with a line, if not before.
            marks = within + np.cumsum(signs == ord('"'), dtype=np.int64)
            marks -= np.maximum.accumulate(np.where(signs == ord("\n"), marks, 0))
            structure = (marks % 2 == 0) & (signs != ord('"')) & (signs != ord("\n"))
            # In [ and { a bit is set that is not in ] and }.
            depths = depth + np.cumsum(np.where(structure, (signs & 2).astype(np.int64) - 1, 0))
            # A parser may begin anywhere: also behind brackets that close what nothing opened.
            floor = np.minimum(np.minimum.accumulate(depths), lowest)
            if (depths - floor).max() > DEPTH:
                raise ValueError(f"lists and records stand in each other more than {DEPTH} deep")
            depth, lowest, within = int(depths[-1]), int(floor[-1]), int(marks[-1] % 2)
