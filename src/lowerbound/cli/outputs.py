"""Where results go, by the ending of `--out`: arrays, tables, pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ARRAYS", "PICTURES", "print_csv", "usable_file", "write_rows"]

ARRAYS = (".npy", ".csv", ".parquet")
PICTURES = (".png", ".svg", ".pdf")


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


def write_rows(out: Path, rows: np.ndarray, columns: Sequence[str]) -> None:
    """An array (n, d) as `.npy`, or as a table with named columns, `.csv` or `.parquet`."""
    if out.suffix == ".npy":
        import numpy as np

        np.save(out, rows, allow_pickle=False)
        return
    import pyarrow as pa

    table = pa.table({name: rows[:, i] for i, name in enumerate(columns)})
    if out.suffix == ".csv":
        from pyarrow import csv

        csv.write_csv(table, out)
    else:
        from pyarrow import parquet

        parquet.write_table(table, out)


def print_csv(rows: np.ndarray, columns: Sequence[str]) -> None:
    """The same table on standard output."""
    sys.stdout.write(",".join(columns) + "\n")
    for row in rows.tolist():
        sys.stdout.write(",".join(f"{value:.6g}" for value in row) + "\n")
