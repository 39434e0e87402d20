"""A data set's results as a folder of parts, each written whole or not at all, so that a call that was killed
goes on with what is missing."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lowerbound.archive.whole import write_whole
from lowerbound.cluster.portions import Portion, portions
from lowerbound.cluster.row_map import REFUSED, RowMap
from lowerbound.data.errors import DataError

__all__ = ["LIST", "MANIFEST", "ROW", "Part", "Progress", "write_parts"]

# The last two files of a folder: the refused rows of all parts, and what the parts are of. By their names
# programs that read a folder as one table pass them over.
LIST, MANIFEST = "_refused.csv", "_manifest.json"
# The column that says which row of its file a row is, counted from 0.
ROW = "row"


@dataclass(frozen=True)
class Part:
    """A part of the results: the name of its file, the `call` that wrote it, and the portion of the data that
    it is of, the `file` with its `size` in bytes and the time that it was `modified`, the `row_group`, and
    the number of its `first_row` in the file; it has so many `rows`, of which so many were `refused`."""

    part: str
    call: str
    file: str
    size: int
    modified: int
    row_group: int | None
    first_row: int
    rows: int = 0
    refused: int = 0

    @classmethod
    def planned(cls, number: int, call: str, portion: Portion) -> Part:
        """The part of a portion, before its rows are counted."""
        made = (str(portion.path), portion.size, portion.modified, portion.row_group, portion.first)
        return cls(f"part-{number:05d}.parquet", call, *made)

    @classmethod
    def found(cls, path: Path) -> Part | None:
        """The part in a file, by what it says of itself; None where it says nothing that can be read."""
        from pyarrow import parquet

        try:
            return cls(**json.loads(parquet.read_schema(path).metadata[_ABOUT]))
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def done_by(self, found: Part | None) -> bool:
        """Whether a part that was found is this one."""
        return found is not None and found == Part(
            **asdict(self) | {"rows": found.rows, "refused": found.refused}
        )

    def write(self, folder: Path, results: Any) -> Part:
        """The file, whole or not at all."""
        import pyarrow as pa
        from pyarrow import parquet

        count = len(results) - results.column(REFUSED).null_count
        part = Part(**asdict(self) | {"rows": len(results), "refused": count})
        buffer = pa.BufferOutputStream()
        about = {_ABOUT: json.dumps(asdict(part)).encode()}
        parquet.write_table(results.replace_schema_metadata(about), buffer)
        write_whole(folder / self.part, buffer.getvalue().to_pybytes())
        return part


_ABOUT = b"lowerbound"


@dataclass(frozen=True)
class Progress:
    """How far it is: so many `parts` of all (`of`), of which so many were there before (`found`); and the
    rows of those that were not, with those that were refused, in so many seconds."""

    parts: int
    of: int
    found: int
    rows: int
    refused: int
    seconds: float


def write_parts(
    row_map: RowMap,
    data: str,
    out: str | os.PathLike[str],
    *,
    carry: Sequence[str] | None = None,
    overwrite: bool = False,
    callbacks: Sequence[Callable[[Progress], object]] = (),
) -> tuple[Part, ...]:
    """The results of the rows in files, as a folder: `part-00000.parquet`, …, one for each portion of the
    data, in their order.

    A portion is a row group of a Parquet file, 2²⁰ rows of a `.npy`, or else a file; some thousands of its
    rows are encoded at a time. A part has a row for each of its portion: its number in the file (`row`, from
    0), the columns that are carried along, the results, and why it was refused (`refused`). It appears whole
    or not at all. When all are there `_refused.csv` lists the refused rows of all files, with their numbers
    and why, and last comes `_manifest.json`, which says of each part what it is of.

    A call that was interrupted is made again as it was: parts that are whole, of the same model and options,
    and of files that were not written since, are left as they are. One process writes into a folder.

    **Arguments:** `data`: a pattern, a folder of tables or a file
    ([`files_of`][lowerbound.cluster.portions.files_of]); `out`: the folder; `carry`: columns of the table to
    stand beside the results, by default the one that identifies the rows, where the run's schema has one;
    `overwrite`: parts of another call are removed; `callbacks`: called after each part.

    Returns the parts.

    **Raises:** `FileNotFoundError` where there are no files; `FileExistsError` for a folder that holds
    anything but parts of this call, before any work is done;
    [`DataError`][lowerbound.data.errors.DataError] for a file that cannot be read, or whose rows cannot be
    the run's.
    """
    pieces, folder, carried = portions(data), Path(out), _carried(row_map, carry)
    if not pieces:
        raise DataError(data, "at least one row", "none")
    call = f"{row_map.fingerprint} {','.join(carried)}"
    parts = [Part.planned(number, call, portion) for number, portion in enumerate(pieces)]
    done = _done(folder, parts, overwrite)
    found, clock, rows, refused = len(done), time.perf_counter(), 0, 0
    for number, (part, portion) in enumerate(zip(parts, pieces, strict=True), 1):
        if part.part in done:
            continue
        written = part.write(folder, _results(row_map, portion, carried))
        done[part.part] = written
        rows, refused = rows + written.rows, refused + written.refused
        seconds = time.perf_counter() - clock
        for callback in callbacks:
            callback(Progress(number, len(parts), found, rows, refused, seconds))
    whole = tuple(done[part.part] for part in parts)
    _finish(folder, row_map, whole)
    return whole


def _carried(row_map: RowMap, carry: Sequence[str] | None) -> tuple[str, ...]:
    """The columns to carry along, less those that are results, as those of a completed table are."""
    schema = row_map.encoding
    if carry is None:
        known = () if schema is None or not schema.named else schema.columns
        carry = [column.name for column in known if column.kind == "identifier"][:1]
    if taken := {ROW, REFUSED} & {*row_map.types, *carry}:
        expected = f"columns that are not called {ROW} or {REFUSED}, as two of the results are"
        raise DataError("results", expected, repr(min(taken)), way_out="rename it")
    return tuple(name for name in carry if name not in row_map.types)


def _done(folder: Path, parts: Sequence[Part], overwrite: bool) -> dict[str, Part]:
    """Those of the parts that a folder holds, by name. The folder is made; other parts, and what was left of
    a file when a process was killed, are removed.

    **Raises:** `FileExistsError` for a folder with anything else, unless it is to be written over;
    `NotADirectoryError` for a file.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder to write parts into, found a file")
    folder.mkdir(parents=True, exist_ok=True)
    planned, done = {part.part: part for part in parts}, {}
    there = sorted(folder.iterdir())
    had = {path: Part.found(path) for path in there if path.match("part-*.parquet")}
    left = [path for path in there if path.match(".*.partial")]
    others = [path for path in there if not (path in had or path in left or path.name in (LIST, MANIFEST))]
    others += [path for path, part in had.items() if part is not None and part.call != parts[0].call]
    if others and not overwrite:
        expected = "expected an empty folder, or parts of this very call"
        way_out = "take another folder, or overwrite=True (--overwrite)"
        raise FileExistsError(f"{folder}: {expected}, found {others[0].name}; {way_out}")
    for path, part in had.items():
        if part is not None and path.name in planned and planned[path.name].done_by(part):
            done[path.name] = part
    if len(done) < max(len(parts), len(had)):
        (folder / MANIFEST).unlink(missing_ok=True)  # where it is, all is there
    for path in (*left, *had):
        if path.name not in done:
            path.unlink()
    return done


def _results(row_map: RowMap, portion: Portion, carried: tuple[str, ...]) -> Any:
    """A table of the rows of a portion."""
    import pyarrow as pa

    tables, first, name = [], portion.first, str(portion.path)
    for batch in portion.batches(row_map.reading.over(row_map.run.reading), row_map.needed, carried):
        found = row_map(batch.columns, name)
        numbers = pa.array(range(first, first + len(found)), pa.int64())
        columns = [numbers, *batch.carried.columns, *found.columns]
        tables.append(pa.table(columns, names=[ROW, *carried, *found.column_names]))
        first += len(found)
    if not tables:
        return pa.schema([(ROW, pa.int64()), *row_map.schema]).empty_table()
    # What is carried along may be of another type in another batch: whole numbers, with holes real ones.
    return pa.concat_tables(tables, promote_options="permissive")


def _finish(folder: Path, row_map: RowMap, parts: Sequence[Part]) -> None:
    """The list of refused rows, and then the manifest."""
    refused = sum(part.refused for part in parts)
    if not refused:
        (folder / LIST).unlink(missing_ok=True)
    else:
        write_whole(folder / LIST, _list_of(folder, parts))
    told = [{name: value for name, value in asdict(part).items() if name != "call"} for part in parts]
    rows = {"rows": sum(part.rows for part in parts), "refused": refused}
    columns = [*row_map.schema.names]
    manifest = {"what": row_map.name, "call": parts[0].call, "columns": columns, **rows, "parts": told}
    write_whole(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())


def _list_of(folder: Path, parts: Sequence[Part]) -> bytes:
    """The refused rows, as text: the file, the row's number in it, why."""
    import pyarrow.compute as pc
    from pyarrow import parquet

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", ROW, "why"])
    for part in parts:
        if part.refused:
            table = parquet.read_table(folder / part.part, columns=[ROW, REFUSED])
            table = table.filter(pc.is_valid(table.column(REFUSED)))
            rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
            writer.writerows((part.file, row, why) for row, why in rows)
    return text.getvalue().encode()
