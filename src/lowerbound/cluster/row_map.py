"""What is computed of each row of a table by a run: a table in, one of as many rows out."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import lowerbound
from lowerbound.archive.folder import MODEL
from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cluster.sifted import Sifted, sifted
from lowerbound.data.declared import as_arrow
from lowerbound.data.schema import Schema, Unseen
from lowerbound.data.sources.names import kept_columns
from lowerbound.data.tables import Columns
from lowerbound.runs import SCHEMA, RunFolder

__all__ = ["REFUSED", "RowMap"]

# The column of a result that says why a row was refused, null where it was not.
REFUSED = "refused"


@dataclass(frozen=True, eq=False)
class RowMap(ABC):
    """What is computed of each row of a table by the run in `folder`: called with columns it gives a pyarrow
    table of as many rows in their order, whose types are `schema`, the same whatever the rows hold.

    A row's numbers are a function of (`seed`, the row's content). A row that the model does not take is
    refused: it has no numbers (null), and the column `refused` says why; the others are as without it.

    **Arguments:** `unseen`: what becomes of levels that a column never had; `reading`: what the run's own
    does not say of how tables are read.

    **Raises** when it is first used: as [`RunFolder`][lowerbound.runs.RunFolder]; when it is called:
    [`DataError`][lowerbound.data.errors.DataError] for what is wrong with more than single rows, such as a
    column that is lacking; `ValueError` where levels are to be missing to a model that takes none.
    """

    folder: str | os.PathLike[str]
    seed: int = 0
    unseen: Unseen | None = None
    reading: Reading = AS_FOUND

    # What it is called, as the verb is, and whether the rows may have holes to a model that saw none.
    name: ClassVar[str]
    with_holes: ClassVar[bool] = False

    @abstractmethod
    def computed(self, read: Columns, rows: Sifted) -> Sequence[np.ndarray]:
        """The columns of the result, of all rows of the table that was `read`, of which some are taken."""

    @property
    @abstractmethod
    def types(self) -> dict[str, Any]:
        """The result's columns by name, with their pyarrow types."""

    @cached_property
    def schema(self) -> Any:
        """Of the result, as pyarrow's schema."""
        import pyarrow as pa

        return pa.schema([*self.types.items(), (REFUSED, pa.string())])

    @cached_property
    def run(self) -> RunFolder:
        """The run, its model in memory."""
        run = RunFolder.read(self.folder, with_holes=self.with_holes)
        if self.unseen == "missing" and not run.model.takes_missing:
            raise ValueError(
                f"unseen: the model in {run.path} takes no missing values; fit with unseen='missing'"
            )
        return run

    @cached_property
    def encoding(self) -> Schema | None:
        """The schema of the run, with what was asked of unseen levels; None where none is kept."""
        schema = self.run.schema
        return schema if schema is None or self.unseen is None else schema.letting(self.unseen)

    def needed(self, names: Sequence[str]) -> list[str]:
        """Those of a table's columns that are needed of it, by name; all where the model's have none."""
        schema = self.encoding
        return [name for name in names if schema is None or not schema.named or name.strip() in schema.names]

    def __call__(self, table: Columns, name: str = "x") -> Any:
        """The result of a table's rows; `name` is what the table is called in errors."""
        import pyarrow as pa

        if table.width and not table.length:
            return self.schema.empty_table()
        read = kept_columns(table, self.reading.over(self.run.reading), name, self.encoding)
        rows = sifted(self.run.model, self.encoding, read, name)
        columns = zip(self.computed(read, rows), self.types.values(), strict=True)
        found = [as_arrow(column).cast(kind) for column, kind in columns]
        why = pa.array([rows.refused.get(row) for row in range(read.length)], pa.string())
        return pa.table([*found, why], schema=self.schema)

    @cached_property
    def fingerprint(self) -> str:
        """What tells it from another: the bytes of model and schema, every option, and this version of the
        library; the same in any process."""
        options = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "folder"}
        options |= {"reading": asdict(self.reading), "name": self.name, "version": lowerbound.__version__}
        digest = hashlib.sha256(json.dumps(options, sort_keys=True, default=np.ndarray.tolist).encode())
        for name in (MODEL, SCHEMA):
            path = Path(self.folder) / name
            digest.update(hashlib.sha256(path.read_bytes() if path.exists() else b"").digest())
        return digest.hexdigest()
