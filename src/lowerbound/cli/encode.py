"""`lowerbound encode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Data, Folder, Id, Json, Labels, Overwrite, Seed, Steps, Unseen
from lowerbound.cli.reading import reads
from lowerbound.data.mapped.memory import Memory

__all__ = ["encode"]


@reads
def encode(
    folder: Folder,
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            help="Codes as .npy, .csv or .parquet, or a folder for parts of many files; a picture of them as "
            ".png, .svg or .pdf."
        ),
    ],
    steps: Steps = 0,
    labels: Labels = None,
    unseen: Unseen = None,
    id: Id = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    json: Json = False,
    memory: Memory | None = None,
    reading: Reading = AS_FOUND,
) -> int:
    """The posterior means of rows, E[z|x]: a code of latent_dim numbers each, without noise. With --steps,
    codes fitted to each row.

    With a folder for --out DATA may be many files, as `score` takes them.

    Example: lowerbound encode runs/digits digits:test --out codes.csv
    """
    import lowerbound as lb
    from lowerbound.cli.console import report_written
    from lowerbound.cli.in_parts import asked_in_parts, write_in_parts
    from lowerbound.cli.inputs import run_and_rows
    from lowerbound.cli.outputs import ARRAYS, PICTURES, called, usable_file, write_rows
    from lowerbound.cluster.maps import Encode

    if asked_in_parts(out):
        return write_in_parts(Encode(folder, seed, unseen, reading, steps), data, out, id, overwrite, json)
    usable_file(out, (*ARRAYS, *PICTURES), overwrite)
    run, source = run_and_rows(folder, data, labels, reading, unseen, memory)
    rows_are = source.row_names(id)
    z = lb.encode(run.model, source.rows, steps=steps, key=seed)
    if out.suffix in PICTURES:
        from lowerbound import figures

        figures.save(figures.latent_scatter(z, source.labels), out)
    else:
        write_rows(out, *called(rows_are, ([*z.T], [f"z{i}" for i in range(z.shape[1])]), out))
    report_written(out, len(z), z.shape[1], json)
    return 0
