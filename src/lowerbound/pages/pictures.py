"""The pictures of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lowerbound.archive.store import Saved
from lowerbound.data.sources import Source
from lowerbound.diagnosis.copies import nearest, nearness
from lowerbound.diagnosis.diagnosis import Diagnosis
from lowerbound.evidence.importance import Evidence
from lowerbound.inference.use import decode, encode, reconstruct, sample
from lowerbound.models.priors import StandardNormal
from lowerbound.pages.html import caption
from lowerbound.text import counted, short, with_error
from lowerbound.workflow import Metrics, observed

History = Sequence[Mapping[str, Any]]

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pictures"]

# Inches: text of a chart of this size can still be read where the page is a phone's.
_WIDTH, _HEIGHT = 4.8, 3.2
# Rows that the two-dimensional view shows, and that samples and their neighbours are counted over.
_POINTS, _COMPARED = 5000, 500


def pictures(
    saved: Saved,
    source: Source,
    metrics: Metrics,
    evidence: Evidence,
    diagnosis: Diagnosis,
    history: History,
    train: np.ndarray | None,
    seed: int,
) -> Iterable[str]:
    """Each picture with its words, as HTML."""
    from lowerbound import figures

    model, transform, shape = saved.model, saved.transform, source.image_shape
    x, columns = source.x, 6 if shape else 1
    rows = observed(x[:1000], transform, seed)
    look: dict[str, Any] = {}
    if shape is not None:
        look["value_range"] = (min(0.0, float(np.nanmin(rows))), float(np.nanmax(rows)))
        look["cmap"] = figures.grey_map(x[:1000])
    if history:
        yield _training(history)

    first = rows[: 3 * columns if shape else 60]
    means = reconstruct(model, x[: len(first)], transform=transform, key=seed)
    error = float(np.sqrt(np.nanmean((first - means) ** 2)))
    yield _figure(
        "reconstructions",
        "Reconstructions",
        figures.reconstructions(first, means, shape, columns, **look),
        f"The first {len(first)} rows and their reconstructions, which differ by {error:.3g} in the root "
        "mean square of their values.",
        "The likelihood's means at the posterior means: what a code of each row keeps of it.",
    )
    drawn = sample(model, _COMPARED, key=seed, transform=transform)
    plain = sample(model, 5 * columns if shape else 60, key=seed, mean=True, transform=transform)
    yield _figure(
        "samples",
        "Samples",
        figures.samples(drawn[: len(plain)], shape, columns, **look),
        f"{len(plain)} samples of the model; the values of {_COMPARED} have the mean {short(drawn.mean())}, "
        f"those of the rows {short(np.nanmean(rows))}.",
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
    z = encode(model, x[:_POINTS], transform=transform, key=seed)
    yield _latents(z.reshape(len(z), -1), source)
    if shape is not None and isinstance(model.prior, StandardNormal) and model.prior.event_size == 2:
        yield _figure(
            "manifold",
            "The learned manifold",
            figures.manifold(lambda z: decode(model, z, transform=transform), shape, 15, **look),
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
        f"Each row's rate and distortion: the mean rate is {short(rate.mean())}, the mean distortion "
        f"{short(distortion.mean())} nats, and half of the rows have rates from {short(low)} to "
        f"{short(high)}.",
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
    words = f"The bound on training rows goes from {short(bounds[0])} to {short(bounds[-1])} nats a row"
    if held:
        best, epoch = max(held)
        words += f"; on validation rows it is best, {short(best)}, at epoch {epoch:.0f}"
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
    largest = ", ".join(f"z{i} {short(kl[i])}" for i in order)
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
        return f"<figure>{caption('Nearest training rows', f'{words}The training rows {why}.')}</figure>"
    known = observed(train, saved.transform, seed)
    unit = np.ones(1) if source.image_shape else np.where((s := known.std(0, dtype=float)) > 0, s, 1.0)
    rows = np.asarray(observed(source.x[:_COMPARED], saved.transform, seed) / unit, np.float32)
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
            f"{with_error(share, error)}: near 1 for copies, ½ for new data, below where samples are "
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
    return f"<figure>{caption(title, words)}{svg(figure, alternative, name)}</figure>\n"
