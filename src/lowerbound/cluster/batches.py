"""Rows in Arrow's record batches, as the programs that cut a table into such hand them on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lowerbound.cluster.maps import What, row_map
from lowerbound.cluster.row_map import RowMap
from lowerbound.data.errors import DataError
from lowerbound.data.tables import columns_of

__all__ = ["Mapped", "mapped"]


@dataclass(frozen=True)
class Mapped:
    """A function from record batches to those of results, which [`mapped`][] makes. It holds the name of the
    run's folder and not the model, so that it goes to another process in a few bytes; there the run is read
    when the first rows come, and kept."""

    what: What
    run: str
    carry: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def rows(self) -> RowMap:
        """What is computed of the rows of a table."""
        return _kept(self.what, self.run, self.options)

    def schema(self, table: Any) -> Any:
        """The pyarrow schema of the results, where that of the rows is `table`."""
        import pyarrow as pa

        return pa.schema([*(table.field(name) for name in self._carried(table.names)), *self.rows.schema])

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        """The results of record batches, each as it comes: what Spark's `mapInArrow` takes."""
        import pyarrow as pa

        for batch in batches:
            yield from self.of_table(pa.Table.from_batches([batch])).combine_chunks().to_batches()

    def of_table(self, table: Any) -> Any:
        """The results of a pyarrow table, behind the columns that are carried along."""
        import pyarrow as pa

        carried = self._carried(table.column_names)
        found = self.rows(columns_of(table.select(self.rows.needed(table.column_names))))
        columns = [*(table.column(name) for name in carried), *found.columns]
        return pa.table(columns, schema=self.schema(table.schema))

    def _carried(self, names: Sequence[str]) -> list[str]:
        for name in self.carry:
            if name not in names:
                raise DataError("rows", f"a column {name!r} to carry along", ", ".join(map(repr, names)))
        return [name for name in self.carry if name not in self.rows.types]


def mapped(
    run: str | os.PathLike[str], what: What = "score", *, carry: Sequence[str] = (), **options: Any
) -> Mapped:
    """What scores, encodes or imputes (`what`) the rows of record batches by the run in a folder: a function
    from an iterator of them to one, of as many rows in their order.

    **Arguments:** `run`: the folder, which every process that calls it has to see; `carry`: columns of the
    rows that stand beside the results, such as a key; `options`: those of
    [`Score`][lowerbound.cluster.maps.Score], [`Encode`][lowerbound.cluster.maps.Encode] and
    [`Impute`][lowerbound.cluster.maps.Impute].

    A row's numbers are those of one process, to the bit; a row that is refused has none, and the column
    `refused` says why.

    **Raises:** `ValueError` for another name, `TypeError` for another option; when rows come, as
    [`RowMap`][lowerbound.cluster.row_map.RowMap] does.

    >>> mapped("runs/adult", "encode", carry=["id"]).carry
    ('id',)
    """
    function = Mapped(what, os.fspath(run), tuple(carry), tuple(sorted(options.items())))
    row_map(what, run, **options)
    return function


@lru_cache(maxsize=4)
def _kept(what: What, run: str, options: tuple[tuple[str, Any], ...]) -> RowMap:
    return row_map(what, run, **dict(options))
