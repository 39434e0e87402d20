"""`lowerbound impute`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Data, Folder, Id, Json, Labels, Overwrite, Seed, Unseen
from lowerbound.cli.reading import reads

if TYPE_CHECKING:
    import numpy as np

    from lowerbound.data.sources import Source
    from lowerbound.inference.imputation import Imputation
    from lowerbound.runs import RunFolder

__all__ = ["impute"]


@reads
def impute(
    folder: Folder,
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            help="The table without holes, as .csv, .parquet or .npy, or a folder for parts of many files."
        ),
    ],
    draws: Annotated[
        int | None,
        typer.Option(
            min=1, help="Draws in place of means: so many tables, one below the other, numbered by `draw`."
        ),
    ] = None,
    intervals: Annotated[
        float | None,
        typer.Option(
            help="Besides, of each number with holes the ends of an interval that holds it with this "
            "probability, such as 0.9; of a category the probability of the level."
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Rows that had no part in training, by whose own values the intervals are moved until they "
            "hold as many as they say (conformal), where the model is not sure enough, or too sure.",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Samples of the latent variables a row.")] = 1000,
    labels: Labels = None,
    unseen: Unseen = None,
    id: Id = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    json: Json = False,
    reading: Reading = AS_FOUND,
) -> int:
    """Fill in what is missing: means, and of categories the most probable levels, given what was observed.

    With a folder for --out DATA may be many files, as `score` takes them, whose holes means fill.

    Example: lowerbound impute runs/adult adult.csv --out filled.csv
    """
    import lowerbound as lb
    from lowerbound.cli.console import report_written, say
    from lowerbound.cli.in_parts import asked_in_parts, write_in_parts
    from lowerbound.cli.inputs import rows_for, run_and_rows
    from lowerbound.cli.outputs import ARRAYS, called, usable_file, write_rows
    from lowerbound.cluster.maps import Impute

    in_parts = asked_in_parts(out)
    _check_asked(draws, intervals, calibration, in_parts)
    if in_parts:
        row_map = Impute(folder, seed, unseen, reading, samples=samples)
        return write_in_parts(row_map, data, out, id, overwrite, json)
    usable_file(out, ARRAYS, overwrite)
    run, source = run_and_rows(folder, data, labels, reading, unseen, holes=True, impossible=True)
    if source.fault is not None:
        if not source.impossible_by_copies:
            raise source.fault
        say(f"{source.fault}: what is filled in goes by the column that is copied")
    rows_are = source.row_names(id)
    options: dict[str, Any] = {"samples": samples, "key": seed}
    if intervals is not None:
        known = None if calibration is None else rows_for(run, calibration, labels, reading, unseen).rows
        found = lb.imputed(run.model, source.rows, draws=0, interval=intervals, calibration=known, **options)
        columns, names = called(rows_are, _with_intervals(run, source, found), out)
    elif draws is None:
        filled = lb.impute(run.model, source.rows, mean=True, **options)
        columns, names = called(rows_are, _completed(run, source, filled), out)
    else:
        tables = lb.impute(run.model, source.rows, draws=draws, **options)
        columns, names = _drawn([called(rows_are, _completed(run, source, x), out) for x in tables])
    write_rows(out, columns, names, run.own_types)
    report_written(out, len(columns[0]), len(columns), json)
    return 0


def _check_asked(draws: int | None, intervals: float | None, calibration: str | None, in_parts: bool) -> None:
    """Whether what is asked for besides means goes together."""
    if in_parts and (draws, intervals) != (None, None):
        raise ValueError("--out: a folder takes means alone; leave out --draws and --intervals")
    if draws is not None and intervals is not None:
        raise ValueError("--draws: draws have no --intervals, which go with means; leave one of them out")
    if calibration is not None and intervals is None:
        raise ValueError("--calibration: is of intervals; give --intervals, such as 0.9, with it")


def _drawn(
    tables: Sequence[tuple[Sequence[np.ndarray], Sequence[str]]],
) -> tuple[list[np.ndarray], list[str]]:
    """Drawn tables below each other, each with its number."""
    import numpy as np

    numbers = np.repeat(np.arange(len(tables)), len(tables[0][0][0]))
    columns = map(np.concatenate, zip(*(table for table, _ in tables), strict=True))
    return [numbers, *columns], ["draw", *tables[0][1]]


def _completed(run: RunFolder, source: Source, x: np.ndarray) -> tuple[list[np.ndarray], list[str]]:
    """The columns of the source with its holes filled by encoded rows, and their names."""
    from lowerbound.inference.completion import completed_columns

    columns, names = run.own_units(x)
    if run.schema is not None and source.table is not None:
        columns = completed_columns(run.schema, source.table, x)
    return [*columns], [*names]


def _with_intervals(run: RunFolder, source: Source, found: Imputation) -> tuple[list[np.ndarray], list[str]]:
    """The table of means, and behind each column with holes what is known of them."""
    import numpy as np

    holes = np.isnan(source.x).any(0)
    encoded = source.names
    if run.schema is not None:
        encoded = tuple(column.name for column in run.schema.encoded)
        holes = holes[[*run.schema.firsts]]
    holed = {name for name, hole in zip(encoded, holes, strict=True) if hole}
    (filled, names), (lower, _), (upper, _) = (
        _completed(run, source, table) for table in (found.mean, found.lower, found.upper)
    )
    columns, labels = [], []
    for place, name in enumerate(names):
        columns.append(filled[place])
        labels.append(name)
        if name not in holed:
            continue
        levels = found.probabilities.get(name, found.probabilities.get(place))
        if levels is None:
            columns += [lower[place], upper[place]]
            labels += [f"{name}_lower", f"{name}_upper"]
        else:
            columns.append(levels.max(1))
            labels.append(f"{name}_probability")
    return columns, labels
