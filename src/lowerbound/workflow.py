"""What a person does with data, whole: train a run, evaluate it, report on it. The verbs of the command line
are these with words around them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lowerbound.archive.records import Begun, DataRecord, Provenance, Split
from lowerbound.archive.whole import write_whole
from lowerbound.baselines import Density, are_comparable, by_cells, fit_baselines
from lowerbound.baselines.comparison import Evaluation, compared, finite_rows, scorable
from lowerbound.baselines.traces import Traces, sha256_of
from lowerbound.data.chunks import observed
from lowerbound.data.rows import Rows
from lowerbound.data.sources import Source
from lowerbound.distributions.support import words
from lowerbound.evidence.defaults import CHAINS, SAMPLES, Method
from lowerbound.evidence.ladder import Callback
from lowerbound.inference.fingerprints import among, digest_of, fingerprints
from lowerbound.models.conditional import Conditional
from lowerbound.models.vae import VAE
from lowerbound.runs import RunFolder, as_source, as_trained
from lowerbound.subject import Subject
from lowerbound.training.checkpoint import EVERY, Checkpoint
from lowerbound.training.fit import Result, fit
from lowerbound.training.processes import writes
from lowerbound.watch import Silent, Watch

if TYPE_CHECKING:
    from lowerbound.diagnosis.advice import Advice
    from lowerbound.diagnosis.diagnosis import Diagnosis
    from lowerbound.synthetic.quality import SyntheticQuality

__all__ = ["Report", "evaluate", "report", "train_run"]


def evaluate(
    subject: Any,
    x: Any,
    *,
    baselines: Mapping[str, Density] | None = None,
    samples: int = SAMPLES,
    chains: int = CHAINS,
    method: Method = "auto",
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    unfinished: str | Path | None = None,
) -> Evaluation:
    """The bound and log p(x) of a model on rows, with their errors, beside baselines on the same rows.

    **Arguments:**

    - `subject`: a model, a fitted estimator, a run or the name of its folder.
    - `x`: an array (n, d), a data frame or a source of rows; a run finds its columns by name.
    - `baselines`: densities by name, as [`fit_baselines`][lowerbound.baselines.fit.fit_baselines] gives
      them; by default those of the run.
    - `samples`, `chains`, `method`, `callbacks`, `unfinished`: those of
      [`log_evidence`][lowerbound.evidence.ladder.log_evidence]; `seed`: its key.

    Returns the [`Metrics`][lowerbound.archive.records.Metrics] and the evidence of each row. Rows that are
    outside the model's support, and others whose log p(x) or bound is not finite, are named in
    `rows_not_finite`, and the figures are those of the others.

    **Raises:** `FloatingPointError` where no row's log p(x) is finite; as `log_evidence` for rows of another
    width or type.

    >>> from lowerbound.assembly import build
    >>> x = np.random.default_rng(0).integers(0, 2, (50, 3))
    >>> evaluation = evaluate(build(x, latent_dim=1, width=4).model, x, method="importance", samples=20)
    >>> evaluation.metrics.n_rows, evaluation.metrics.measure
    (50, 'counting measure')
    """
    subject = Subject.of(subject)
    known = subject.baselines or {} if baselines is None else baselines
    return compared(
        subject.model,
        subject.rows(x),
        known,
        subject.trained_on,
        samples=samples,
        chains=chains,
        method=method,
        seed=seed,
        callbacks=callbacks,
        unfinished=unfinished,
    )


@dataclass(frozen=True)
class Report:
    """A page on a model, as HTML, with the evaluation and the diagnosis that it tells of, and how good its
    samples are, where that was asked for."""

    html: str
    evaluation: Evaluation
    diagnosis: Diagnosis
    quality: SyntheticQuality | None = None

    def write(self, path: str | os.PathLike[str]) -> int:
        """Write the page, whole or not at all; returns its size in bytes."""
        content = self.html.encode("utf-8", "replace")  # a file's name may be no text
        write_whole(path, content)
        return len(content)


def report(
    subject: Any,
    x: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    train: Any = None,
    synthetic: bool = False,
    target: str | None = None,
    samples: int = SAMPLES,
    method: Method = "auto",
    seed: int = 0,
    watch: Watch | None = None,
    wording: Callable[[Advice], str] = str,
) -> Report:
    """One page on a model: the verdict, log p(x) with its errors, pictures, and how it was made; written to
    `path` where one is given. It needs no network and no other file.

    **Arguments:** `subject`, `x`, `samples`, `method`, `seed`: as in [`evaluate`][]; `train`: the rows that
    trained the model, to see whether samples are copies of them and what was memorised; `synthetic`: judge
    the model's samples as [`lowerbound.synthetic_quality`][] does, beside the training rows where they are
    given, else beside these; `target`: the column that is then foretold from the others, by a learner of
    samples and one of training rows, which asks for `synthetic` and needs `train`; `watch`: is told how
    far it is; `wording`: how the page spells an advice.

    **Raises:** `FloatingPointError` where log p(x) is finite for fewer than 2 rows.
    """
    from lowerbound.synthetic.samples import check_target

    subject, watch = Subject.of(subject), watch or Silent()
    source = subject.rows(x)
    if len(source.x) < 2:
        raise ValueError(f"{source.name}: expected at least 2 rows, for an error; found {len(source.x)}")
    trained = None if train is None else subject.rows(train).rows.some()
    if target is not None:
        check_target(target, source, trained)
    watch.said(f"log p(x) of {len(source.x)} rows of {source.name}, up to {samples:,} samples a row")
    with watch.scoring(len(source.x)) as told:
        evaluation = evaluate(subject, source, samples=samples, method=method, seed=seed, callbacks=[told])
    judging = _Judging(target) if synthetic or target is not None else None
    written = _report_of(subject, source, evaluation, trained, judging, seed, watch, wording)
    if path is not None:
        written.write(path)
    return written


@dataclass(frozen=True)
class _Judging:
    """That samples are to be judged, and the column that is then foretold from the others, if any."""

    target: str | None = None


def _report_of(
    subject: Subject,
    source: Source,
    evaluation: Evaluation,
    trained: np.ndarray | None,
    judging: _Judging | None,
    seed: int,
    watch: Watch,
    wording: Callable[[Advice], str],
) -> Report:
    """The page on rows that are evaluated."""
    from lowerbound.diagnosis.diagnose import diagnose
    from lowerbound.pages.report import page
    from lowerbound.synthetic.samples import samples_quality

    finite = finite_rows(source, evaluation).x
    if len(finite) < 2:
        raise FloatingPointError(
            f"{source.name}: log p(x) is finite for {len(finite)} of {len(source.x)} rows: no report"
        )
    watch.said("looking for what may be wrong, drawing")
    diagnosis = diagnose(subject.model, finite, train=trained, history=subject.history or None, key=seed)
    quality = None
    if judging is not None:
        watch.said("judging samples beside real rows")
        new = finite[~among(fingerprints(finite), subject.trained_on.train)]
        quality = samples_quality(
            subject.model, source.schema, new, trained, target=judging.target, seed=seed
        )
    html = page(
        subject.model,
        source,
        evaluation,
        diagnosis,
        provenance=subject.provenance,
        settings=subject.settings,
        history=subject.history,
        train=trained,
        quality=quality,
        seed=seed,
        wording=wording,
    )
    return Report(html, evaluation, diagnosis, quality)


def train_run(
    path: str | os.PathLike[str],
    model: VAE,
    train: Any,
    held_out: Any,
    *,
    baselines: bool = True,
    report: bool = False,
    samples: int = SAMPLES,
    method: Method = "auto",
    seed: int = 0,
    command: str | None = None,
    options: Mapping[str, str] | None = None,
    checkpoint_every: float | str = EVERY,
    resume: bool = False,
    watch: Watch | None = None,
    wording: Callable[[Advice], str] = str,
    **training: Any,
) -> RunFolder:
    """Train a model on rows and write the run into the folder `path`: the model, how it came about, its
    history, baselines of the same rows, what was measured on `held_out`, and pictures.

    **Arguments:** `model`: untrained; `train`, `held_out`: arrays, data frames or sources, whose columns are
    matched by name; `baselines`: whether to fit them; `report`: whether to write the page of
    [`lowerbound.report`][] on the held-out rows as well, with the samples judged where rows are a table of
    several kinds; `samples`, `method`: of log p(x); `command`: kept in the provenance; `options`: what else
    is to be the same where the run goes on, as text by name; `checkpoint_every`: the time between two
    [checkpoints][lowerbound.Checkpoint]; `resume`: go on from those of the folder, to the same run as without
    a stop; `watch`: is told how far the run is; `wording`: how the page spells an advice; the rest are those
    of [`lowerbound.fit`][].

    What is trained is measured whatever a held-out row holds: see [`evaluate`][].

    Returns the run, read again.

    **Raises:** `ValueError` before training for held-out rows of other columns, or where the model has mass
    on none of them, and for a run that goes on with something else than it began with; `BlockingIOError`
    where another process trains into the folder; `KeyboardInterrupt` at Ctrl-C in training, which is saved.
    """
    watch, run = watch or Silent(), RunFolder(Path(path))
    train = as_source(train, missing=model.takes_missing)
    held_out = as_source(held_out, missing=model.takes_missing)
    if train.schema is None:
        held_out = as_trained(held_out, train.columns, train.image_shape)
    else:
        held_out = held_out.under(train.schema)
    scorable(model, held_out)  # named, or refused, before any training
    _warn_of_pictures(model, held_out)
    if not writes():  # one of several processes makes the run, the others train with it
        fit(model, train.rows, key=seed, checkpoint=Checkpoint(run.checkpoints), resume=resume, **training)
        return run
    begun = Begun(options or {}, command, sha256_of(train.rows), digest_of(fingerprints(held_out.x)))
    with run.training(begun, resume=resume) as first:
        training |= {"checkpoint": Checkpoint(run.checkpoints, every=checkpoint_every), "resume": resume}
        with watch.training() as callback:
            result = fit(model, train.rows, callbacks=[callback], key=seed, **training)
        if result.stopped == "interrupted":
            raise KeyboardInterrupt
        traces = Traces.of(train.rows, result.train_rows, result.validation_rows)
        provenance = _provenance(train, result, traces.sha256, seed, first.command)
        run.write_model(result.model, provenance, traces.trained_on, result.history, train.schema)
        watch.said(f"trained {int(result.state.step)} steps ({result.stopped}); the model is in {run.path}")
        if baselines and (fitted := _baselines(result.model, train.rows, seed, watch)):
            run.write_baselines(fitted)
        watch.said(f"log p(x) of {len(held_out.x)} rows of {held_out.name}, up to {samples:,} samples a row")
        with watch.scoring(len(held_out.x)) as told:
            how: dict[str, Any] = {"samples": samples, "method": method, "seed": seed, "callbacks": [told]}
            evaluation = evaluate(run, held_out, unfinished=run.checkpoints / "evidence.unfinished", **how)
        run.write_metrics(evaluation.metrics)
        finite = finite_rows(held_out, evaluation)
        _draw(run, result, finite, seed)
        if report and len(finite.x) < 2:
            watch.said("no report: it needs 2 held-out rows of which log p(x) is finite")
        elif report:
            from lowerbound.synthetic.quality import FEWEST

            known = train.rows.some()
            judged = train.schema is not None and train.schema.mixed and len(known) >= FEWEST
            subject, judging = Subject.of(run), _Judging() if judged else None
            page = _report_of(subject, held_out, evaluation, known, judging, seed, watch, wording)
            page.write(run.path / "report.html")
            watch.said(f"wrote {run.path / 'report.html'}")
    return run


def _warn_of_pictures(model: VAE, held_out: Source) -> None:
    """Which pictures there will not be, said before any training."""
    from lowerbound.figures.run import PictureWarning, undrawable

    dimensions = int(model.p_z().event_shape[0]) if not model.takes_given else 0
    for picture, why in undrawable(held_out.image_shape, len(held_out.x), dimensions).items():
        warnings.warn(f"there will be no picture {picture!r}: {why}", PictureWarning, stacklevel=3)


def _draw(run: RunFolder, result: Result, held_out: Source, seed: int) -> None:
    from lowerbound.figures.shown import Shown

    run.write_pictures(Shown.of(result.model, held_out, history=result.history, seed=seed))


def _baselines(model: VAE, of: Rows, seed: int, watch: Watch) -> dict[str, Density]:
    """The classical baselines of the training rows, where there are any in the model's measure; of rows
    beyond memory those of a sample."""
    rows = observed(model, of.some(), seed)
    if not isinstance(model.likelihood, Conditional):
        watch.said("no baselines: the likelihood is no network with a family")
        return {}
    family = model.likelihood.family
    if len(rows) < 10:
        watch.said("no baselines: they need at least 10 rows")
        return {}
    if rows.dtype.kind == "f" and np.isnan(rows).any() and not by_cells(family):
        watch.said("no baselines: they take no missing values")
        return {}
    if not are_comparable(family, model.transform):
        watch.said(f"no baselines: none is in the measure of {words(family.support)}")
        return {}
    what = "factor analysis, Gaussian mixtures, and mixtures of the family"
    watch.said(f"fitting baselines: {'latent classes' if by_cells(family) else what} by EM")
    sample_of = of.taking_part
    return fit_baselines(rows, family, transform=model.transform, sample_of=sample_of, seed=seed)


def _provenance(train: Source, result: Result, sha256: str, seed: int, command: str | None) -> Provenance:
    chosen_on = result.validation_rows
    return Provenance(
        data=DataRecord(
            source=train.name,
            rows=train.rows.taking_part,
            columns=train.x.shape[1],
            column_names=train.columns,
            image_shape=train.image_shape,
            label=train.label,
            sha256=sha256,
            reading=train.reading,
        ),
        split=Split(len(result.train_rows), 0 if chosen_on is None else len(chosen_on)),
        seed=seed,
        stopped=result.stopped,
        best_step=result.best_step,
        versions={name: version(name) for name in ("lowerbound", "jax", "equinox", "numpyro", "optax")},
        command=command,
    )
