"""Rows and codes of requests, as a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.refused import never_held
from lowerbound.data.rows import Rows, checked
from lowerbound.data.schema import Schema
from lowerbound.data.tables import Columns
from lowerbound.models.vae import VAE
from lowerbound.serve.errors import Refused, of_data
from lowerbound.serve.row_form import RowForm, matrix_of

__all__ = ["FARTHEST", "Reader"]

# No code is farther out, so that what is computed of some, such as the way between two, is finite.
FARTHEST = 1e30

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Reader:
    """What makes of rows and codes, as requests have them, those that a model takes: encoded by its schema,
    in float32, and looked at."""

    model: VAE
    schema: Schema | None

    @cached_property
    def width(self) -> int:
        """How many numbers an encoded row has."""
        return int(self.model.event().shape[0])

    @cached_property
    def latent_dim(self) -> int:
        """How many numbers a code has."""
        return int(self.model.event().latent.size or 0)

    @cached_property
    def form(self) -> RowForm:
        """What a row is in JSON."""
        return RowForm(self.schema, self.width)

    @cached_property
    def _plain(self) -> bool:
        """Whether an encoded row is the numbers of a request as they are, whichever they are."""
        return self.schema is not None and not self.schema.named and self.schema.free

    @cached_property
    def with_holes(self) -> tuple[VAE, Schema | None]:
        """Model and schema that take missing values.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where the model has no such thing.
        """
        schema = None if self.schema is None else self.schema.taking_missing()
        try:
            return cast(VAE, self.model.taking_missing()), schema
        except TypeError as error:
            raise Refused("not_possible", str(error)) from None

    def columns(self, raw: Sequence[Any] | Columns) -> Columns:
        """Rows of a request as columns, typed."""
        return raw if isinstance(raw, Columns) else self.form.read(raw)

    def rows(self, read: Columns, *, holes: bool = False, impossible: bool = False) -> Rows:
        """Columns as encoded rows that are looked at once; with `impossible` some may have probability 0.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for values that the columns cannot have;
        [`DataError`][lowerbound.data.errors.DataError] for those outside the model's support.
        """
        if self._plain and not holes and isinstance(read.arrays, np.ndarray):
            x = _in_range(read.arrays.T)
            if x is not None:  # else the way that finds what is wrong
                rows = Rows(x, schema=self.schema)
                return rows if impossible else checked(self.model, rows, name="rows")
        model, schema = self.with_holes if holes else (self.model, self.schema)
        if schema is None:
            return checked(model, _as_float(Rows(np.asarray(read.arrays).T)), name="rows")
        held = schema.held_against(read, "rows")
        rows = schema.rows(held, name="rows")
        if len(rows.impossible):
            self._check_levels(schema, held)
            if not impossible:
                raise of_data(never_held(schema, held, rows.impossible, "rows"))
        rows = _as_float(rows)
        return rows if impossible else checked(model, rows, name="rows")

    def codes(self, raw: Any) -> np.ndarray:
        """Codes of a request as float32, (n, latent_dim)."""
        if isinstance(raw, np.ndarray):
            if raw.ndim != 2 or raw.shape[1] != self.latent_dim:
                expected = f"an array (n, {self.latent_dim})"
                found = " × ".join(map(str, raw.shape))
                raise Refused("wrong_width", f"expected {expected}, found {found}", "", expected, found)
            codes = raw
        else:
            codes = matrix_of(raw, self.latent_dim)
        with np.errstate(over="ignore"):
            codes = codes.astype(np.float32, copy=False)
        near = np.abs(codes) <= FARTHEST  # NaN is not
        if not near.all():
            row = int((~near.all(1)).argmax())
            expected = f"numbers from −{FARTHEST:g} to {FARTHEST:g}"
            raise Refused("wrong_value", f"expected {expected} in code {row}", f"[{row}]", expected)
        return codes

    def why(self, row: Columns) -> str:
        """Why the model has no mass at a row."""
        try:
            self.rows(row)
        except Refused as refused:
            return refused.message
        except DataError as error:
            return of_data(error).message
        return "the model has no mass there"

    def _check_levels(self, schema: Schema, held: Columns) -> None:
        """Whether all categories have levels that the model saw."""
        for column, values in zip(schema.columns, held.arrays, strict=True):
            if column.levels is None or not (unseen := column.unseen(values)).any():
                continue
            row = int(unseen.argmax())
            some = ", ".join(column.levels[:8]) + (", …" if len(column.levels) > 8 else "")
            found = repr(values[row])
            message = f"expected a level of {column.name!r}, found {found} in row {row}"
            raise Refused("unknown_level", message, f"[{row}].{column.name}", f"one of {some}", found)


def _as_float(rows: Rows) -> Rows:
    """Rows in float32, as programs take them: of another type they would be other programs."""
    return replace(rows, x=np.ascontiguousarray(rows.x, np.float32))


def _in_range(x: np.ndarray) -> np.ndarray | None:
    """Numbers in float32, None where one is beyond it, or missing."""
    if not x.size or not float(np.abs(x).max()) <= _LARGEST:  # NaN is not
        return None
    return np.ascontiguousarray(x, np.float32)
