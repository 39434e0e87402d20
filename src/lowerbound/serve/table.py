"""A table of an answer: columns by name, as JSON, as Arrow, as one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowerbound.data.declared import Declared, as_arrow
from lowerbound.serve.cells import json_cells
from lowerbound.serve.errors import Refused

__all__ = ["Table", "of_codes"]


@dataclass(frozen=True)
class Table:
    """Columns of n rows, each in its own type; `names` None where a row is a list of numbers in JSON, and
    `own_types` what is said of some columns, by name, beyond NumPy's types. `table[rows]` are some rows.

    >>> table = Table([np.array([1.5, np.nan]), np.array(["red", None], object)], ("mass", "color"))
    >>> table.json()
    [{'mass': 1.5, 'color': 'red'}, {'mass': None, 'color': None}]
    >>> Table(np.eye(2)).array().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    columns: np.ndarray | Sequence[np.ndarray]
    names: tuple[str, ...] | None = None
    own_types: Mapping[str, Declared] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, rows: slice) -> Table:
        columns = self.columns
        some = columns[:, rows] if isinstance(columns, np.ndarray) else [each[rows] for each in columns]
        return Table(some, self.names, self.own_types)

    @classmethod
    def joined(cls, tables: Sequence[Table]) -> Table:
        """Tables of the same columns, one after the other."""
        columns = [np.concatenate(each) for each in zip(*(table.columns for table in tables), strict=True)]
        return cls(columns, tables[0].names, tables[0].own_types)

    def json(self) -> Any:
        """Records by name, or lists; of numbers without names one matrix."""
        columns = self.columns
        if self.names is None:
            if isinstance(columns, np.ndarray) or all(column.dtype.kind in "biuf" for column in columns):
                return np.ascontiguousarray(np.asarray(columns).T)
            return [[*row] for row in zip(*map(json_cells, columns), strict=True)]
        zones = (self.own_types.get(name) for name in self.names)
        cells = [
            json_cells(column, None if own is None else own.zone)
            for column, own in zip(columns, zones, strict=True)
        ]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*cells, strict=True)]

    def arrow(self) -> Any:
        """A pyarrow table; columns without a name are x0, x1, …"""
        import pyarrow as pa

        names = self.names or tuple(f"x{i}" for i in range(len(self.columns)))
        return pa.table(
            {
                name: as_arrow(column, self.own_types.get(name))
                for name, column in zip(names, self.columns, strict=True)
            }
        )

    def array(self) -> np.ndarray:
        """One array of numbers, (n, columns), float32 where that holds them.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for columns of text and dates.
        """
        for name, column in zip(self.names or range(len(self.columns)), self.columns, strict=True):
            if column.dtype.kind not in "biuf":
                raise Refused(
                    "not_acceptable",
                    f"an array has no place for text and dates, as in column {name!r}",
                    *(
                        "Accept",
                        "application/json or application/vnd.apache.arrow.stream",
                        "application/x-npy",
                    ),
                )
        return np.ascontiguousarray(np.stack([*self.columns], axis=1))


def of_codes(codes: np.ndarray) -> Any:
    """Codes, (n, d), as a pyarrow table of z0, z1, …"""
    import pyarrow as pa

    return pa.table({f"z{i}": pa.array(column) for i, column in enumerate(codes.T)})
