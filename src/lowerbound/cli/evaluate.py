"""`lowerbound evaluate`."""

from __future__ import annotations

import os
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lowerbound.cli.options import Json, Labels, Method, Samples, Seed, Train

if TYPE_CHECKING:
    import numpy as np

    from lowerbound.archive.store import Saved
    from lowerbound.diagnosis.diagnosis import Verdict

__all__ = ["evaluate"]


def evaluate(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="DIR... DATA", help="One or more folders that `fit` wrote, and the rows."),
    ],
    samples: Samples = 5000,
    method: Method = "importance",
    labels: Labels = None,
    diagnosis: Annotated[
        bool,
        typer.Option("--diagnosis/--no-diagnosis", help="Say what is wrong with a single model."),
    ] = True,
    train: Train = None,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """The bound and log p(x) of saved models with their errors, beside baselines on the same rows; and what
    is wrong with a single one, with the option to change.

    Of two or more models the differences to the first are paired over rows. A call that was interrupted goes
    on where it was. The exit status is 1 where log p(x) of a row is not finite; such rows are named.

    Example: lowerbound evaluate runs/digits digits
    """
    from lowerbound.archive.store import read
    from lowerbound.baselines import load_baselines
    from lowerbound.cli.console import (
        Progress,
        compilation_cache,
        print_differences,
        print_metrics,
        print_verdicts,
        say,
    )
    from lowerbound.cli.files import without_nan
    from lowerbound.cli.inputs import rows_for
    from lowerbound.workflow import differences, evaluate

    *folders, data = arguments
    if not folders:
        raise ValueError(f"evaluate: expected DIR... DATA, found {data} alone; name the rows, such as digits")
    models = {folder: read(folder) for folder in folders}
    compilation_cache()
    evaluations = {}
    for folder, saved in models.items():
        source = rows_for(saved, data, labels)
        beside = Path(folder) / "baselines.safetensors"
        baselines = load_baselines(beside) if beside.exists() else {}
        say(f"{folder}: log p(x) of {len(source.x)} rows of {source.name}, {samples} samples a row")
        with Progress("row", len(source.x)) as progress:
            evaluations[folder] = evaluate(
                saved,
                source.x,
                baselines,
                samples=samples,
                method=method,
                seed=seed,
                callbacks=[progress.scoring],
                unfinished=Path(folder) / "evidence.unfinished" if os.access(folder, os.W_OK) else None,
            )
    metrics = {folder: evaluation.metrics for folder, evaluation in evaluations.items()}
    status = 1 if any(record["rows_not_finite"] for record in metrics.values()) else 0
    if len(folders) == 1:
        (only,) = metrics.values()
        if not json:
            print_metrics(only)
        if diagnosis:
            verdicts = _verdicts(
                Path(folders[0]), saved, source.x[evaluations[folders[0]].evidence.finite], train, seed
            )
            only["verdicts"] = [asdict(verdict) for verdict in verdicts]
            if not json:
                print_verdicts(verdicts)
        if json:
            print(dumps(without_nan(only), indent=1))
        return status
    paired = differences(evaluations)
    if json:
        print(dumps(without_nan({"models": metrics, "differences": paired}), indent=1))
        return status
    for folder, record in metrics.items():
        print(f"{folder}")
        print_metrics(record)
    print_differences(folders[0], paired)
    return status


def _verdicts(folder: Path, saved: Saved, x: np.ndarray, train: str | None, seed: int) -> tuple[Verdict, ...]:
    from lowerbound.cli.console import plain_warnings, say
    from lowerbound.cli.inputs import history_of, training_rows
    from lowerbound.diagnosis.diagnose import diagnose

    if len(x) < 2:
        return ()
    say("looking for what may be wrong")
    with plain_warnings():
        return diagnose(
            saved.model,
            x,
            train=training_rows(saved, train, None),
            history=history_of(folder) or None,
            key=seed,
        ).verdicts
