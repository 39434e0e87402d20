"""`lowerbound reconstruct`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Data, Folder, Json, Labels, Overwrite, Seed, Steps, Unseen
from lowerbound.cli.reading import reads

__all__ = ["reconstruct"]


@reads
def reconstruct(
    folder: Folder,
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            help="Means as .npy, .csv or .parquet; the first 24 rows over theirs as .png, .svg or .pdf."
        ),
    ],
    steps: Steps = 0,
    labels: Labels = None,
    unseen: Unseen = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    json: Json = False,
    reading: Reading = AS_FOUND,
) -> int:
    """The likelihood's means at the posterior means of rows, in the data's own units; with --steps, at codes
    fitted to each row.

    Example: lowerbound reconstruct runs/digits digits:test --out reconstructions.png
    """
    import lowerbound as lb
    from lowerbound.cli.console import report_written
    from lowerbound.cli.inputs import run_and_rows
    from lowerbound.cli.outputs import ARRAYS, PICTURES, usable_file, write_rows
    from lowerbound.data.chunks import observed

    usable_file(out, (*ARRAYS, *PICTURES), overwrite)
    run, source = run_and_rows(folder, data, labels, reading, unseen)
    x = source.x[:24] if out.suffix in PICTURES else source.x
    means = lb.reconstruct(run.model, x, steps=steps, key=seed)
    if out.suffix in PICTURES:
        from lowerbound import figures

        rows = observed(run.model, x, seed)
        smiles, again = run.molecules(x), run.molecules(means)
        drawn = (
            figures.reconstructions(rows, means, source.image_shape)
            if smiles is None or again is None
            else figures.molecules({"original": smiles, "reconstruction": again}, columns=6)
        )
        figures.save(drawn, out)
        width = means.shape[1]
    else:
        columns, names = run.own_units(means)
        write_rows(out, columns, names)
        width = len(columns)
    report_written(out, len(means), width, json)
    return 0
