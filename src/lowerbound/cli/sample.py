"""`lowerbound sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lowerbound.cli.options import Folder, Json, Overwrite, Seed

__all__ = ["sample"]


def sample(
    folder: Folder,
    out: Annotated[
        Path, typer.Option(help="Rows as .npy, .csv or .parquet; a picture as .png, .svg or .pdf.")
    ],
    n: Annotated[int, typer.Option("--n", "-n", help="How many rows.")] = 100,
    mean: Annotated[
        bool, typer.Option("--mean", help="Means of the likelihood in place of observations.")
    ] = False,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Generate rows: z from the prior that was trained, x from the likelihood.

    Example: lowerbound sample runs/digits --n 100 --out samples.npy
    """
    import lowerbound as lb
    from lowerbound.cli.console import compilation_cache, report_written
    from lowerbound.cli.outputs import ARRAYS, PICTURES, usable_file, write_rows
    from lowerbound.runs import RunFolder

    usable_file(out, (*ARRAYS, *PICTURES), overwrite)
    run = RunFolder.read(folder)
    compilation_cache()
    rows = lb.sample(run.model, n, key=seed, mean=mean)
    if out.suffix in PICTURES:
        from lowerbound import figures

        figures.save(figures.samples(rows, run.image_shape), out)
    else:
        write_rows(out, *run.own_units(rows))
    report_written(out, rows, json)
    return 0
