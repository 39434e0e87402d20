"""What is told of a run in JSON, as typed records: how its model came about, how training went, what was
measured. What is read is checked, and an error names the file and the field.

NaN and infinity, which JSON has no words for, are null in a file.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lowerbound.archive.documents import document_in, parsed
from lowerbound.archive.whole import write_whole
from lowerbound.limits import RECORD

__all__ = [
    *(
        "AS_FOUND",
        "BaselineScore",
        "Begun",
        "DataRecord",
        "Difference",
        "HistoryRecord",
        "Metrics",
        "Provenance",
        "Reading",
    ),
    "Split",
    *("as_json", "read_history", "read_record", "write_history", "write_record"),
]

Record = TypeVar("Record")

# A record of the training: `step`, `epoch`, `bound` and whatever terms an objective names, in nats a row.
# Callbacks of `fit` are given the same.
HistoryRecord = Mapping[str, float]


@dataclass(frozen=True)
class Reading:
    """How a table is read where a person says so; by default all is found in the file.

    - `header`: whether the first line of text is names; None: as its first lines show.
    - `missing_values`: the cells that stand for a value that was not observed, in place of the usual ones; a
      number among them (−9999) is missing in columns of numbers, of any format.
    - `drop`, `columns`: those that are left out, and those that alone are kept, in this order. A column is
      told by its name, or by its number from 0 where none has such a name.
    - `size`, `mode`: of images, (width, height) and "grey" or "colour", to which all are converted.

    >>> Reading.of(header=False, drop=["id", 3]).drop
    ('id', '3')
    """

    header: bool | None = None
    missing_values: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    size: tuple[int, ...] | None = None
    mode: str | None = None

    @classmethod
    def of(
        cls,
        header: bool | None = None,
        missing_values: Iterable[object] | None = None,
        drop: Iterable[object] = (),
        columns: Iterable[object] | None = None,
        size: Iterable[int] | None = None,
        mode: str | None = None,
    ) -> Reading:
        """The same of lists of names and numbers.

        **Raises:** `TypeError` for text in place of a list; `ValueError` for a size or a mode that is none.
        """
        asked = (missing_values, drop, columns)
        if any(isinstance(values, str) for values in asked):
            raise TypeError("missing_values, drop and columns: expected lists, found text; write ['a', 'b']")
        missing, left_out, kept = (None if v is None else tuple(map(str, v)) for v in asked)
        pixels = None if size is None else tuple(map(int, size))
        if pixels is not None and (len(pixels) != 2 or min(pixels) < 1):
            raise ValueError(f"size: expected a width and a height of at least 1, found {pixels}")
        if mode not in (None, "grey", "colour"):
            raise ValueError(f"mode: expected grey or colour, found {mode!r}")
        return cls(header, missing, left_out or (), kept, pixels, mode)

    def over(self, known: Reading) -> Reading:
        """This reading where it says something, else the `known` one."""
        said = {f.name: value for f in fields(self) if (value := getattr(self, f.name)) not in (None, ())}
        return replace(known, **said)


AS_FOUND = Reading()


@dataclass(frozen=True)
class DataRecord:
    """The rows that a model was made from: where they were, how many, of what columns or what shape, the
    column that held their labels, the SHA-256 of their fingerprints, and how they were read."""

    source: str
    rows: int
    columns: int
    column_names: tuple[str, ...] | None
    image_shape: tuple[int, ...] | None
    label: str | None
    sha256: str
    reading: Reading = AS_FOUND


@dataclass(frozen=True)
class Split:
    """How many rows trained the model, and how many chose it."""

    train_rows: int
    validation_rows: int


@dataclass(frozen=True)
class Provenance:
    """How a model came about. `stopped` is why training ended, `best_step` the step of the model, `versions`
    those of packages, `command` the command line, where there was one."""

    data: DataRecord
    split: Split
    seed: int
    stopped: str
    best_step: int
    versions: Mapping[str, str]
    command: str | None


@dataclass(frozen=True)
class Begun:
    """What a run began with, kept until it is whole: the options of its call as text, by name, the command
    line, and the SHA-256 of the fingerprints of its training and its held-out rows."""

    options: Mapping[str, str]
    command: str | None
    train_sha256: str
    held_out_sha256: str


@dataclass(frozen=True)
class BaselineScore:
    """A baseline on the rows that a model was evaluated on, in nats a row: its mean log-likelihood, and the
    model's minus it, paired over rows, each with its standard error."""

    log_likelihood: float
    standard_error: float
    difference: float
    difference_standard_error: float
    note: str


@dataclass(frozen=True)
class Difference:
    """One model's log p(x) minus another's, paired over rows, in nats a row."""

    difference: float
    standard_error: float


@dataclass(frozen=True)
class Metrics:
    """What was measured of a model, as means over the rows whose log p(x) and bound are finite, in nats a row
    and in the measure that `measure` names.

    `log_likelihood` has three errors: over rows, of its samples (`…_monte_carlo_error`), and of both
    (`…_total_error`). What it is low by, since a logarithm is concave, is `…_bias`. `methods` says by which
    method how many rows' numbers were found, from up to `samples` samples; `rows_not_reliable` of how many
    number and error cannot be relied on. `rows_not_finite` are the numbers of the other rows, among them
    those that lie outside the model's support; `n_rows` counts all. `rows_trained_on` and
    `rows_that_chose_the_model` count rows that had a part in the model; `rows_repeated` those that are the
    equals of such rows no oftener than rows of the data are of each other. The error over rows of one row
    is NaN, in a file null.
    """

    elbo: float
    elbo_standard_error: float
    log_likelihood: float
    log_likelihood_standard_error: float
    log_likelihood_monte_carlo_error: float
    log_likelihood_total_error: float
    log_likelihood_bias: float
    samples: int
    methods: Mapping[str, int]
    rows_not_reliable: int
    bits_per_dim: float
    rate: float
    distortion: float
    measure: str
    n_rows: int
    n_dims: int
    rows_not_finite: tuple[int, ...]
    rows_trained_on: int
    rows_that_chose_the_model: int
    rows_repeated: int
    seconds: float
    examples_per_second: float
    baselines: Mapping[str, BaselineScore]


def as_json(value: Any) -> Any:
    """A record, or what it is made of, as JSON has it.

    >>> as_json(Difference(1.5, math.nan))
    {'difference': 1.5, 'standard_error': None}
    """
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_record(record: Any, path: str | os.PathLike[str]) -> None:
    """One JSON document, which appears whole or not at all."""
    write_whole(path, (json.dumps(as_json(record), indent=1, allow_nan=False) + "\n").encode())


def read_record(kind: type[Record], path: str | os.PathLike[str]) -> Record:
    """The record that a file holds.

    **Raises:** `ValueError` in one line that names the file and the field.
    """
    try:
        content = document_in(path)
    except ValueError as error:
        raise ValueError(f"{path}: expected a JSON document ({error})") from None
    try:
        found: Record = _typed(kind, content, "")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return found


def write_history(history: Iterable[HistoryRecord], path: str | os.PathLike[str]) -> None:
    """A JSON document a line."""
    write_whole(path, "".join(json.dumps(as_json(r), allow_nan=False) + "\n" for r in history).encode())


def read_history(path: str | os.PathLike[str]) -> tuple[HistoryRecord, ...]:
    """The records of a training.

    **Raises:** `ValueError` in one line that names the file, the line and the field.
    """
    records = []
    with Path(path).open("rb") as stream:
        lines = list(iter(lambda: stream.readline(RECORD + 1), b""))
    for number, line in enumerate(lines, 1):
        try:
            record = _typed(dict[str, float], parsed(line.decode()), "")
            if missing := {"step", "epoch", "bound"} - set(record):
                raise ValueError(f"expected {', '.join(sorted(missing))}, found no such field")
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: expected a record of a training ({error})") from None
        records.append(record)
    return tuple(records)


def _typed(kind: Any, content: Any, where: str) -> Any:
    """`content` as a value of a type: a record, a number, text, or tuples and mappings of these."""
    if is_dataclass(kind):
        return _record(kind, content, where)
    inside, origin = get_args(kind), get_origin(kind)
    if isinstance(kind, UnionType):
        (some,) = (one for one in inside if one is not NoneType)
        return None if content is None else _typed(some, content, where)
    if origin is tuple and isinstance(content, list):
        return tuple(_typed(inside[0], item, f"{where}[{i}]") for i, item in enumerate(content))
    if origin in (dict, Mapping) and isinstance(content, dict):
        return {name: _typed(inside[1], item, f"{where}.{name}") for name, item in content.items()}
    if kind is float and content is None:
        return math.nan
    if kind in (int, float) and _is_number(kind, content):
        return content
    if kind not in (int, float) and origin is None and isinstance(content, kind):
        return content
    expected = _WORDS.get(kind, "several values")
    raise ValueError(f"{where.lstrip('.')}: expected {expected}, found {content!r:.60}")


def _is_number(kind: type, content: Any) -> bool:
    """Whether this is a finite number, or a whole one that 64 bits hold."""
    if isinstance(content, bool) or not isinstance(content, (int, float) if kind is float else int):
        return False
    return abs(content) <= sys.float_info.max if kind is float else -(2**63) <= content < 2**64


def _record(kind: Any, content: Any, where: str) -> Any:
    if not isinstance(content, dict):
        raise ValueError(
            f"{where.lstrip('.') or kind.__name__}: expected fields by name, found {content!r:.60}"
        )
    types = get_type_hints(kind)
    for field in fields(kind):
        if field.name not in content:
            raise ValueError(f"expected the field {f'{where}.{field.name}'.lstrip('.')}, found no such field")
    known = {name: item for name, item in content.items() if name in types}
    return kind(**{name: _typed(types[name], item, f"{where}.{name}") for name, item in known.items()})


_WORDS = {float: "a number", int: "a whole number", str: "text"}
