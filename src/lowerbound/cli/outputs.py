"""Where results go, by the ending of `--out`: arrays, tables, pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from lowerbound.data.declared import Declared

__all__ = [
    *("ARRAYS", "PICTURES", "called", "print_csv", "print_json"),
    *("usable_file", "usable_folder", "write_rows"),
]

ARRAYS = (".npy", ".csv", ".parquet")
_NONE: Mapping[str, Any] = {}
PICTURES = (".png", ".svg", ".pdf")


def usable_folder(out: Path, overwrite: bool) -> None:
    """Whether results can be written to `out` in the end, asked before any work is done.

    **Raises:** `FileExistsError`, `NotADirectoryError`, `PermissionError` in one line.
    """
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"--out {out}: expected a folder, found a file")
    # What begins with a dot is of a run that was killed, or is no one's result.
    if out.is_dir() and not all(path.name.startswith(".") for path in out.iterdir()) and not overwrite:
        raise FileExistsError(f"--out {out}: the folder is not empty; take another, or pass --overwrite")
    above = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise PermissionError(f"--out {out}: {above} cannot be written")


def usable_file(out: Path, endings: Sequence[str], overwrite: bool) -> None:
    """Whether a result can be written to `out`, asked before any work is done.

    **Raises:** `ValueError` for another ending; `FileExistsError`; `FileNotFoundError` for no such folder.
    """
    if out.suffix not in endings:
        found = out.suffix or "none"
        raise ValueError(f"--out {out}: expected an ending of {', '.join(endings)}, found {found}")
    if out.exists() and not overwrite:
        raise FileExistsError(f"--out {out}: the file exists; take another, or pass --overwrite")
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"--out {out}: no folder {out.parent}")


def write_rows(
    out: Path,
    columns: Sequence[np.ndarray] | np.ndarray,
    names: Sequence[str],
    types: Mapping[str, Declared] = _NONE,
) -> None:
    """Columns as an array (n, d), `.npy`, or as a table with their names, `.csv` or `.parquet`; in the latter
    some have, by name, types of their own.

    **Raises:** `ValueError` for an array of columns of text.
    """
    if out.suffix == ".npy":
        import numpy as np

        text = [name for name, column in zip(names, columns, strict=True) if column.dtype.kind in "OMm"]
        if text:
            raise ValueError(
                f"--out {out}: expected .csv or .parquet for text and dates, as in column {text[0]!r}"
            )
        np.save(out, np.ascontiguousarray(np.stack([*columns], axis=1)), allow_pickle=False)
        return
    import pyarrow as pa

    from lowerbound.data.declared import as_arrow

    types = _NONE if out.suffix == ".csv" else types
    table = pa.table(
        {name: as_arrow(column, types.get(name)) for name, column in zip(names, columns, strict=True)}
    )
    if out.suffix == ".csv":
        from pyarrow import csv

        csv.write_csv(table, out)
    else:
        from pyarrow import parquet

        parquet.write_table(table, out)


def print_csv(columns: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """The same table on standard output, numbers to six digits."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        writer.writerow(f"{value:.6g}" if isinstance(value, float) else value for value in row)


def called(
    names: tuple[str, np.ndarray] | None, table: tuple[Sequence[np.ndarray], Sequence[str]], out: Path | None
) -> tuple[list[np.ndarray], list[str]]:
    """A table, columns and their names, behind a column of what its rows are called, where that is known and
    the table has it not; in an array, `.npy`, there is no room for names."""
    columns, labels = [*table[0]], [*table[1]]
    if names is None or names[0] in labels or (out is not None and out.suffix == ".npy"):
        return columns, labels
    return [names[1], *columns], [names[0], *labels]


def print_json(value: Any) -> None:
    """Records for machines on standard output."""
    from lowerbound.archive.records import as_json

    print(dumps(as_json(value), indent=1))
