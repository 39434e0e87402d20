"""`lowerbound report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Data, Folder, Json, Labels, Method, Overwrite, Samples, Seed, Train
from lowerbound.cli.reading import reads
from lowerbound.data.mapped.memory import Memory
from lowerbound.evidence.defaults import SAMPLES

__all__ = ["report"]


@reads
def report(
    folder: Folder,
    data: Data,
    out: Annotated[Path, typer.Option(help="The page, as .html.")],
    overwrite: Overwrite = False,
    train: Train = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Judge the model's samples beside real rows.")
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(help="With --synthetic: the column to foretell, trained on samples, tested on DATA."),
    ] = None,
    samples: Samples = SAMPLES,
    method: Method = "auto",
    labels: Labels = None,
    seed: Seed = 0,
    json: Json = False,
    memory: Memory | None = None,
    reading: Reading = AS_FOUND,
) -> int:
    """One page on a saved model: the verdict, log p(x) with its errors, pictures, and how it was made.

    The page needs no network and no other file. The exit status is 1, and the rows are named, where log p(x)
    of some is not finite; the page is of the others. With --synthetic the samples of a model are judged:
    margins, pairs of columns, whether a classifier tells them from real rows, what they are good for
    (--target), and whether they are copies.

    Example: lowerbound report runs/digits digits --out report.html
    """
    from lowerbound.cli.advice import as_option
    from lowerbound.cli.console import Console, plain_warnings, print_report, say
    from lowerbound.cli.inputs import run_and_rows, training_rows
    from lowerbound.cli.outputs import usable_file
    from lowerbound.workflow import report

    usable_file(out, (".html",), overwrite)
    run, source = run_and_rows(folder, data, labels, reading, memory=memory, impossible=True)
    known = training_rows(run, train, memory)
    with plain_warnings():
        page = report(
            run,
            source,
            train=known,
            synthetic=synthetic,
            target=target,
            samples=samples,
            method=method,
            seed=seed,
            watch=Console(),
            wording=as_option,
        )
    try:
        size = page.write(out)
    except OSError as error:
        say(f"lowerbound: --out {out}: not written: {error.strerror or error}")
        return 1
    print_report(page, data, out, size, json)
    return 1 if page.evaluation.metrics.rows_not_finite else 0
