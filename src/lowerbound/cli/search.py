"""`lowerbound search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Folder, Json, Overwrite, Seed
from lowerbound.cli.reading import reads
from lowerbound.parts import default, names

if TYPE_CHECKING:
    from lowerbound.data.sources import Source
    from lowerbound.runs import RunFolder
    from lowerbound.searching.found import Found

__all__ = ["search"]


@reads
def search(
    folder: Folder,
    score: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What is to be large: a column of numbers, or of molecules logp, penalised-logp, qed, sa or "
            "weight. A function of your own is searched for in Python (lb.search).",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="Rows that say where codes have mass, and that a method begins with [default: those that "
            "trained the model, where they were].",
        ),
    ] = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="Search for rows that score low.")] = False,
    method: Annotated[
        str,
        typer.Option(help=f"One of {', '.join(names('search'))}; the last two are what others have to beat."),
    ] = default("search"),
    calls: Annotated[int, typer.Option(help="How many rows are scored at most.")] = 1000,
    batch: Annotated[int, typer.Option(help="How many at once.")] = 20,
    start: Annotated[
        int | None,
        typer.Option(help="Rows of DATA, of the calls, that a method begins with [default: a fifth]."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="A file in which each call is kept; said again, a search that was stopped goes on."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="All rows with their scores, best first, as .csv, .parquet or .npy.")
    ] = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    json: Json = False,
    reading: Reading = AS_FOUND,
) -> int:
    """Search the latent space for codes whose decoded rows score high, where the aggregate posterior has
    mass; each row that is scored is a call.

    Example: lowerbound search runs/zinc --score qed --calls 500 --out best.csv
    """
    import lowerbound as lb
    from lowerbound.cli.console import Progress, compilation_cache
    from lowerbound.cli.outputs import ARRAYS, usable_file
    from lowerbound.runs import RunFolder
    from lowerbound.searching.named import score_named

    if out is not None:
        usable_file(out, ARRAYS, overwrite)
    run = RunFolder.read(folder)
    scored, columns = score_named(score, run.schema)
    compilation_cache()
    with Progress("call", calls) as progress:
        found = lb.search(
            run,
            scored,
            calls=calls,
            method=method,
            data=_rows(run, data, reading),
            batch=batch,
            start=start,
            columns=columns,
            minimize=minimize,
            log=log,
            random_state=seed,
            callbacks=[progress.searching],
        )
    _written(found, run, out, json)
    return 0


def _rows(run: RunFolder, data: str | None, reading: Reading) -> Source | None:
    """The rows that `data` names, else those that trained the model, as far as they are found."""
    from lowerbound.cli.inputs import rows_for, training_rows

    return training_rows(run, None) if data is None else rows_for(run, data, None, reading)


def _written(found: Found, run: RunFolder, out: Path | None, json: bool) -> None:
    from lowerbound.cli.console import say
    from lowerbound.cli.outputs import print_json, write_rows

    columns = found.columns()
    if out is not None:
        write_rows(out, [*columns.values()], [*columns], run.own_types)
    if json:
        best = {name: getattr(found.first(10), name).tolist() for name in ("score", "call", "nats")}
        print_json({"method": found.method, "calls": found.calls, "limit": found.limit, "best": best})
    else:
        print(found)
    if out is not None:
        say(f"wrote {out} ({len(found)} rows of {len(columns)})")
