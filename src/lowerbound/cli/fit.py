"""`lowerbound fit`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.distributed import Together
from lowerbound.cli.kinds import kinds_said, weights_said
from lowerbound.cli.options import (
    Data,
    Json,
    Kinds,
    Labels,
    Method,
    Overwrite,
    Samples,
    SchemaFile,
    Seed,
    Unseen,
)
from lowerbound.cli.reading import reads
from lowerbound.data.defaults import WINDOW
from lowerbound.data.mapped.memory import Memory
from lowerbound.evidence.defaults import SAMPLES
from lowerbound.parts import Mechanism, default, grouped, names
from lowerbound.training import defaults
from lowerbound.training.checkpoint import EVERY
from lowerbound.training.patience import Patience
from lowerbound.training.plan import steps_of

if TYPE_CHECKING:
    from lowerbound.runs import RunFolder

__all__ = ["fit"]


@reads
def fit(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="The folder to write the model, metrics and pictures into.")],
    overwrite: Overwrite = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the checkpoints in --out, or begin where there are none. All else is to be said "
            "as it was, but for --epochs, --patience, --minutes, --checkpoint-every and --devices.",
        ),
    ] = False,
    checkpoint_every: Annotated[
        str, typer.Option(help="Time between two checkpoints, as 90 s, 5 min or 2 h: what a crash may cost.")
    ] = EVERY,
    test: Annotated[
        str | None,
        typer.Option(
            help="Rows to report on, never trained on: DATA, or a share of the rows "
            "[default: 0.1, at most 2,000 rows; for digits its own test rows]."
        ),
    ] = None,
    latent_dim: Annotated[int, typer.Option(help="Latent dimensions; 2 also draw the manifold.")] = 10,
    likelihood: Annotated[
        str, typer.Option(help=f"The likelihood's family: {', '.join(names('likelihood'))}.")
    ] = default("likelihood"),
    binarize: Annotated[
        str | None,
        typer.Option(
            help=f"Make grey values 0 or 1: {', '.join(names('binarize'))} (dynamic: at each step anew)."
        ),
    ] = None,
    posterior: Annotated[str, typer.Option(help=f"The family over z: {grouped('posterior')}.")] = default(
        "posterior"
    ),
    prior: Annotated[
        str, typer.Option(help=f"The prior, over the set of the posterior: {', '.join(names('prior'))}.")
    ] = default("prior"),
    network: Annotated[
        str, typer.Option(help=f"{', '.join(names('network'))} (conv: for images; sequence-…: for text).")
    ] = default("network"),
    width: Annotated[int, typer.Option(help="Units of a hidden layer.")] = 256,
    depth: Annotated[int, typer.Option(help="Hidden layers of an MLP.")] = 2,
    objective: Annotated[
        str, typer.Option(help=f"The bound to be maximised: {', '.join(names('objective'))}.")
    ] = default("objective"),
    gradient: Annotated[
        str, typer.Option(help=f"How its gradient is estimated: {', '.join(names('gradient'))}.")
    ] = default("gradient"),
    beta: Annotated[float, typer.Option(help="Weight of the KL in the ELBO.")] = 1.0,
    warm_up: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Steps in which that weight rises from 0, so that z is put to use [default: for text half "
            "of all, at most 4,000; else 0].",
        ),
    ] = None,
    free_nats: Annotated[
        float,
        typer.Option(
            min=0, help="Nats of a row's KL that cost nothing in the ELBO: z is used at least so much."
        ),
    ] = 0.0,
    column_weights: Annotated[
        str | None,
        typer.Option(
            metavar="A=WEIGHT,…",
            help="What columns' terms of log p(x|z) count in the ELBO [default: 1 each].",
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Columns that the encoder does not see: properties that the code of the others tells.",
        ),
    ] = None,
    window: Annotated[
        int,
        typer.Option(
            min=1, help="Tokens before each that the decoder of a text sees; fewer: more comes through z."
        ),
    ] = WINDOW,
    missing_mechanism: Annotated[
        Mechanism,
        typer.Option(
            help="Why values are missing: for nothing that they are, or, of numbers, for that, of which high "
            "or low ones may be known to be missing more often."
        ),
    ] = "at-random",
    epochs: Annotated[
        float | None,
        typer.Option(help="Passes over the training rows [default: what makes 4,000 steps, 40 to 400]."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Rows a step.")] = defaults.BATCH_SIZE,
    learning_rate: Annotated[float, typer.Option(help="NAdam's, at its height.")] = defaults.LEARNING_RATE,
    precision: Annotated[
        str | None,
        typer.Option(
            help="bfloat16: multiply in 16 bits, faster where the processor can; tensorfloat32: in 19, on a "
            "GPU [default: float32]."
        ),
    ] = None,
    validation: Annotated[
        float, typer.Option(help="Share of the training rows that choose the stopping point.")
    ] = defaults.VALIDATION,
    patience: Annotated[
        float, typer.Option(help="Epochs without a better bound before training stops.")
    ] = defaults.PATIENCE,
    minutes: Annotated[
        float | None,
        typer.Option(help="Stop training at the first look after so many minutes [default: no limit]."),
    ] = None,
    samples: Samples = SAMPLES,
    method: Method = "auto",
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Fit the classical baselines as well.")
    ] = True,
    report: Annotated[
        bool, typer.Option("--report", help="Write the page of `report` on the held-out rows as well.")
    ] = False,
    labels: Labels = None,
    kinds: Kinds = None,
    schema: SchemaFile = None,
    unseen: Unseen = None,
    devices: Annotated[
        int | None, typer.Option(help="Local devices that share a batch [default: all].")
    ] = None,
    coordinator: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of process 0, where several processes train together on one folder."),
    ] = None,
    processes: Annotated[int | None, typer.Option(help="How many processes train together.")] = None,
    process: Annotated[int | None, typer.Option(help="Which of them this is, from 0.")] = None,
    distributed: Annotated[
        bool,
        typer.Option("--distributed", help="Find the other processes, under SLURM, Open MPI or Kubernetes."),
    ] = False,
    seed: Seed = 0,
    json: Json = False,
    memory: Memory | None = None,
    reading: Reading = AS_FOUND,
) -> int:
    """Train a VAE and report on rows that it has not seen.

    Writes model.safetensors, provenance.json, metrics.json, history.jsonl, baselines.safetensors, the
    fingerprints of the rows that trained it (rows.safetensors) and pictures; with --report, report.html.
    Ctrl-C and SIGTERM end it with what is trained saved in DIR/checkpoints (exit status 130 and 143), and the
    command that goes on is printed; the checkpoints go when the run is whole.

    Example: lowerbound fit digits --latent-dim 10 --out runs/digits
    """
    from lowerbound.assembly import build, objective_named, weights_of_columns
    from lowerbound.cli.advice import as_option
    from lowerbound.cli.console import Console, compilation_cache, plain_warnings, say
    from lowerbound.cli.inputs import training_and_held_out
    from lowerbound.cli.stops import check_folder, options_of, stops, whole_run
    from lowerbound.workflow import train_run

    writes = Together(coordinator, processes, process, distributed).join()
    if resume and (run := whole_run(out)) is not None:
        return _shown(run, json)
    check_folder(out, overwrite, resume, checkpoint_every, writes=writes)
    said, within = kinds_said(kinds, schema), None if memory is None else memory.beside(out)
    train, held_out = training_and_held_out(data, test, labels, seed, reading, said, unseen, within, targets)
    compilation_cache()
    built = build(train.rows, likelihood=likelihood, binarize=binarize, posterior=posterior, prior=prior,
        network=network, latent_dim=latent_dim, width=width, depth=depth, window=window, key=seed,
        missing_mechanism=missing_mechanism)  # fmt: skip
    say(f"{train.name}: {train.rows.taking_part} rows of {train.x.shape[1]}; {built.words}")
    steps = steps_of(train.rows.taking_part, batch_size, epochs, validation)
    weights = weights_of_columns(weights_said(column_weights), train.rows.schema)
    aim = objective_named(objective, beta, gradient, built.model, weights, warm_up, steps, free_nats)
    with plain_warnings(), stops(out):
        run = train_run(
            out, built.model, train, held_out, wording=as_option, epochs=epochs, objective=aim,
            batch_size=batch_size, learning_rate=learning_rate, precision=precision, validation=validation,
            patience=Patience(patience, minutes), devices=devices, baselines=baselines, samples=samples,
            method=method, options=options_of(context), seed=seed, checkpoint_every=checkpoint_every,
            command=shlex.join(["lowerbound", *sys.argv[1:]]), resume=resume, report=report,
            watch=Console() if writes else None, memory=defaults.MEMORY if memory is None else memory.limit,
        )  # fmt: skip
    return _shown(run, json) if writes else 0


def _shown(run: RunFolder, json: bool) -> int:
    """What was measured, printed; the exit status."""
    from lowerbound.cli.console import print_metrics
    from lowerbound.cli.outputs import print_json

    if run.metrics is None or run.provenance is None:
        raise FileNotFoundError(f"{run.path}: expected the run that was written, found it gone")
    print_json(run.metrics) if json else print_metrics(run.metrics)
    return 1 if run.provenance.stopped == "not finite" or run.metrics.rows_not_finite else 0
