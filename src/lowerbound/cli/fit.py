"""`lowerbound fit`."""

from __future__ import annotations

from dataclasses import replace
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lowerbound.cli.options import Data, Json, Labels, Overwrite, Samples, Seed
from lowerbound.parts import default, grouped, names

if TYPE_CHECKING:
    import numpy as np

    from lowerbound.archive.store import Saved
    from lowerbound.baselines import Density
    from lowerbound.data.sources import Source

__all__ = ["fit"]


def fit(
    data: Data,
    out: Annotated[Path, typer.Option(help="The folder to write the model, metrics and pictures into.")],
    overwrite: Overwrite = False,
    test: Annotated[
        str | None,
        typer.Option(
            help="Rows to report on, never trained on: DATA, or a share of the rows "
            "[default: 0.1; for digits its own test rows]."
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
        str, typer.Option(help=f"{', '.join(names('network'))} (conv: for images).")
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
    epochs: Annotated[
        float | None,
        typer.Option(help="Passes over the training rows [default: what makes 4,000 steps, 40 to 400]."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Rows a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="NAdam's, at its height.")] = 2e-3,
    precision: Annotated[
        str | None,
        typer.Option(
            help="bfloat16: multiply in 16 bits, faster where the processor can [default: float32]."
        ),
    ] = None,
    validation: Annotated[
        float, typer.Option(help="Share of the training rows that choose the stopping point.")
    ] = 0.1,
    patience: Annotated[
        float, typer.Option(help="Epochs without a better bound before training stops.")
    ] = 40,
    samples: Samples = 1000,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Fit the classical baselines as well.")
    ] = True,
    labels: Labels = None,
    devices: Annotated[
        int | None, typer.Option(help="Local devices that share a batch [default: all].")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Train a VAE and report on rows that it has not seen.

    Writes model.safetensors, model.json, metrics.json, history.jsonl, baselines.safetensors and pictures.

    Example: lowerbound fit digits --latent-dim 10 --out runs/digits
    """
    import lowerbound as lb
    from lowerbound.archive.store import Saved, write
    from lowerbound.assembly import build, objective_named
    from lowerbound.cli.console import Progress, compilation_cache, plain_warnings, print_metrics, say
    from lowerbound.cli.files import provenance, usable_folder, without_nan, write_json, write_lines
    from lowerbound.cli.pictures import draw
    from lowerbound.data.chunks import observed
    from lowerbound.figures.run import Shown, undrawable
    from lowerbound.inference.fingerprints import fingerprints
    from lowerbound.training.fit import default_epochs
    from lowerbound.workflow import evaluate

    usable_folder(out, overwrite)
    train, held_out = _rows(data, test, labels, seed)
    compilation_cache()
    built = build(
        train.x,
        likelihood=likelihood,
        binarize=binarize,
        posterior=posterior,
        prior=prior,
        network=network,
        image_shape=train.image_shape,
        latent_dim=latent_dim,
        width=width,
        depth=depth,
        key=seed,
    )
    say(f"{train.name}: {len(train.x)} rows of {train.x.shape[1]}; {built.words}")
    for picture, why in undrawable(held_out.image_shape, len(held_out.x), latent_dim).items():
        say(f"lowerbound: warning: there will be no picture {picture!r}: {why}")
    if epochs is None:
        epochs = default_epochs(len(train.x), batch_size)
    with plain_warnings(), Progress("epoch", epochs) as progress:
        result = lb.fit(
            built.model,
            train.x,
            objective=objective_named(objective, beta, gradient),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            precision=precision,
            validation=validation,
            patience=patience,
            callbacks=[progress.training],
            devices=devices,
            key=seed,
        )
    chosen_on = result.validation_rows
    saved = Saved(
        model=result.model,
        provenance=provenance(train, result, seed),
        arrays={
            "train_rows": fingerprints(train.x[result.train_rows]),
            **({} if chosen_on is None else {"validation_rows": fingerprints(train.x[chosen_on])}),
        },
    )
    write(saved, out)
    write_lines(out / "history.jsonl", result.history)
    say(f"trained {int(result.state.step)} steps ({result.stopped}); the model is in {out}")
    # An earlier run's would be scored as this one's.
    (out / "baselines.safetensors").unlink(missing_ok=True)
    fitted = _baselines(saved, observed(saved.model, train.x, seed), out, seed) if baselines else {}
    say(f"log p(x) of {len(held_out.x)} rows of {held_out.name}, {samples} samples a row")
    with Progress("row", len(held_out.x)) as progress:
        callbacks = [progress.scoring]
        metrics = evaluate(saved, held_out.x, fitted, samples=samples, seed=seed, callbacks=callbacks).metrics
    write_json(out / "metrics.json", metrics)
    draw(
        Shown(
            saved.model,
            held_out.x,
            held_out.image_shape,
            held_out.labels,
            history=result.history,
            seed=seed,
        ),
        out,
    )
    print(dumps(without_nan(metrics), indent=1)) if json else print_metrics(metrics)
    return 1 if result.stopped == "not finite" or metrics["rows_not_finite"] else 0


def _rows(data: str, test: str | None, labels: str | None, seed: int) -> tuple[Source, Source]:
    """The rows to train on and those to report on, which alone need labels where they are a source of their
    own."""
    import numpy as np

    from lowerbound.cli.inputs import labelled
    from lowerbound.data.sources import open_source

    if data == "digits" and test is None:
        return open_source("digits:train"), labelled("digits:test", labels)
    try:
        share = 0.1 if test is None else float(test)
    except ValueError:
        return open_source(data, labels), labelled(str(test), labels)
    if not 0 < share < 1:
        raise ValueError(f"--test: expected DATA or a share between 0 and 1, found {test}")
    source = labelled(data, labels)
    if len(source.x) < 2:
        raise ValueError(f"{data}: expected at least 2 rows, one to train on and one to report on; found 1")
    order = np.random.default_rng(seed).permutation(len(source.x))
    held = max(1, round(share * len(order)))

    def taken(rows: np.ndarray, words: str) -> Source:
        kept = None if source.labels is None else source.labels[rows]
        return replace(source, x=source.x[rows], labels=kept, name=f"{data} ({words})")

    return taken(order[held:], "trained on"), taken(order[:held], "held out")


def _baselines(saved: Saved, rows: np.ndarray, out: Path, seed: int) -> dict[str, Density]:
    """The classical baselines, fitted to the training rows and kept beside the model."""
    from lowerbound.baselines import are_comparable, fit_baselines, save_baselines
    from lowerbound.cli.console import say
    from lowerbound.distributions.support import words

    family, transform = saved.model.likelihood.family, saved.model.transform
    if len(rows) < 10:
        say("no baselines: they need at least 10 rows")
        return {}
    if not are_comparable(family, transform):
        say(f"no baselines: none is in the measure of {words(family.support)}")
        return {}
    say("fitting baselines: factor analysis, Gaussian mixtures, and mixtures of the family by EM")
    fitted = fit_baselines(rows, family, transform=transform, seed=seed)
    save_baselines(fitted, out / "baselines.safetensors")
    return fitted
