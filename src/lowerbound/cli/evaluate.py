"""`lowerbound evaluate`."""

from __future__ import annotations

import os
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from lowerbound.cli.options import Json, Labels, Method, Samples, Seed

__all__ = ["evaluate"]


def evaluate(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="DIR... DATA", help="One or more folders that `fit` wrote, and the rows."),
    ],
    samples: Samples = 5000,
    method: Method = "importance",
    labels: Labels = None,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """The bound and log p(x) of saved models with their errors, beside baselines on the same rows.

    Of two or more models the differences to the first are paired over rows. A call that was interrupted goes
    on where it was. The exit status is 1 where log p(x) of a row is not finite; such rows are named.

    Example: lowerbound evaluate runs/digits digits
    """
    from lowerbound.baselines import load_baselines
    from lowerbound.cli.console import Progress, compilation_cache, print_differences, print_metrics, say
    from lowerbound.cli.files import without_nan
    from lowerbound.cli.inputs import rows_for
    from lowerbound.evaluation import differences, evaluate
    from lowerbound.store import read

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
                method=method,  # type: ignore[arg-type]
                seed=seed,
                callbacks=[progress.scoring],
                unfinished=Path(folder) / "evidence.unfinished" if os.access(folder, os.W_OK) else None,
            )
    metrics = {folder: evaluation.metrics for folder, evaluation in evaluations.items()}
    status = 1 if any(record["rows_not_finite"] for record in metrics.values()) else 0
    if len(folders) == 1:
        (only,) = metrics.values()
        print(dumps(without_nan(only), indent=1)) if json else print_metrics(only)
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
