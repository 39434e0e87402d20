"""`lowerbound score`."""

from __future__ import annotations

import math
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
from lowerbound.data.mapped.memory import Memory
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
        Path | None,
        typer.Option(
            help="A table as .csv, .parquet or .npy, or a folder for parts of many files [default: CSV on "
            "standard output]."
        ),
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
    memory: Memory | None = None,
    reading: Reading = AS_FOUND,
) -> int:
    """Log p(x) of each row in nats, with its standard error, effective sample size and Pareto k-hat; with
    --calibration its p-value besides, which of a row like those there is at most α with a probability of α.

    With a folder for --out DATA may be many files, by a pattern in quotation marks or a folder of tables:
    each, or each row group of one, becomes a part, and a call that was interrupted goes on.

    Example: lowerbound score runs/digits digits:test --out scores.csv
    """
    from lowerbound.cli.console import report_written, say
    from lowerbound.cli.in_parts import asked_in_parts, write_in_parts
    from lowerbound.cli.inputs import run_and_rows
    from lowerbound.cli.outputs import ARRAYS, called, print_csv, usable_file, write_rows
    from lowerbound.cluster.maps import Score
    from lowerbound.runs import RunFolder

    budget: dict[str, Any] = {"samples": samples, "chains": chains, "method": method}
    if asked_in_parts(out):
        usual = _log_prob_of(calibration, RunFolder.read(folder), budget, seed)
        row_map = Score(folder, seed, unseen, reading, calibration=usual, **budget)
        return write_in_parts(row_map, data, out, id, overwrite, json)
    if out is not None:
        usable_file(out, ARRAYS, overwrite)
    run, source = run_and_rows(folder, data, labels, reading, unseen, memory, impossible=True)
    if source.fault is not None:
        say(f"{source.fault}: log p(x) is −∞")
    rows_are = source.row_names(id)
    scores = _scores(run, source, _log_prob_of(calibration, run, budget, seed), budget, seed)
    written = called(rows_are, ([*scores.values()], [*scores]), out)
    if out is None:
        print_csv(*written)
    else:
        write_rows(out, *written)
        report_written(out, len(source.x), len(scores), json)
    return 0


def _scores(
    run: RunFolder, source: Source, usual: np.ndarray | None, budget: dict[str, Any], seed: int
) -> dict[str, np.ndarray]:
    """The columns of the table by name; p-values where log p(x) of `usual` rows is known."""
    import numpy as np

    import lowerbound as lb

    inside = _with_mass(run, source)
    rows = source.rows if inside.all() else source.rows[inside]
    evidence = lb.log_evidence(run.model, rows, key=seed, **budget) if len(rows) else None
    scores = {}
    for name, elsewhere in _COLUMNS.items():
        scores[name] = np.full(len(inside), elsewhere)
        if evidence is not None:
            scores[name][inside] = getattr(evidence, name)
    if usual is not None:
        scores["p_value"] = lb.conformal_p_values(scores["log_prob"], usual)
    return scores


# What is written of a row, and what stands there where the model has no mass.
_COLUMNS = {
    "log_prob": -math.inf,
    "standard_error": math.nan,
    "effective_sample_size": math.nan,
    "k_hat": math.nan,
}


def _log_prob_of(calibration: str | None, run: RunFolder, budget: dict[str, Any], seed: int) -> Any:
    """Log p(x) of the usual rows that `calibration` names; None where it names none."""
    import lowerbound as lb
    from lowerbound.cli.inputs import calibration_rows

    if calibration is None:
        return None
    return lb.log_evidence(run.model, calibration_rows(run, calibration).rows, key=seed, **budget).log_prob


def _with_mass(run: RunFolder, source: Source) -> np.ndarray:
    """Which rows lie where the model has mass; the first of the others is said."""
    from lowerbound.cli.console import say
    from lowerbound.data.rows import with_mass
    from lowerbound.text import counted

    inside, error = with_mass(run.model, source.rows, source.name)
    if error is not None:
        say(f"{error}: log p(x) is −∞ for {counted(int((~inside).sum()), 'row')}")
    return inside
