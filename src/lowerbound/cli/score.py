"""`lowerbound score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import (
    Chains,
    Data,
    Folder,
    Id,
    Json,
    Labels,
    Method,
    Overwrite,
    Samples,
    Seed,
    Unseen,
)
from lowerbound.cli.reading import reads
from lowerbound.evidence.defaults import CHAINS, SAMPLES

if TYPE_CHECKING:
    import numpy as np

    from lowerbound.data.sources import Source
    from lowerbound.runs import RunFolder

__all__ = ["score"]


@reads
def score(
    folder: Folder,
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="A table as .csv, .parquet or .npy [default: CSV on standard output].")
    ] = None,
    samples: Samples = SAMPLES,
    chains: Chains = CHAINS,
    method: Method = "auto",
    calibration: Annotated[
        str | None,
        typer.Option(
            help="Usual rows, as DATA, that neither trained the model nor chose it: adds the conformal "
            "p-value of each row."
        ),
    ] = None,
    labels: Labels = None,
    unseen: Unseen = None,
    id: Id = None,
    overwrite: Overwrite = False,
    seed: Seed = 0,
    json: Json = False,
    reading: Reading = AS_FOUND,
) -> int:
    """Log p(x) of each row in nats, with its standard error, effective sample size and Pareto k-hat; with
    --calibration its p-value besides, which of a row like those there is at most α with a probability of α.

    Example: lowerbound score runs/digits digits:test --out scores.csv
    """
    import numpy as np

    import lowerbound as lb
    from lowerbound.cli.console import report_written, say
    from lowerbound.cli.inputs import calibration_rows, run_and_rows
    from lowerbound.cli.outputs import ARRAYS, called, print_csv, usable_file, write_rows

    if out is not None:
        usable_file(out, ARRAYS, overwrite)
    run, source = run_and_rows(folder, data, labels, reading, unseen, impossible=True)
    if source.fault is not None:
        say(f"{source.fault}: log p(x) is −∞")
    rows_are = source.row_names(id)
    usual = None if calibration is None else calibration_rows(run, calibration)
    budget: dict[str, Any] = {"samples": samples, "chains": chains, "method": method, "key": seed}
    columns: tuple[str, ...] = ("log_prob", "standard_error", "effective_sample_size", "k_hat")
    inside = _with_mass(run, source)
    table = np.full((len(inside), len(columns)), np.nan)
    table[:, 0] = -np.inf
    if inside.any():
        evidence = lb.log_evidence(run.model, source.rows[inside], **budget)
        table[inside] = np.stack([getattr(evidence, name) for name in columns], axis=1)
    if usual is not None:
        known = lb.log_evidence(run.model, usual.rows, **budget)
        p = lb.conformal_p_values(table[:, 0], known.log_prob)
        columns, table = (*columns, "p_value"), np.c_[table, p]
    written = called(rows_are, ([*table.T], columns), out)
    if out is None:
        print_csv(*written)
    else:
        write_rows(out, *written)
        report_written(out, len(table), table.shape[1], json)
    return 0


def _with_mass(run: RunFolder, source: Source) -> np.ndarray:
    """Which rows lie where the model has mass; the first of the others, such as a count above the greatest
    that there may be, is said."""
    import numpy as np

    from lowerbound.cli.console import say
    from lowerbound.data.errors import DataError
    from lowerbound.data.rows import checked, rows_outside
    from lowerbound.text import counted

    try:
        checked(run.model, source.rows, name=source.name)
    except DataError as error:
        missing = np.isnan(source.x).any() and not run.model.takes_missing
        if error.place.row is None or missing or not (outside := rows_outside(run.model, source.x)).any():
            raise
        say(f"{error}: log p(x) is −∞ for {counted(int(outside.sum()), 'row')}")
        return ~outside
    return np.ones(len(source.x), bool)
