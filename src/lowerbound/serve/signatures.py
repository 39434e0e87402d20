"""A run as models of the Open Inference Protocol: the tensors that go in, and those that come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.declared import level_names
from lowerbound.data.tables import Columns
from lowerbound.serve.answering import SCORES
from lowerbound.serve.cells import cells_of, json_cells
from lowerbound.serve.errors import Refused
from lowerbound.serve.service import Service
from lowerbound.serve.table import Table
from lowerbound.serve.tensors import DATATYPES

__all__ = ["Output", "Signature", "Tensor", "signatures"]


@dataclass(frozen=True)
class Tensor:
    """What a tensor is: its name, its type by the protocol's name, and its shape, −1 for the rows."""

    name: str
    datatype: str
    shape: tuple[int, ...] = (-1,)


@dataclass(frozen=True)
class Output:
    """A tensor of the answer: a `part` of a verb's answer, or one `column` of that."""

    tensor: Tensor
    verb: str
    part: str
    column: int | None = None

    def of(self, answer: Mapping[str, Any]) -> np.ndarray:
        """The tensor in the answer of its verb."""
        found = answer[self.part]
        if isinstance(found, Table):
            found = found.array() if self.column is None else found.columns[self.column]
        array = np.asarray(found)
        if array.dtype.kind == "m":
            array = array / np.timedelta64(1, "s")
        dtype = DATATYPES.get(self.tensor.datatype)
        return _texts(array) if dtype is None else array.astype(dtype, copy=False)


@dataclass(frozen=True)
class Signature:
    """A model of the protocol: of rows, which gives codes and scores, or of codes, which gives rows. Rows are
    a tensor for each column, or, of numbers, one matrix called `rows`."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Output, ...]
    over: str
    columns: Mapping[str, Column] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """What the protocol says of a model."""
        return {
            "name": self.name,
            "versions": ["1"],
            "platform": "lowerbound",
            "inputs": [_said(tensor) for tensor in self.inputs],
            "outputs": [_said(output.tensor) for output in self.outputs],
        }

    def fields(self, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The tensors of a request as the rows, or codes, of a verb.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for a tensor that the model has not, for none
        of a column, and for tensors of other shapes.
        """
        if self.over in tensors and len(tensors) == 1:
            matrix = tensors[self.over]
            if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
                found = f"{matrix.ndim} axes of {matrix.dtype}"
                raise _wrong(self.over, "a matrix of numbers, a row each", found)
            return {self.over: matrix if self.over == "codes" else Columns(matrix.T, None)}
        for name in tensors:
            if name not in self.columns:
                words = f"tensors of {', '.join([*self.columns][:12]) or self.over}"
                raise _wrong(name, words, repr(name), "unknown_column")
        length = len(next(iter(tensors.values())))
        for name, array in tensors.items():
            if array.size != len(array) or len(array) != length:
                raise _wrong(name, f"one value for each of {length} rows", " × ".join(map(str, array.shape)))
        arrays = [self._column(self.columns[name], array.ravel()) for name, array in tensors.items()]
        return {self.over: Columns(arrays, tuple(tensors))}

    def _column(self, column: Column, values: np.ndarray) -> np.ndarray:
        """A tensor as the column that it is; empty text is a missing value, for which bytes have no other."""
        cells = values.tolist()
        if values.dtype.kind == "O" and "" not in (column.levels or ()):
            cells = [cell or None for cell in cells]
        try:
            return cells_of(column, cells, f".{column.name}")
        except Refused as refused:
            raise refused.within(self.over) from None


def signatures(service: Service) -> dict[str, Signature]:
    """The models of a run, by name: `NAME`, from rows, and `NAME-decoder`, from codes."""
    codes = Tensor("codes", "FP32", (-1, service.latent_dim))
    kinds = {"method": "BYTES", "reliable": "BOOL"}
    outputs = [
        Output(codes, "encode", "codes"),
        *(
            Output(Tensor(name, kinds.get(name, "FP64")), "score", "scores", place)
            for place, name in enumerate(SCORES)
        ),
    ]
    if service.calibration is not None:
        outputs.append(Output(Tensor("p_values", "FP64"), "p_values", "p_values"))
    names = service.form.names
    columns = () if service.schema is None else service.schema.columns
    if names is None:
        rows: tuple[Tensor, ...] = (Tensor("rows", "FP64", (-1, len(columns) or service.width)),)
        decoded = [Output(rows[0], "decode", "rows")]
    else:
        rows = tuple(Tensor(column.name, _datatype(column)) for column in columns if column.encoded)
        decoded = [
            Output(Tensor(column.name, _datatype(column)), "decode", "rows", place)
            for place, column in enumerate(columns)
            if column.encoded
        ]
    decoder = f"{service.name}-decoder"
    return {
        service.name: Signature(
            service.name, rows, tuple(outputs), "rows", {c.name: c for c in columns} if names else {}
        ),
        decoder: Signature(decoder, (codes,), tuple(decoded), "codes"),
    }


def _datatype(column: Column) -> str:
    """How a column goes: categories, tokens, dates and times as text, numbers and spans as real numbers."""
    if column.levels is not None or column.tokens is not None or column.time in ("date", "time"):
        return "BYTES"
    return "FP64"


def _said(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": [*tensor.shape]}


def _texts(array: np.ndarray) -> np.ndarray:
    """Values as text: numbers by their digits, dates and times in ISO 8601."""
    cells = level_names(array) if array.dtype.kind in "biuf" else json_cells(array)
    texts = np.empty(len(cells), object)
    texts[:] = [None if cell is None else str(cell) for cell in cells]
    return texts


def _wrong(name: str, expected: str, found: str, code: str = "wrong_width") -> Refused:
    return Refused(code, f"{name}: expected {expected}, found {found}", name, expected, found)
