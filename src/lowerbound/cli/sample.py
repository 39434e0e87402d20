"""`lowerbound sample`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lowerbound.cli.options import Folder, Json, Overwrite, Seed

if TYPE_CHECKING:
    import numpy as np

    from lowerbound.runs import RunFolder

__all__ = ["sample"]


def sample(
    folder: Folder,
    out: Annotated[
        Path,
        typer.Option(
            help="Rows as .npy, .csv or .parquet; a picture, of molecules their structures, as .png, .svg or "
            ".pdf."
        ),
    ],
    n: Annotated[int, typer.Option("--n", "-n", help="How many rows.")] = 100,
    given: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="A value that a column has in all rows; may be said of several columns, once each.",
        ),
    ] = None,
    mean: Annotated[
        bool, typer.Option("--mean", help="Means of the likelihood in place of observations.")
    ] = False,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Generate rows: z from the prior that was trained, x from the likelihood; or, given some columns, the
    rest from its conditional distribution.

    Example: lowerbound sample runs/digits --n 100 --out samples.npy
    """
    import lowerbound as lb
    from lowerbound.cli.console import compilation_cache, report_written
    from lowerbound.cli.outputs import ARRAYS, PICTURES, usable_file, write_rows
    from lowerbound.runs import RunFolder

    usable_file(out, (*ARRAYS, *PICTURES), overwrite)
    run = RunFolder.read(folder)
    compilation_cache()
    if given:
        rows, columns, names = _given(run, given, n, seed, mean)
    else:
        rows = lb.sample(run.model, n, key=seed, mean=mean)
        columns, names = run.own_units(rows)
    if out.suffix in PICTURES:
        from lowerbound import figures

        smiles = run.molecules(rows)
        drawn = figures.samples(rows, run.image_shape) if smiles is None else figures.molecules(smiles)
        figures.save(drawn, out)
    else:
        write_rows(out, columns, names, run.own_types)
    report_written(out, n, rows.shape[1] if out.suffix in PICTURES else len(columns), json)
    return 0


def _given(
    run: RunFolder, given: Sequence[str], n: int, seed: int, mean: bool
) -> tuple[np.ndarray, Sequence[np.ndarray] | np.ndarray, Sequence[str]]:
    """Encoded rows that have these values, the columns of their table, and its names."""
    from lowerbound.cli.console import say
    from lowerbound.inference.completion import completed_columns
    from lowerbound.inference.condition import Condition
    from lowerbound.inference.sampling import sample_given

    for pair in given:
        if "=" not in pair:
            raise ValueError(f"--given: expected COLUMN=VALUE, found {pair!r}")
    values = dict(pair.split("=", 1) for pair in given)
    if len(values) < len(given):
        raise ValueError(f"--given: expected each column once, found {', '.join(map(repr, given))}")
    if run.schema is None:
        raise ValueError("--given: names columns, and this run keeps no schema of a table")
    condition = Condition.of(run.schema, values)
    drawn = sample_given(run.model, condition, n, key=seed, mean=mean)
    effective = f"{drawn.effective_sample_size:,.0f} of {drawn.samples:,}"
    say(f"{effective} samples of z are effective given these columns")
    columns = completed_columns(run.schema, condition.repeated(n), drawn.x)
    return drawn.x, columns, run.schema.names
