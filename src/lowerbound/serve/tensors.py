"""Tensors of the Open Inference Protocol: in JSON, and in the bytes that follow it."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from lowerbound.serve.cells import json_cells, kind_of_json
from lowerbound.serve.errors import Refused

__all__ = ["DATATYPES", "Body", "binary_of", "datatype_of", "json_of", "tensor_of"]

# The protocol's name of each of NumPy's types; text is BYTES.
DATATYPES: Final = {
    "BOOL": np.dtype(bool),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
_NAMES = {dtype: name for name, dtype in DATATYPES.items()}

# The bytes behind the JSON of a request, from which its tensors take theirs in turn.
Body = memoryview


def datatype_of(array: np.ndarray) -> str:
    """The protocol's name of an array's type.

    >>> datatype_of(np.zeros(3, np.float32)), datatype_of(np.array(["a"], object))
    ('FP32', 'BYTES')
    """
    return _NAMES.get(array.dtype.newbyteorder("<"), "BYTES")


def tensor_of(said: Mapping[str, Any], place: str, body: Body) -> tuple[np.ndarray, Body]:
    """A tensor of a request, and what is left of the bytes behind the JSON. Numbers are an array of their
    type, null among them NaN; text an array of objects.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused], whose field begins at `place`.

    >>> said = {"shape": [1, 2], "datatype": "FP32", "data": [0.5, None]}
    >>> tensor_of(said, "inputs[0]", memoryview(b""))[0].tolist()
    [[0.5, nan]]
    >>> said = {"shape": [2], "datatype": "INT8", "parameters": {"binary_data_size": 2}}
    >>> tensor_of(said, "inputs[0]", memoryview(b"ab"))[0].tolist()
    [97, 98]
    """
    shape, datatype = _shape(said.get("shape"), place), said.get("datatype")
    if not isinstance(datatype, str) or (datatype != "BYTES" and datatype not in DATATYPES):
        raise _wrong(f"{place}.datatype", f"one of BYTES, {', '.join(DATATYPES)}", datatype)
    parameters = said.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is not None:
        if type(size) is not int or not 0 <= size <= len(body):
            raise _wrong(f"{place}.parameters.binary_data_size", f"0 to {len(body)} bytes", size)
        flat = _of_bytes(body[:size], datatype, place)
        body = body[size:]
    else:
        flat = _of_json(said.get("data"), datatype, place)
    if len(flat) != math.prod(shape):
        raise _wrong(f"{place}.data", f"{math.prod(shape)} values, as the shape says", len(flat))
    return flat.reshape(shape), body


def json_of(array: np.ndarray) -> list[Any]:
    """The values of a tensor of an answer, row by row; null is what is no finite number.

    >>> json_of(np.array([[1.5, -np.inf]])), json_of(np.array([True]))
    ([1.5, None], [True])
    """
    return json_cells(np.ascontiguousarray(array).ravel())


def binary_of(array: np.ndarray) -> bytes:
    """The values of a tensor as bytes, lowest first; each text behind its length.

    >>> binary_of(np.array(["ab", None], object))
    b'\\x02\\x00\\x00\\x00ab\\x00\\x00\\x00\\x00'
    """
    if datatype_of(array) != "BYTES":
        return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    texts = ["" if cell is None else str(cell) for cell in json_cells(array.ravel())]
    return b"".join(struct.pack("<I", len(each)) + each for each in map(str.encode, texts))


def _shape(said: Any, place: str) -> tuple[int, ...]:
    """A shape of one or two axes: rows, and values of each."""
    if not isinstance(said, list) or not 1 <= len(said) <= 2:
        raise _wrong(f"{place}.shape", "a list of one or two lengths", said)
    for length in said:
        if type(length) is not int or not 0 <= length < 2**31:
            raise _wrong(f"{place}.shape", "lengths from 0", length)
    return tuple(said)


def _of_json(data: Any, datatype: str, place: str) -> np.ndarray:
    """Values in JSON, flat or a list a row."""
    if not isinstance(data, list):
        raise _wrong(f"{place}.data", "a list of values", data)
    if data and {*map(type, data)} == {list}:
        data = [value for row in data for value in row]
    allowed, expected = _ALLOWED.get(datatype, (_NUMBERS, "a number"))
    if not allowed.issuperset(map(type, data)):
        odd = next(i for i, value in enumerate(data) if type(value) not in allowed)
        raise _wrong(f"{place}.data[{odd}]", expected, data[odd])
    if datatype == "BYTES":
        return _texts(data)
    try:
        if None in data or datatype.startswith("FP"):
            with np.errstate(over="ignore"):
                return np.array(data, np.float64).astype(DATATYPES.get(datatype, np.float64), copy=False)
        if datatype == "BOOL":
            return np.array(data, bool)
        whole = np.array(data, DATATYPES[datatype])
    except OverflowError:
        raise _wrong(f"{place}.data", f"values of {datatype}", "a greater one") from None
    if whole.tolist() != data:
        odd = next(i for i, value in enumerate(data) if whole[i] != value)
        raise _wrong(f"{place}.data[{odd}]", f"a value of {datatype}", data[odd])
    return whole


_NUMBERS = frozenset({int, float, type(None)})
_ALLOWED = {
    "BYTES": (frozenset({str, type(None)}), "text"),
    "BOOL": (frozenset({bool}), "true or false"),
}


def _of_bytes(body: Body, datatype: str, place: str) -> np.ndarray:
    """Values in bytes."""
    if datatype != "BYTES":
        dtype = DATATYPES[datatype]
        if len(body) % dtype.itemsize:
            raise _wrong(f"{place}.parameters.binary_data_size", f"a multiple of {dtype.itemsize}", len(body))
        if datatype == "BOOL":
            return np.frombuffer(body, np.uint8) != 0
        return np.frombuffer(body, dtype)
    texts: list[str] = []
    start = 0
    while start < len(body):
        end = start + 4 + int.from_bytes(body[start : start + 4], "little")
        if start + 4 > len(body) or end > len(body):
            raise _wrong(f"{place}.data", "texts, each behind its length", "a length beyond the end")
        try:
            texts.append(bytes(body[start + 4 : end]).decode())
        except UnicodeDecodeError:
            raise _wrong(f"{place}.data[{len(texts)}]", "text in UTF-8", "other bytes") from None
        start = end
    return _texts(texts)


def _texts(values: Sequence[str | None]) -> np.ndarray:
    texts = np.empty(len(values), object)
    texts[:] = values
    return texts


def _wrong(field: str, expected: str, found: Any) -> Refused:
    words = found if isinstance(found, str) and " " in found else kind_of_json(found)
    return Refused("wrong_type", f"expected {expected}, found {words} in {field}", field, expected, words)
