"""A report on a saved model: one page of HTML that needs nothing else, the verdict first.

The page has no script and asks for nothing: its style is in it, its pictures are inline SVG, and its
policy (`Content-Security-Policy`) forbids the rest. Whatever came from outside, the name of a file, of a
column or of a label, is escaped where it enters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from importlib.metadata import version
from string import Template
from typing import Any

import numpy as np

from lowerbound.archive.records import HistoryRecord, Provenance
from lowerbound.baselines.comparison import Evaluation, finite_evidence, finite_rows
from lowerbound.data.sources import Source
from lowerbound.diagnosis.advice import Advice
from lowerbound.diagnosis.diagnosis import Diagnosis
from lowerbound.models.vae import VAE
from lowerbound.pages.checks import checks
from lowerbound.pages.head import head
from lowerbound.pages.html import paragraph, section
from lowerbound.pages.molecules import molecules
from lowerbound.pages.numbers import numbers
from lowerbound.pages.origin import origin
from lowerbound.pages.pictures import COLUMNS, gallery
from lowerbound.pages.synthetic import synthetic
from lowerbound.synthetic.quality import SyntheticQuality

__all__ = ["page"]


def page(
    model: VAE,
    source: Source,
    evaluation: Evaluation,
    diagnosis: Diagnosis,
    *,
    provenance: Provenance | None = None,
    settings: Mapping[str, Any] | None = None,
    history: Sequence[HistoryRecord] = (),
    train: np.ndarray | None = None,
    quality: SyntheticQuality | None = None,
    seed: int = 0,
    wording: Callable[[Advice], str] = str,
) -> str:
    """The report on a model as an HTML page: the verdict, the numbers with their errors, the pictures, and
    how the model was made.

    A function of its arguments: the same call gives the same page.

    **Arguments:** `source`: the rows that are reported on; `evaluation`: of them
    ([`lowerbound.baselines.comparison.compared`][]), and `diagnosis`: of those that are finite
    ([`lowerbound.diagnosis.diagnose.diagnose`][]): the page names the others and is of these; `provenance`:
    how the model came about; `settings`: of the estimator that it is of; `history`: a record a chunk of the
    training, as `fit` returns; `train`: the rows that trained the model, among which the nearest to samples
    are looked for; `quality`: that of the model's samples, beside the training rows where they are known;
    `seed`: of the samples that are drawn for the pictures; `wording`: how the page spells an
    advice, as Python unless said.
    """
    from lowerbound.figures.run import OF_MOLECULES, pictures_of
    from lowerbound.figures.shown import Shown

    finite, evidence = finite_rows(source, evaluation), finite_evidence(source, evaluation)
    metrics = evaluation.metrics
    title = f"Report on {source.name}"
    shown = Shown.of(
        model,
        finite,
        held_out=not metrics.rows_trained_on,
        history=history,
        train=train,
        evidence=evidence,
        diagnosis=diagnosis,
        columns=COLUMNS,
        seed=seed,
    )
    pictures = pictures_of(shown)
    structures = {name: pictures.pop(name) for name in OF_MOLECULES if name in pictures}
    body = [
        head(title, provenance, metrics, diagnosis),
        "<main>",
        checks(diagnosis, wording),
        numbers(metrics, evidence, diagnosis),
        "" if quality is None else synthetic(quality, "real rows" if train is None else "training rows"),
        ""
        if shown.molecules is None
        else molecules(shown.molecules, metrics, evidence, diagnosis, structures),
        section("pictures", "Pictures", gallery(pictures)),
        origin(model, source, metrics, provenance, settings, history, seed),
        "</main>",
        "<footer>" + paragraph(f"Made by lowerbound {version('lowerbound')}.") + "</footer>",
    ]
    template, colours = (
        resources.files("lowerbound.pages").joinpath(name).read_text("utf-8")
        for name in ("report.html", "colours.css")
    )
    return Template(template).substitute(title=escape(title), colours=colours, body="\n".join(body))
