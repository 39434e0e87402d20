"""`lowerbound evaluate`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Chains, Json, Labels, Method, Samples, Seed, Train
from lowerbound.cli.reading import reads
from lowerbound.data.mapped.memory import Memory
from lowerbound.evidence.defaults import CHAINS, SAMPLES

if TYPE_CHECKING:
    from lowerbound.baselines.comparison import Evaluation
    from lowerbound.data.sources import Source
    from lowerbound.diagnosis.diagnosis import Verdict
    from lowerbound.runs import RunFolder

__all__ = ["evaluate"]


@reads
def evaluate(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="DIR... DATA", help="One or more folders that `fit` wrote, and the rows."),
    ],
    samples: Samples = SAMPLES,
    chains: Chains = CHAINS,
    method: Method = "auto",
    labels: Labels = None,
    diagnosis: Annotated[
        bool,
        typer.Option("--diagnosis/--no-diagnosis", help="Say what is wrong with a single model."),
    ] = True,
    train: Train = None,
    seed: Seed = 0,
    json: Json = False,
    memory: Memory | None = None,
    reading: Reading = AS_FOUND,
) -> int:
    """The bound and log p(x) of saved models with their errors, beside baselines on the same rows; and what
    is wrong with a single one, with the option to change.

    Of two or more models the differences to the first are paired over rows. A call that was interrupted goes
    on where it was. The exit status is 1 where log p(x) of a row is not finite; such rows are named.

    Example: lowerbound evaluate runs/digits digits
    """
    from lowerbound.cli.console import compilation_cache, print_comparison, print_findings, print_metrics
    from lowerbound.cli.inputs import rows_for, training_rows
    from lowerbound.runs import RunFolder

    *folders, data = arguments
    if not folders:
        raise ValueError(f"evaluate: expected DIR... DATA, found {data} alone; name the rows, such as digits")
    runs = {folder: RunFolder.read(folder) for folder in folders}
    compilation_cache()
    sources = {folder: rows_for(run, data, labels, reading, memory=memory) for folder, run in runs.items()}
    evaluations = {
        folder: _evaluated(run, sources[folder], samples, chains, method, seed)
        for folder, run in runs.items()
    }
    if len(folders) == 1:
        ((folder, evaluation),) = evaluations.items()
        if not json:
            print_metrics(evaluation.metrics)
        verdicts = None
        if diagnosis:
            trained = training_rows(runs[folder], train, memory)
            verdicts = _verdicts(runs[folder], sources[folder], evaluation, trained, seed)
        print_findings(evaluation.metrics, verdicts, json)
    else:
        print_comparison(evaluations, json)
    return 1 if any(evaluation.metrics.rows_not_finite for evaluation in evaluations.values()) else 0


def _evaluated(
    run: RunFolder,
    source: Source,
    samples: int,
    chains: int,
    method: Method,
    seed: int,
) -> Evaluation:
    """One model, with progress; what was done of it is kept where the call is interrupted."""
    from lowerbound.cli.console import Console, plain_warnings
    from lowerbound.workflow import evaluate

    watch = Console()
    watch.said(f"{run.path}: log p(x) of {len(source.x)} rows of {source.name}")
    unfinished = run.path / "evidence.unfinished" if os.access(run.path, os.W_OK) else None
    with plain_warnings(), watch.scoring(len(source.x)) as told:
        return evaluate(
            run,
            source,
            samples=samples,
            chains=chains,
            method=method,
            seed=seed,
            callbacks=[told],
            unfinished=unfinished,
        )


def _verdicts(
    run: RunFolder, source: Source, evaluation: Evaluation, trained: Source | None, seed: int
) -> tuple[Verdict, ...]:
    """What is wrong with a single model."""
    from lowerbound.baselines.comparison import finite_rows
    from lowerbound.cli.console import plain_warnings, say
    from lowerbound.diagnosis.diagnose import diagnose

    x = finite_rows(source, evaluation).x
    if len(x) < 2:
        return ()
    say("looking for what may be wrong")
    with plain_warnings():
        known = None if trained is None else trained.x
        return diagnose(run.model, x, train=known, history=run.history or None, key=seed).verdicts
