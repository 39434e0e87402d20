"""`lowerbound report`."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from lowerbound.cli.options import Data, Folder, Json, Labels, Overwrite, Samples, Seed, Train

__all__ = ["report"]


def report(
    folder: Folder,
    data: Data,
    out: Annotated[Path, typer.Option(help="The page, as .html.")],
    overwrite: Overwrite = False,
    train: Train = None,
    samples: Samples = 1000,
    labels: Labels = None,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """One page on a saved model: the verdict, log p(x) with its errors, pictures, and how it was made.

    The page needs no network and no other file. The exit status is 1, and the rows are named, where log p(x)
    of some is not finite; the page is of the others.

    Example: lowerbound report runs/digits digits --out report.html
    """
    from lowerbound.archive.whole import write_whole
    from lowerbound.baselines import load_baselines
    from lowerbound.cli.advice import as_option
    from lowerbound.cli.console import Progress, plain_warnings, print_verdicts, say
    from lowerbound.cli.files import without_nan
    from lowerbound.cli.inputs import history_of, model_and_rows, training_rows
    from lowerbound.cli.outputs import usable_file
    from lowerbound.diagnosis.diagnose import diagnose
    from lowerbound.pages.report import report as page
    from lowerbound.text import named_rows
    from lowerbound.workflow import evaluate, finite_rows

    usable_file(out, (".html",), overwrite)
    saved, source = model_and_rows(folder, data, labels)
    n = len(source.x)
    if n < 2:
        raise ValueError(f"{data}: expected at least 2 rows, for an error; found {n}")
    history = history_of(folder)
    trained = training_rows(saved, train, labels)
    baselines = load_baselines(path) if (path := folder / "baselines.safetensors").exists() else {}
    say(f"{folder}: log p(x) of {n} rows of {source.name}, {samples} samples a row")
    with Progress("row", n) as progress:
        callbacks = [progress.scoring]
        evaluation = evaluate(saved, source.x, baselines, samples=samples, seed=seed, callbacks=callbacks)
    lost, finite = evaluation.metrics["rows_not_finite"], finite_rows(source, evaluation)
    if len(finite.x) < 2:
        raise FloatingPointError(f"{data}: log p(x) is finite for {len(finite.x)} of {n} rows: no report")
    say("looking for what may be wrong, drawing")
    with plain_warnings():
        diagnosis = diagnose(saved.model, finite.x, train=trained, history=history or None, key=seed)
        html = page(
            saved, source, evaluation, diagnosis, history=history, train=trained, seed=seed, wording=as_option
        )
    content = _encoded(html)
    try:
        write_whole(out, content)
    except OSError as error:
        say(f"lowerbound: --out {out}: not written: {error.strerror or error}")
        return 1
    verdicts = diagnosis.verdicts
    if json:
        found = [asdict(verdict) for verdict in verdicts]
        written = {
            "out": str(out),
            "bytes": len(content),
            "rows": n,
            "rows_not_finite": lost,
            "verdicts": found,
        }
        print(dumps(without_nan(written), indent=1))
    else:
        print_verdicts(verdicts)
        say(f"wrote {out} ({len(content) / 1e6:.1f} MB)")
    if lost:
        say(
            f"lowerbound: {data}: log p(x) or its bound is not finite for {named_rows(lost)} (counted from 0)"
        )
    return 1 if lost else 0


def _encoded(html: str) -> bytes:
    return html.encode("utf-8", "replace")  # a file's name may be no text
