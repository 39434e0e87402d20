"""A census of files: which of the delimited files below a folder are read, why others are not, and whether
any value differs from what pandas reads.

    python benchmarks/census.py FOLDER…

Needs pandas. A file is read in a process of its own pool, with a limit of size and of time.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import lowerbound as lb
from lowerbound.archive.records import AS_FOUND
from lowerbound.data.sources import open_source
from lowerbound.data.sources.cells import MISSING
from lowerbound.data.sources.cuts import WHITE_SPACE
from lowerbound.data.sources.delimited import dialect_in
from lowerbound.data.sources.file import CONTAINERS, File

__all__ = ["Counted", "census"]

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".psv")
# Of these endings many are prose: a file counts where pandas finds columns in it.
PROSE = (".txt", ".dat", ".data")
SECONDS, BYTES = 30, 100 * 2**20
KINDS = {
    "ragged lines": r"cells? in each line",
    "no text": r"not text",
    "empty": r"it is empty",
    "no end of a cell": r"has no end",
    "time": r"out of time",
    "numbers but for some cells": r"expected numbers, found|columns that are each of one kind",
    "missing values in a table of numbers": r"found nan",
    "infinite, or too large for float32": r"found -?inf|fit into float32",
    "no rows": r"at least one row",
    "nothing observed": r"NaN alone",
}


@dataclass(frozen=True)
class Counted:
    """What became of a file: the first line of the error of pandas, of `lb.read`, of the
    schema that `fit` makes ("" where there was none), and the first value that differs."""

    path: str
    pandas: str = ""
    read: str = ""
    schema: str = ""
    differs: str = ""


def census(folders: Sequence[Path], workers: int = 2) -> list[Counted]:
    """What becomes of each delimited file below the folders."""
    paths = sorted({path for folder in folders for path in _files(folder)})
    with get_context("spawn").Pool(workers) as pool:
        found = []
        for number, counted in enumerate(pool.imap_unordered(_counted, paths, chunksize=8), 1):
            found.append(counted)
            if number % 200 == 0:
                print(f"{number} of {len(paths)} files", file=sys.stderr, flush=True)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inner = path.with_suffix("") if path.suffix.lower() in CONTAINERS else path
        if inner.suffix.lower() in ENDINGS and path.is_file() and path.stat().st_size <= BYTES:
            yield path


def _counted(path: Path) -> Counted:
    warnings.simplefilter("ignore")
    by_pandas, frame = _tried(lambda: _by_pandas(path))
    read, table = _tried(lambda: lb.read(str(path)))
    if table is None:
        return Counted(str(path), by_pandas, read)
    schema, _ = _tried(lambda: open_source(str(path)))
    differs, where = ("", "") if frame is None else _tried(lambda: _difference(table, path))
    return Counted(str(path), by_pandas, read, schema, differs or where or "")


def _tried(work: Any) -> tuple[str, Any]:
    """The first line of the error that work ends in, and what it gives."""

    def stop(*_: object) -> None:
        raise TimeoutError("out of time")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        return "", work()
    except Exception as error:
        return (str(error).split("\n")[0] or type(error).__name__), None
    finally:
        signal.alarm(0)


def _by_pandas(path: Path) -> Any:
    """What pandas reads with nothing said; of an ending of prose, where it finds columns."""
    import pandas

    inner = path.with_suffix("") if path.suffix.lower() in CONTAINERS else path
    if inner.suffix.lower() in PROSE:
        for separator in (",", "\t", ";", "|", r"\s+"):
            _, frame = _tried(partial(pandas.read_csv, path, sep=separator, low_memory=False))
            if frame is not None and frame.shape[1] > 1:
                return frame
        raise ValueError("no columns: prose")
    separator = "\t" if inner.suffix.lower() in (".tsv", ".tab") else ","
    return pandas.read_csv(path, sep=separator, low_memory=False)


def _difference(table: Any, path: Path) -> str:
    """The first value that is not the one that pandas reads of the same separator, header and encoding."""
    import pandas

    encoding, dialect = dialect_in(File.at(path), AS_FOUND)
    frame = pandas.read_csv(
        path,
        sep=r"\s+" if dialect.separator == WHITE_SPACE else dialect.separator,
        header=None,
        names=range(len(dialect.names) if dialect.names else dialect.width),
        index_col=False,
        skiprows=dialect.skip,
        encoding=encoding,
        quotechar=dialect.quote,
        decimal=dialect.decimal,
        na_values=[*MISSING],
        float_precision="round_trip",
        low_memory=False,
    )
    if b"numbers of rows left out" in table.schema.metadata[b"lowerbound"]:
        frame = frame.iloc[:, 1:]
    frame = frame.iloc[:, : table.num_columns]
    if frame.shape != table.shape:
        return f"{table.shape[0]} × {table.shape[1]}, pandas {frame.shape[0]} × {frame.shape[1]}"
    for place, name in enumerate(table.column_names):
        kind = str(table[place].type)
        if kind.startswith(("date", "time")):
            row = _first_difference_of_times(table[place].to_pandas(), frame.iloc[:, place], kind)
        else:
            row = _first_difference(table[place].to_pandas(), frame.iloc[:, place])
        if row is not None:
            ours, theirs = table[place][row].as_py(), frame.iat[row, place]
            return f"row {row}, column {name!r}: {ours!r}, pandas {theirs!r}"
    return ""


def _first_difference_of_times(ours: Any, theirs: Any, kind: str) -> int | None:
    """The same of dates and times, which pandas leaves as text until it is asked."""
    import pandas

    theirs = theirs.map(lambda cell: None if pandas.isna(cell) or cell.strip() in MISSING else cell.strip())
    if kind.startswith("time") and not kind.startswith("timestamp"):
        return _first_difference(ours, pandas.to_datetime(theirs, format="mixed").dt.time)
    # The day or the month first: ours is one of them throughout.
    rows = [
        _first_difference(
            pandas.to_datetime(ours), pandas.to_datetime(theirs, format="mixed", dayfirst=day_first)
        )
        for day_first in (False, True)
    ]
    return None if None in rows else rows[0]


def _first_difference(ours: Any, theirs: Any) -> int | None:
    import pandas

    numbers = pandas.api.types.is_numeric_dtype
    if numbers(ours) and not numbers(theirs):  # blanks beside a missing value; thousands
        theirs = theirs.map(lambda cell: cell.replace(",", "").strip() if isinstance(cell, str) else cell)
        theirs = pandas.to_numeric(theirs.replace("?", np.nan), errors="coerce")
    if numbers(ours) and numbers(theirs):
        a, b = (np.asarray(column, np.float64) for column in (ours, theirs))
        same = (a == b) | (np.isnan(a) & np.isnan(b))
    else:
        a, b = (
            np.array([None if pandas.isna(c) else str(c).strip() or None for c in column], object)
            for column in (ours, theirs)
        )
        same = (a == b) | np.array([c in MISSING for c in np.where(b == None, "", b)])  # noqa: E711
    return None if same.all() else int(np.argmin(same))


def _kind(error: str) -> str:
    found = (kind for kind, pattern in KINDS.items() if re.search(pattern, error))
    return next(found, error.rpartition("found ")[2][:60])


def _print(title: str, errors: Sequence[tuple[str, str]], shown: int) -> None:
    print(f"\n{title}")
    for kind, count in Counter(_kind(error) for error, _ in errors).most_common():
        examples = [path for error, path in errors if _kind(error) == kind][:shown]
        print(f"  {count:6}  {kind}{'  e.g. ' + ', '.join(examples) if shown else ''}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--examples", type=int, default=1, help="files shown of each kind of refusal")
    asked = parser.parse_args()
    found = census(asked.folders, asked.workers)
    known = [counted for counted in found if not counted.pandas]
    read = [counted for counted in known if not counted.read]
    described = [counted for counted in read if not counted.schema]
    share = len(read) / max(len(known), 1)
    print(f"{len(found)} files, of which pandas reads {len(known)}")
    print(f"  {len(read):6}  of these are read ({share:.1%})")
    print(f"  {len(described):6}  and have a schema ({len(described) / max(len(known), 1):.1%})")
    others = sum(not counted.read and bool(counted.pandas) for counted in found)
    print(f"  {others:6}  are read and pandas does not")
    differ = [(counted.differs, counted.path) for counted in read if counted.differs]
    print(f"  {len(differ):6}  have a value that differs")
    for difference, path in differ:
        print(f"          {path}: {difference}")
    if refused := [(counted.read, counted.path) for counted in known if counted.read]:
        _print("First refusals by lb.read, of files that pandas reads", refused, asked.examples)
    if refused := [(counted.schema, counted.path) for counted in read if counted.schema]:
        _print("First refusals by the schema, of files that are read", refused, asked.examples)


if __name__ == "__main__":
    main()
