"""The forms that a request and an answer come in: JSON, an Arrow stream, a NumPy array."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from lowerbound.data.errors import DataError
from lowerbound.data.sources import ipc
from lowerbound.data.sources.arrays import array_in
from lowerbound.data.sources.held import check_unpacked, check_width, whole
from lowerbound.data.tables import Columns, from_arrow
from lowerbound.limits import DEPTH
from lowerbound.serve.errors import Refused
from lowerbound.serve.media_types import ARROW, JSON, NPY
from lowerbound.serve.table import Table, of_codes
from lowerbound.serve.wire import bytes_of_array, bytes_of_table

__all__ = [
    "array_of",
    "document_of",
    "media_asked",
    "media_of",
    "table_of",
    "written",
]

_KNOWN = (JSON, ARROW, NPY)
_ANY = {"*/*": JSON, "application/*": JSON, **{name: name for name in _KNOWN}}
_PLAIN = {b"": JSON, b"*/*": JSON, b"application/json": JSON}


def media_of(content_type: bytes) -> str:
    """The form that a body's Content-Type names; JSON where it names none.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for another.

    >>> media_of(b"application/json; charset=utf-8")
    'application/json'
    """
    if content_type in _PLAIN:
        return JSON
    name, _, parameters = content_type.decode("latin-1").lower().partition(";")
    name, parameters = name.strip(), parameters.replace(" ", "").replace('"', "")
    if name not in _KNOWN or (name == JSON and parameters not in ("", "charset=utf-8", "charset=utf8")):
        found = content_type.decode("latin-1")
        expected = f"one of {', '.join(_KNOWN)}"
        raise Refused(
            "unsupported_type", f"expected {expected}, found {found!r}", "Content-Type", expected, found
        )
    return name


def media_asked(accept: bytes) -> str:
    """The form of an answer that Accept names first among those that there are, by its weights.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where it names none of them.

    >>> media_asked(b"text/html, application/x-npy;q=0.5, */*;q=0.1")
    'application/x-npy'
    """
    if accept in _PLAIN:
        return JSON
    found: list[tuple[float, str]] = []
    for said in accept.decode("latin-1").lower().split(","):
        name, *parameters = (word.strip() for word in said.split(";"))
        weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            share = float(weight)
        except ValueError:
            share = 0.0
        if name in _ANY and share > 0:
            found.append((share, _ANY[name]))
    if not found:
        expected = f"one of {', '.join(_KNOWN)}"
        text = accept.decode("latin-1")
        raise Refused("not_acceptable", f"expected {expected}, found {text!r}", "Accept", expected, text)
    return max(found, key=lambda each: each[0])[1]


def document_of(body: bytes) -> Any:
    """What a body of JSON holds.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for no JSON, to which NaN and Infinity do not
    belong.

    >>> document_of(b'{"rows": [[NaN]]}')
    Traceback (most recent call last):
    ...
    lowerbound.serve.errors.Refused: expected JSON, found an error: unexpected character, expected a JSON \
value: line 1 column 12 (char 11)
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg or "recursion" in error.msg.lower():
            expected = f"lists and records at most {DEPTH} deep"
            raise Refused("too_deep", f"expected {expected}", None, expected, "deeper ones") from None
        words = " ".join(str(error).split())
        raise Refused("bad_json", f"expected JSON, found an error: {words}", None, "JSON", words) from None


_BODY = Path("body")


def array_of(body: bytes) -> np.ndarray:
    """The array of numbers in a body that is a `.npy`; no memory is taken on the word of its header.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused].
    """
    try:
        array = array_in(body, _BODY)
    except DataError as error:
        message = f"expected {error.expected}, found {error.found}"
        raise Refused("bad_array", message, None, error.expected, error.found) from None
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        found = f"{array.dtype} of the shape {array.shape}"
        raise Refused("bad_array", f"expected rows of numbers, found {found}", None, "rows of numbers", found)
    if array.ndim > 2:
        array = array.reshape(len(array), -1) if array.size else array.reshape(0, 0)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def table_of(body: bytes) -> Columns:
    """The columns of a body that is an Arrow stream; no memory is taken on its word.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused].
    """
    import pyarrow as pa

    try:
        with whole(_BODY, "Arrow"):
            stream = io.BytesIO(body)
            rows, unpacked = ipc.rows_and_bytes(stream)
            with pa.ipc.open_stream(ipc.opened(stream)) as batches:
                width = len(batches.schema)
                check_width(_BODY, width)
                check_unpacked(_BODY, len(body), max(8 * rows * width, unpacked), "send it in parts")
                nested = [field.name for field in batches.schema if pa.types.is_nested(field.type)]
                if nested:
                    raise DataError(_BODY, "one value a cell", f"lists in {nested[0]!r}")
                table = batches.read_all()
            table.validate(full=True)
            if len({*table.column_names}) < width:
                raise DataError(_BODY, "names that differ", "one for two columns")
            return from_arrow(table)
    except DataError as error:
        message = f"expected {error.expected}, found {error.found}"
        raise Refused("bad_table", message, None, error.expected, error.found) from None


def written(answer: Mapping[str, Any], main: str, media: str) -> bytes:
    """An answer as a body: JSON of all its parts, or the main one as a table or an array, of several tables
    one after the other.

    >>> written({"codes": np.zeros((1, 2), np.float32)}, "codes", JSON)
    b'{"codes":[[0.0,0.0]]}'
    """
    if media == JSON:
        plain = {name: _plain(part) for name, part in answer.items()}
        return orjson.dumps(plain, option=orjson.OPT_SERIALIZE_NUMPY)
    part = answer[main]
    if isinstance(part, list):
        part = Table.joined(part)
    if media == NPY:
        return bytes_of_array(part.array() if isinstance(part, Table) else part)
    import pyarrow as pa

    if isinstance(part, Table):
        table = part.arrow()
    elif part.ndim == 1:
        table = pa.table({main: part})
    else:
        table = of_codes(part)
    return bytes_of_table(table)


def _plain(part: Any) -> Any:
    """A part as what JSON has, of arrays NumPy's, which are written as they are."""
    if isinstance(part, Table):
        return part.json()
    if isinstance(part, np.ndarray):
        return np.ascontiguousarray(part)
    if isinstance(part, Mapping):
        return {name: _plain(each) for name, each in part.items()}
    if isinstance(part, list):
        return [_plain(each) for each in part]
    return part
