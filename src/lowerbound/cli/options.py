"""Options that several verbs share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Data", "Folder", "Json", "Labels", "Overwrite", "Samples", "Seed"]

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="digits[:train|:test], a file .npy, .npz[:name], .csv, .parquet or IDX, or a folder of images.",
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `fit` wrote.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]
Labels = Annotated[
    str | None,
    typer.Option(
        help="A column that is no data, or a file with one label a row; colours the latent scatter."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over what --out holds.")]
Samples = Annotated[
    int, typer.Option(min=2, help="Importance samples of log p(x) a row: more are tighter and slower.")
]
Seed = Annotated[int, typer.Option(help="All randomness follows from it.")]
