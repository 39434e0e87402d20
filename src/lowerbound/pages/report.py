"""A report on a saved model: one page of HTML that needs nothing else, the verdict first.

The page has no script and asks for nothing: its style is in it, its pictures are inline SVG, and its
policy (`Content-Security-Policy`) forbids the rest. Whatever came from outside, the name of a file, of a
column or of a label, is escaped where it enters.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from importlib import resources
from importlib.metadata import version
from string import Template
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float, Int

from lowerbound.archive.store import Saved
from lowerbound.data.sources import Source
from lowerbound.diagnosis.diagnosis import Diagnosis, Verdict
from lowerbound.evidence.importance import Evidence
from lowerbound.inference.use import decode, encode, reconstruct, sample
from lowerbound.leaves import trainable
from lowerbound.models.conditional import Conditional
from lowerbound.models.priors import StandardNormal
from lowerbound.statistics import standard_error_of_mean
from lowerbound.text import counted, named_rows
from lowerbound.workflow import Evaluation, Metrics, observed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["finite_rows", "nearest", "nearness", "overall", "report"]

History = Sequence[Mapping[str, Any]]

# Inches: text of a chart of this size can still be read where the page is a phone's.
_WIDTH, _HEIGHT = 4.8, 3.2
# Rows that the two-dimensional view shows, and that samples and their neighbours are counted over.
_POINTS, _COMPARED = 5000, 500


def report(
    saved: Saved,
    source: Source,
    evaluation: Evaluation,
    diagnosis: Diagnosis,
    *,
    history: History = (),
    train: np.ndarray | None = None,
    seed: int = 0,
) -> str:
    """The report on `saved` as an HTML page: the verdict, the numbers with their errors, the pictures, and
    how the model was made.

    A function of its arguments: the same call gives the same page.

    **Arguments:** `source`: the rows that are reported on; `evaluation`: of them
    ([`lowerbound.workflow.evaluate`][]), and `diagnosis`: of those that are finite
    ([`lowerbound.diagnosis.diagnose.diagnose`][]): the page names the others and is of these; `history`: a
    record a chunk of the training, as `fit` returns; `train`: the rows that trained the model, among which
    the nearest to samples are looked for; `seed`: of the samples that are drawn for the pictures.
    """
    finite = finite_rows(source, evaluation)
    metrics, evidence = evaluation.metrics, evaluation.evidence[evaluation.evidence.finite]
    title = f"Report on {source.name}"
    pictures = _pictures(saved, finite, metrics, evidence, diagnosis, history, train, seed)
    body = [
        _head(title, saved, metrics, diagnosis),
        "<main>",
        _checks(diagnosis),
        _numbers(metrics, evidence, diagnosis),
        _section("pictures", "Pictures", f'<div class="pictures">{"".join(pictures)}</div>'),
        _origin(saved, source, metrics, history, seed),
        "</main>",
        "<footer>" + _p(f"Made by lowerbound {version('lowerbound')}.") + "</footer>",
    ]
    template = resources.files("lowerbound.pages").joinpath("report.html").read_text("utf-8")
    return Template(template).substitute(title=escape(title), body="\n".join(body))


def overall(verdicts: Sequence[Verdict]) -> str:
    """The verdict in one sentence.

    >>> overall([Verdict("decoder scale", True, ""), Verdict("weak posterior", False, "", "")])
    'One of two checks calls for a change.'
    """
    wrong, n = sum(not verdict.healthy for verdict in verdicts), len(verdicts)
    if n == 0:
        return "Nothing was checked."
    if wrong == 0:
        return f"None of {_word(n)} checks calls for a change."
    if wrong == n:
        return (
            f"All of {_word(n)} checks call for a change." if n > 1 else "The one check calls for a change."
        )
    return f"{_word(wrong).capitalize()} of {_word(n)} checks call{'s' * (wrong == 1)} for a change."


def nearest(
    rows: Float[np.ndarray, "n d"], among: Float[np.ndarray, "m d"], chunk: int = 64
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Of each row, which one of `among` is nearest to it, and its distance: the least √Σᵢ(xᵢ − yᵢ)².

    >>> nearest(np.array([[0.0, 0.9]]), np.array([[0.0, 0.0], [0.0, 1.0]]))
    (array([1]), array([0.1]))
    """
    lengths = (among**2).sum(1)
    found = [(lengths - 2 * rows[i : i + chunk] @ among.T).argmin(1) for i in range(0, len(rows), chunk)]
    index = np.concatenate(found)
    return index, np.sqrt(((rows - among[index]) ** 2).sum(1))


def nearness(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> tuple[float, float]:
    """P(a < b) + ½ P(a = b) of two independent draws, with its standard error (DeLong et al. 1988).

    Of the distances of samples (a) and of held-out rows (b) to the nearest training row it is ½ where both
    are of one distribution, and near 1 where samples are copies (Meehan et al. 2020, A Non-Parametric Test
    to Detect Data-Copying in Generative Models).

    >>> nearness(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    (1.0, 0.0)
    """
    below = (a[:, None] < b) + 0.5 * (a[:, None] == b)
    errors = standard_error_of_mean(below.mean(1)), standard_error_of_mean(below.mean(0))
    return float(below.mean()), math.hypot(*errors)


def finite_rows(source: Source, evaluation: Evaluation) -> Source:
    """The rows of `source` whose log p(x) and bound are finite."""
    labels = None if source.labels is None else source.labels[evaluation.evidence.finite]
    return replace(source, x=source.x[evaluation.evidence.finite], labels=labels)


# The head: what it is a report on, the verdict, and what to read first.


def _head(title: str, saved: Saved, metrics: Metrics, diagnosis: Diagnosis) -> str:
    trained = saved.provenance.get("data", {})
    size = f"{counted(metrics['n_rows'], 'row')} of {counted(metrics['n_dims'], 'column')}"
    what = f"A variational auto-encoder, {size}"
    if trained:
        what += f"; trained on {trained.get('source')}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _p(what + ".", "quiet"),
        _p(overall(diagnosis.verdicts), "verdict"),
        *(f'<p class="alert"><strong>{escape(a)}</strong> {_text(b)}</p>' for a, b in _alerts(metrics)),
        _glance(metrics),
    ]
    return "<header>\n" + "\n".join(parts) + "\n</header>"


def _alerts(metrics: Metrics) -> Iterable[tuple[str, str]]:
    """What the checks do not see and a reader must: a word, and why."""
    if lost := metrics["rows_not_finite"]:
        others = counted(metrics["n_rows"] - len(lost), "row")
        yield (
            "Left out.",
            f"log p(x) or its bound is not finite for {named_rows(lost, 200)} (counted from 0). Every figure "
            f"here is of the other {others}.",
        )
    if known := metrics["rows_trained_on"]:
        yield (
            "Not held out.",
            f"{known:,} of these rows trained the model: it is likely to do worse on others.",
        )
    if known := metrics["rows_that_chose_the_model"]:
        yield "Not held out.", f"{known:,} of these rows chose the stopping point."
    name, best = _best(metrics)
    if best["difference"] < -2 * best["difference_standard_error"]:
        behind = _with_error(-best["difference"], best["difference_standard_error"])
        yield "Behind a baseline.", f"{_spaced(name).capitalize()} is {behind} nats a row better."


def _best(metrics: Metrics) -> tuple[str, Metrics]:
    """The baseline that the model is least ahead of; without baselines one that it is infinitely ahead of."""
    none = ("", {"difference": math.inf, "difference_standard_error": 0.0})
    return min([none, *metrics["baselines"].items()], key=lambda item: item[1]["difference"])


def _glance(metrics: Metrics) -> str:
    tiles = [
        (
            "log p(x)",
            _with_error(metrics["log_likelihood"], metrics["log_likelihood_standard_error"]),
            "nats a row",
        )
    ]
    if metrics["baselines"]:
        name, best = _best(metrics)
        gain = _with_error(best["difference"], best["difference_standard_error"], sign=True)
        tiles.append(("against the best baseline", gain, f"nats a row, paired; {_spaced(name)}"))
    bits = metrics["log_likelihood_standard_error"] / metrics["n_dims"] / math.log(2)
    tiles.append(("bits per dimension", _with_error(metrics["bits_per_dim"], bits), "fewer are better"))
    tiles.append(
        (
            "k-hat above 0.7",
            f"{metrics['k_hat_above_0.7']:.0%}",
            "of rows, where errors are not to be relied on",
        )
    )
    cells = (
        f"<div><dt>{escape(name)}</dt><dd><strong>{_text(value)}</strong>{escape(unit)}</dd></div>"
        for name, value, unit in tiles
    )
    return f'<dl class="glance">{"".join(cells)}</dl>'


# The verdicts.


def _checks(diagnosis: Diagnosis) -> str:
    ordered = sorted(diagnosis.verdicts, key=lambda verdict: verdict.healthy)
    items = []
    for verdict in ordered:
        kind, word = ("healthy", "healthy") if verdict.healthy else ("change", "to change")
        name = escape(verdict.name.capitalize())
        items.append(
            f'<li class="{kind}"><h3>{name} <span>{word}</span></h3>{_p(verdict.finding)}'
            + (f"<p><strong>Try:</strong> {_text(verdict.change)}</p>" if verdict.change else "")
            + "</li>"
        )
    looked_at = f"looked at: {counted(diagnosis.rows, 'row')}; for the gaps, {diagnosis.gap_rows:,} of them"
    notes = "".join(f"<li>{_text(note)}</li>" for note in (*diagnosis.notes, looked_at))
    checks = f'<ul class="checks">{"".join(items)}</ul>'
    return _section("checks", "What was checked", checks, f'<ul class="note">{notes}</ul>')


# The numbers.


def _numbers(metrics: Metrics, evidence: Evidence, diagnosis: Diagnosis) -> str:
    bits = 1 / (metrics["n_dims"] * math.log(2))
    errors = metrics["log_likelihood_standard_error"], metrics["log_likelihood_monte_carlo_error"]
    rows = [
        ("log p(x)", metrics["log_likelihood"], *errors),
        ("bound (ELBO)", metrics["elbo"], metrics["elbo_standard_error"], None),
        ("rate, KL(q‖p)", metrics["rate"], standard_error_of_mean(evidence.rate), None),
        (
            "distortion, −E log p(x|z)",
            metrics["distortion"],
            standard_error_of_mean(evidence.distortion),
            None,
        ),
        ("bits per dimension", metrics["bits_per_dim"], errors[0] * bits, errors[1] * bits),
    ]
    table = _table(
        f"On {counted(len(evidence.log_prob), 'row')}, in nats a row",
        ("", "mean", "± over rows", "± over samples"),
        [(name, *_aligned(value, *errors)) for name, value, *errors in rows],
    )
    reliable = (
        f"{metrics['samples']:,} samples of the posterior a row. k-hat is above 0.7 in "
        f"{metrics['k_hat_above_0.7']:.1%} of rows"
        + (
            ": there log p(x) is likely too low and its error too small."
            if metrics["k_hat_above_0.7"]
            else "."
        )
    )
    return _section(
        "numbers",
        "Numbers",
        _p(f"The density is stated in {metrics['measure']}. {reliable}"),
        table,
        _losses(diagnosis),
        _compared(metrics["baselines"]),
    )


def _losses(diagnosis: Diagnosis) -> str:
    """Where the nats go: the diagnosis' estimates, each with what it means."""
    some = f"on {counted(diagnosis.gap_rows, 'row')}"
    known = [
        (
            "mutual information I(x; z), at least",
            diagnosis.mutual_information,
            "what a code tells of its row",
        ),
        ("at most", diagnosis.mutual_information_upper, ""),
        (
            "marginal KL(q(z)‖p(z)), at least",
            diagnosis.marginal_kl_lower,
            "what the prior loses: codes lie elsewhere",
        ),
        ("at most", diagnosis.marginal_kl, ""),
        ("inference gap", diagnosis.inference_gap, f"log p(x) minus the bound, {some}"),
        ("approximation gap", diagnosis.approximation_gap, "of it, what the posterior's family loses"),
        ("amortisation gap", diagnosis.amortization_gap, "of it, what the encoder loses"),
        (
            "generalisation gap",
            diagnosis.generalization_gap,
            "the bound of training rows minus that of these",
        ),
    ]
    rows = [
        (name, _with_error(estimate.mean, estimate.standard_error), words)
        for name, estimate, words in known
        if estimate is not None
    ]
    heads = ("", "mean ± error over rows", "what it is")
    return _table(
        f"What the bound is lost to, on {counted(diagnosis.rows, 'row')}, in nats a row",
        heads,
        rows,
        words=True,
    )


def _compared(baselines: Mapping[str, Metrics]) -> str:
    if not baselines:
        return _p("No baselines were fitted with this model.", "note")
    rows = [
        (
            _spaced(name),
            _with_error(b["log_likelihood"], b["standard_error"]),
            _with_error(b["difference"], b["difference_standard_error"], sign=True),
            b["note"],
        )
        for name, b in sorted(baselines.items(), key=lambda item: -item[1]["log_likelihood"])
    ]
    heads = ("", "log p(x)", "model − baseline, paired", "what it is")
    return _table("Baselines on the same rows, in nats a row", heads, rows, words=True)


# The pictures.


def _pictures(
    saved: Saved,
    source: Source,
    metrics: Metrics,
    evidence: Evidence,
    diagnosis: Diagnosis,
    history: History,
    train: np.ndarray | None,
    seed: int,
) -> Iterable[str]:
    from lowerbound import figures

    model, shape = saved.model, source.image_shape
    x, columns = source.x, 6 if shape else 1
    rows = observed(model, x[:1000], seed)
    look: dict[str, Any] = {}
    if shape is not None:
        look["value_range"] = (min(0.0, float(np.nanmin(rows))), float(np.nanmax(rows)))
        look["cmap"] = figures.grey_map(x[:1000])
    if history:
        yield _training(history)

    first = rows[: 3 * columns if shape else 60]
    means = reconstruct(model, x[: len(first)], key=seed)
    error = float(np.sqrt(np.nanmean((first - means) ** 2)))
    yield _figure(
        "reconstructions",
        "Reconstructions",
        figures.reconstructions(first, means, shape, columns, **look),
        f"The first {len(first)} rows and their reconstructions, which differ by {error:.3g} in the root "
        "mean square of their values.",
        "The likelihood's means at the posterior means: what a code of each row keeps of it.",
    )
    drawn = sample(model, _COMPARED, key=seed)
    plain = sample(model, 5 * columns if shape else 60, key=seed, mean=True)
    yield _figure(
        "samples",
        "Samples",
        figures.samples(drawn[: len(plain)], shape, columns, **look),
        f"{len(plain)} samples of the model; the values of {_COMPARED} have the mean {_plain(drawn.mean())}, "
        f"those of the rows {_plain(np.nanmean(rows))}.",
        "z from the prior that was trained, x from the likelihood: observations with their noise.",
    )
    yield _figure(
        "sample-means",
        "The same samples without noise",
        figures.samples(plain, shape, columns, **look),
        f"The likelihood's means of the same {len(plain)} samples, in the same order.",
        "The likelihood's means at the same z. They look cleaner than data do; the model's samples are those "
        "before.",
    )
    yield _neighbours(saved, source, metrics, train, drawn, columns, look, seed)
    z = encode(model, x[:_POINTS], key=seed)
    yield _latents(z.reshape(len(z), -1), source)
    if shape is not None and isinstance(model.prior, StandardNormal) and model.prior.event_size == 2:
        yield _figure(
            "manifold",
            "The learned manifold",
            figures.manifold(lambda z: decode(model, z), shape, 15, **look),
            "The likelihood's means over a grid of 15 by 15 codes of equal mass of the prior, as one mosaic.",
            "The likelihood's means over the two latent dimensions, through the inverse Gaussian CDF.",
        )
    if diagnosis.kl_per_dimension is not None:
        yield _kl(diagnosis.kl_per_dimension, diagnosis.active)
    yield _rate_distortion(evidence)
    if np.isfinite(evidence.k_hat).any():
        yield _k_hat(evidence)


def _rate_distortion(evidence: Evidence) -> str:
    from lowerbound import figures

    rate, distortion = evidence.rate, evidence.distortion
    low, high = np.quantile(rate, [0.25, 0.75])
    return _figure(
        "rate-distortion",
        "Rate and distortion",
        figures.rate_distortion(rate, distortion),
        f"Each row's rate and distortion: the mean rate is {_plain(rate.mean())}, the mean distortion "
        f"{_plain(distortion.mean())} nats, and half of the rows have rates from {_plain(low)} to "
        f"{_plain(high)}.",
        "Nats that the code costs against nats that are lost with it. Models on the dashed line have the "
        "same bound; β moves along it.",
    )


def _k_hat(evidence: Evidence) -> str:
    from lowerbound import figures

    k_hat = evidence.k_hat[np.isfinite(evidence.k_hat)]
    return _figure(
        "k-hat",
        "Calibration of the evidence",
        figures.k_hat_histogram(k_hat),
        f"Histogram of k-hat over {counted(len(k_hat), 'row')}: the median is {np.median(k_hat):.2f}, and "
        f"{(k_hat > 0.7).mean():.1%} lie above 0.7.",
        f"The tail of each row's {evidence.samples:,} importance weights. Above 0.7 log p(x) is likely "
        "too low and its error too small; more samples, or a wider posterior, help.",
    )


def _training(history: History) -> str:
    from lowerbound import figures

    bounds = [float(record["bound"]) for record in history]
    held = [(value, r["epoch"]) for r in history if (value := r.get("validation_bound")) is not None]
    words = f"The bound on training rows goes from {_plain(bounds[0])} to {_plain(bounds[-1])} nats a row"
    if held:
        best, epoch = max(held)
        words += f"; on validation rows it is best, {_plain(best)}, at epoch {epoch:.0f}"
    return _figure(
        "bound",
        "The bound over training",
        figures.bound_over_training(history),
        words + ".",
        "The model that is kept is the one that is best on validation rows.",
    )


def _latents(z: np.ndarray, source: Source) -> str:
    from lowerbound import figures

    labels = None if source.labels is None else source.labels[: len(z)]
    # A posterior without a mean (Cauchy's) has no code to show.
    finite = np.isfinite(z).all(1)
    if finite.sum() < 2:
        return ""
    d = z.shape[1]
    view = {1: "their distribution", 2: "the two latent dimensions"}.get(
        d, f"two principal components of {d}"
    )
    figure = figures.latent_scatter(z[finite], None if labels is None else labels[finite])
    axes = figure.axes[0]
    points = f"{counted(int(finite.sum()), 'point')}, a row's posterior mean each"
    coloured = "" if labels is None else " Colours are labels, which the model has not seen."
    return _figure(
        "latents",
        "Where the codes lie",
        figure,
        f"{points}: {axes.get_xlabel()} to the right, {axes.get_ylabel()} upwards.",
        f"Posterior means, a point a row: {view}.{coloured}",
    )


def _kl(kl: np.ndarray, active: np.ndarray | None) -> str:
    from lowerbound import figures

    order = np.argsort(-kl, kind="stable")[:5]
    largest = ", ".join(f"z{i} {_plain(kl[i])}" for i in order)
    used = "" if active is None else f"; {int(active.sum())} of {len(kl)} dimensions are active"
    return _figure(
        "kl",
        "KL per latent dimension",
        figures.kl_per_dimension(kl, active),
        f"Bars: the KL of the largest is {largest} nats a row{used}.",
        "What each dimension of the code carries. A dimension near 0 is not used.",
    )


def _neighbours(
    saved: Saved,
    source: Source,
    metrics: Metrics,
    train: np.ndarray | None,
    drawn: np.ndarray,
    columns: int,
    look: Mapping[str, Any],
    seed: int,
) -> str:
    """Samples beside the training rows that are nearest to them, and how near they are."""
    from lowerbound import figures

    words = "Are samples copies? "
    if train is None or np.isnan(train).any():
        why = "are not at hand (--train names them)" if train is None else "have missing values"
        return f"<figure>{_caption('Nearest training rows', f'{words}The training rows {why}.')}</figure>"
    known = observed(saved.model, train, seed)
    unit = np.ones(1) if source.image_shape else np.where((s := known.std(0, dtype=float)) > 0, s, 1.0)
    rows = np.asarray(observed(saved.model, source.x[:_COMPARED], seed) / unit, np.float32)
    scaled, generated = np.asarray(known / unit, np.float32), np.asarray(drawn / unit, np.float32)
    index, distance = nearest(generated, scaled)
    apart = float(np.median(distance))
    measured = f"the median distance from a sample to its nearest training row is {apart:.3g}"
    if not (metrics["rows_trained_on"] or np.isnan(rows).any()):
        held = nearest(rows, scaled)[1]
        share, error = nearness(distance, held)
        measured += f", from a held-out row {np.median(held):.3g}"
        words += (
            "A sample is nearer to the training rows than a held-out row is with probability "
            f"{_with_error(share, error)}: near 1 for copies, ½ for new data, below where samples are "
            "further off than data are."
        )
    else:
        words += "Copies are equal to the row below them."
    shown = 3 * columns if source.image_shape else 60
    return _figure(
        "nearest",
        "Nearest training rows",
        figures.nearest_rows(drawn[:shown], known[index[:shown]], source.image_shape, columns, **look),
        f"Samples and their nearest of {counted(len(known), 'training row')}; {measured}.",
        words,
    )


def _figure(name: str, title: str, figure: Figure, alternative: str, words: str) -> str:
    """A figure with its title and words as text of the page."""
    from lowerbound.figures import svg

    width, height = figure.get_size_inches()
    if width > _WIDTH:  # what is laid out anew has room for its text
        least = 0.0 if figure.get_layout_engine() is None else _HEIGHT
        figure.set_size_inches(_WIDTH, max(height * _WIDTH / width, least))
    titled = [axes for axes in figure.axes if axes.get_title("left")]
    if len(titled) == 1:  # more are the names of panels
        titled[0].set_title("", loc="left")
    return f"<figure>{_caption(title, words)}{svg(figure, alternative, name)}</figure>\n"


def _caption(title: str, words: str) -> str:
    return f"<figcaption><h3>{escape(title)}</h3>{_p(words)}</figcaption>"


# How it was made.


def _origin(saved: Saved, source: Source, metrics: Metrics, history: History, seed: int) -> str:
    made = saved.provenance
    trained, split = made.get("data", {}), made.get("split", {})
    facts: list[tuple[str, str]] = []
    if trained:
        rows, columns, digest = (_recorded(trained.get(name)) for name in ("rows", "columns", "sha256"))
        facts.append(("Trained on", f"{trained.get('source')}: {rows} rows of {columns}, SHA-256 {digest}"))
    if split:
        fitted, chose = (_recorded(split.get(name)) for name in ("train_rows", "validation_rows"))
        facts.append(("Split", f"{fitted} rows trained, {chose} chose the stopping point"))
    digest = hashlib.sha256(np.ascontiguousarray(source.x).tobytes()).hexdigest()
    facts.append(
        (
            "Reported on",
            f"{source.name}: {counted(metrics['n_rows'], 'row')} of {metrics['n_dims']:,}, SHA-256 {digest}",
        )
    )
    facts += [
        (name.capitalize(), _described(getattr(saved.model, name)))
        for name in ("prior", "posterior", "likelihood")
    ]
    size = sum(leaf.size for leaf in jax.tree.leaves(trainable(saved.model)))
    facts.append(("Trained numbers", f"{size:,}"))
    facts.append(("Transform", type(saved.model.transform).__name__))
    if "stopped" in made:
        steps = f"; the model is of step {_recorded(made['best_step'])}" if "best_step" in made else ""
        ended = f", {history[-1]['epoch']:.0f} epochs" if history else ""
        facts.append(("Training", f"seed {made.get('seed')}{ended}; stopped by {made['stopped']}{steps}"))
    settings = made.get("estimator", {}).get("settings", {})
    if settings:
        facts.append(("Estimator", ", ".join(f"{name}={value!r}" for name, value in settings.items())))
    facts.append(("Evidence", f"importance sampling, {metrics['samples']:,} samples a row, seed {seed}"))
    if "versions" in made:
        facts.append(("Versions, training", ", ".join(f"{n} {v}" for n, v in made["versions"].items())))
    here = ", ".join(
        f"{name} {version(name)}" for name in ("lowerbound", "jax", "numpyro", "numpy", "matplotlib")
    )
    facts.append(("Versions, report", here))
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    if "command" in made:
        listed += f"<dt>Command</dt><dd><pre><code>{escape(str(made['command']))}</code></pre></dd>"
    return _section("origin", "How it was made", f'<dl class="origin">{listed}</dl>')


def _described(part: Any) -> str:
    """A part of a model in a few words."""
    if isinstance(part, Conditional):
        family = part.family
        kind = f"{type(family).__name__} of {family.event_size:,} dimensions"
        return f"{kind}, conditioned by {_network(part.network)}"
    size = getattr(part, "event_size", None)
    return type(part).__name__ + (f" of {size:,} dimensions" if isinstance(size, int) else "")


def _network(network: Any) -> str:
    """A network's name and its widths, through what wraps it."""
    while hasattr(network, "network"):
        network = network.network
    widths = [np.shape(weight) for weight in getattr(network, "weights", ())]
    sizes = f" ({', '.join(' → '.join(map(str, shape)) for shape in widths)})" if widths else ""
    return f"{type(network).__name__}{sizes}"


# HTML of plain text: everything is escaped here.


def _section(name: str, title: str, *parts: str) -> str:
    inside = "\n".join(filter(None, parts))
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{inside}\n</section>'


def _text(text: str) -> str:
    """Escaped; an error stays on the line of its estimate, and an option in one piece."""
    return re.sub(r"--[\w-]+", r"<code>\g<0></code>", escape(text).replace(" ± ", "\u00a0±\u00a0"))


def _p(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{_text(text)}</p>' if kind else f"<p>{_text(text)}</p>"


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """A table in a box that scrolls by itself; with `words` the last column is prose."""

    def cell(tag: str, text: str, column: int) -> str:
        prose = ' class="words"' if words and column == len(heads) - 1 else ""
        return f"<{tag}{prose}>{escape(text)}</{tag[:2]}>"

    head = "".join(cell('th scope="col"' if text else "td", text, i) for i, text in enumerate(heads))
    body = "".join(
        "<tr>"
        + cell('th scope="row"', name, 0)
        + "".join(cell("td", text, i) for i, text in enumerate(cells, 1))
        + "</tr>"
        for name, *cells in rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{escape(title)}" tabindex="0"><table>'
        f"<caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


# Numbers in words and digits.


def _decimals(error: float) -> int:
    """So many that an error has two figures."""
    if not 0 < error < math.inf:
        return 2
    return min(max(1 - math.floor(math.log10(error)), 0), 5)


def _digits(value: float, decimals: int, sign: bool = False) -> str:
    return f"{value:{'+' if sign else ''},.{decimals}f}".replace("-", "−")


def _plain(value: float) -> str:
    """Three figures and a true minus sign."""
    return f"{float(value):.3g}".replace("-", "−")


def _with_error(value: float, error: float, sign: bool = False) -> str:
    """An estimate with its error, which has two figures.

    >>> _with_error(-82.6789, 0.5612), _with_error(5.54, 0.3, sign=True)
    ('−82.68 ± 0.56', '+5.54 ± 0.30')
    """
    decimals = _decimals(error)
    return f"{_digits(value, decimals, sign)} ± {_digits(error, decimals)}"


def _aligned(value: float, *errors: float | None) -> list[str]:
    """A value with the decimals of its first error, and each error with two figures."""
    decimals = _decimals(errors[0] or 0.0)
    return [_digits(value, decimals), *("" if e is None else _digits(e, _decimals(e)) for e in errors)]


def _recorded(value: Any) -> str:
    """What a file holds, which may be anything."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def _spaced(name: str) -> str:
    return name.replace("-", " ")


_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _word(n: int) -> str:
    return _WORDS[n] if n < len(_WORDS) else str(n)
