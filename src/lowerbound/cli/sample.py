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
        Path, typer.Option(help="Where to write: .npy for the array, .png, .svg or .pdf for a picture.")
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
    import numpy as np

    import lowerbound as lb
    from lowerbound import figures
    from lowerbound.cli.console import compilation_cache, say
    from lowerbound.store import read

    endings = (".npy", ".png", ".svg", ".pdf")
    if out.suffix not in endings:
        raise ValueError(
            f"--out {out}: expected an ending of {', '.join(endings)}, found {out.suffix or 'none'}"
        )
    if out.exists() and not overwrite:
        raise FileExistsError(f"--out {out}: the file exists; take another, or pass --overwrite")
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"--out {out}: no folder {out.parent}")
    saved = read(folder)
    compilation_cache()
    rows = lb.sample(saved.model, n, key=seed, mean=mean, transform=saved.transform)
    if out.suffix == ".npy":
        np.save(out, rows, allow_pickle=False)
    else:
        shape = saved.provenance.get("data", {}).get("image_shape")
        figures.save(figures.samples(rows, None if shape is None else tuple(shape)), out)
    if json:
        print(f'{{"out": "{out}", "rows": {len(rows)}, "columns": {rows.shape[1]}}}')
    else:
        say(f"wrote {len(rows)} rows of {rows.shape[1]} to {out}")
    return 0
