"""The pictures of a run, each with its words: for its folder and for its report."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lowerbound.data.chunks import observed
from lowerbound.diagnosis.copies import nearest, nearness
from lowerbound.figures import of_molecules, of_tables
from lowerbound.figures.evidence import k_hat_histogram, kl_per_dimension, rate_distortion
from lowerbound.figures.latents import latent_scatter, manifold
from lowerbound.figures.mosaic import shape_of_images
from lowerbound.figures.rows import nearest_rows, reconstructions, samples
from lowerbound.figures.shown import COMPARED, Drawn, Shown
from lowerbound.figures.training import bound_over_training
from lowerbound.inference.codes import decode, encode, reconstruct
from lowerbound.inference.sampling import sample
from lowerbound.models.priors import StandardNormal
from lowerbound.synthetic.aligned import Aligned, as_columns
from lowerbound.text import counted, short, with_error

_POINTS = 5000  # rows that the view of the codes shows
_SIDE = 20  # of the manifold's grid

__all__ = ["NAMES", "OF_MOLECULES", "Picture", "PictureWarning", "pictures_of", "undrawable"]


class PictureWarning(UserWarning):
    """A picture could not be drawn and is left out."""


@dataclass(frozen=True)
class Picture:
    """A figure with its title, what it shows in words (`alternative`), and what it means (`caption`).
    Without a `figure` the caption says why there is none."""

    title: str
    figure: Figure | None
    alternative: str
    caption: str


def pictures_of(shown: Shown) -> dict[str, Picture]:
    """Every picture that is defined for what is `shown`, by name.

    One that cannot be drawn is named with the reason in a [`PictureWarning`][], and has no figure.

    >>> from lowerbound.assembly import build
    >>> built = build(np.eye(9)[:, :4], latent_dim=1, width=4)
    >>> list(pictures_of(Shown(built.model, np.eye(9)[:, :4])))
    ['reconstructions', 'samples', 'sample-means', 'latents']
    """
    drawn = {}
    for name, (title, draw) in _DRAWN.items():
        try:
            found = draw(shown)
        except (ValueError, TypeError, ArithmeticError) as error:
            warnings.warn(f"the picture {name!r} is left out: {error}", PictureWarning, stacklevel=2)
            found = None, "", f"Not drawn: {error}"
        if found is not None:
            drawn[name] = Picture(title, *found)
    return drawn


def undrawable(image_shape: tuple[int, ...] | None, rows: int, latent_dim: int) -> dict[str, str]:
    """The pictures that will be left out of a run on so many rows, by name, and why: what is known before
    any training.

    >>> undrawable((8, 8), 100, 2), list(undrawable((3, 8, 8), 1, 10))
    ({}, ['reconstructions', 'samples', 'sample-means', 'latents'])
    """
    found = {}
    if image_shape is not None:
        try:
            shape_of_images(image_shape)
        except ValueError as error:
            found = dict.fromkeys(("reconstructions", "samples", "sample-means"), str(error))
    if rows < 2 and latent_dim > 2:
        found["latents"] = f"the principal components of {latent_dim} dimensions need at least 2 rows"
    return found


def _bound(shown: Shown) -> Drawn | None:
    if not shown.history:
        return None
    bounds = [float(record["bound"]) for record in shown.history]
    held = [(value, r["epoch"]) for r in shown.history if (value := r.get("validation_bound")) is not None]
    words = f"The bound on training rows goes from {short(bounds[0])} to {short(bounds[-1])} nats a row"
    if held:
        best, epoch = max(held)
        words += f"; on validation rows it is best, {short(best)}, at epoch {epoch:.0f}"
    return (
        bound_over_training(shown.history),
        words + ".",
        "The model that is kept is the one that is best on validation rows.",
    )


def _reconstructions(shown: Shown) -> Drawn | None:
    if shown.table is not None or shown.molecules is not None:
        return None
    first = shown.rows[: shown.filling(3)]
    means = reconstruct(shown.model, shown.x[: len(first)], key=shown.seed)
    error = float(np.sqrt(np.nanmean((first - means) ** 2)))
    return (
        reconstructions(first, means, shown.image_shape, shown.columns, **shown.look),
        f"The first {len(first)} rows and their reconstructions, which differ by {error:.3g} in the root "
        "mean square of their values.",
        "The likelihood's means at the posterior means: what a code of each row keeps of it.",
    )


def _samples(shown: Shown) -> Drawn | None:
    if shown.table is not None or shown.molecules is not None:
        return None
    drawn = shown.samples[: shown.filling(5)]
    return (
        samples(drawn, shown.image_shape, shown.columns, **shown.look),
        f"{len(drawn)} samples of the model; the values of {COMPARED} have the mean "
        f"{short(shown.samples.mean())}, those of the rows {short(np.nanmean(shown.rows))}.",
        "z from the prior that was trained, x from the likelihood: observations with their noise.",
    )


def _sample_means(shown: Shown) -> Drawn | None:
    if shown.table is not None or shown.molecules is not None:
        return None
    means = sample(shown.model, shown.filling(5), key=shown.seed, mean=True)
    return (
        samples(means, shown.image_shape, shown.columns, **shown.look),
        f"The likelihood's means of the same {len(means)} samples, in the same order.",
        "The likelihood's means at the same z. They look cleaner than data do; the model's samples are those "
        "before.",
    )


def _nearest(shown: Shown) -> Drawn | None:
    """Samples beside the training rows that are nearest to them, and how near they are. It belongs to a
    report: without a diagnosis there is none."""
    if shown.diagnosis is None or (shown.table is None and shown.molecules is not None):
        return None
    words = "Are samples copies? "
    if shown.train is None or (shown.table is None and np.isnan(shown.train).any()):
        why = "are not at hand (--train names them)" if shown.train is None else "have missing values"
        return None, "", f"{words}The training rows {why}."
    known = observed(shown.model, shown.train, shown.seed)
    scaled, generated, rows = _points(shown, known)
    index, distance = nearest(generated, scaled)
    measured = f"the median distance from a sample to its nearest training row is {np.median(distance):.3g}"
    if shown.held_out and not np.isnan(rows).any():
        held = nearest(rows, scaled)[1]
        measured += f", from a held-out row {np.median(held):.3g}"
        words += (
            "A sample is nearer to the training rows than a held-out row is with probability "
            f"{with_error(*nearness(distance, held))}: near 1 for copies, ½ for new data, below where "
            "samples are further off than data are."
        )
    count = counted(len(known), "training row")
    measured = f"Samples and their nearest of {count}; {measured}."
    if shown.table is not None:
        return None, "", f"{words} {measured}"
    if not shown.held_out:
        words += "Copies are equal to the row below them."
    n = shown.filling(3)
    figure = nearest_rows(shown.samples[:n], known[index[:n]], shown.image_shape, shown.columns, **shown.look)
    return figure, measured, words


def _points(shown: Shown, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, samples and rows as points whose distances mean something: images in their own units,
    the columns of a table by their kinds, others in their deviations."""
    rows = observed(shown.model, shown.x[:COMPARED], shown.seed)
    if shown.table is not None:
        tables = {"train": known, "samples": shown.samples, "rows": rows}
        named = {name: as_columns(shown.table, x) for name, x in tables.items()}
        aligned = Aligned.of(dict(named), shown.table)
        found = (aligned.features(name, "train") for name in tables)
    else:
        unit = np.ones(1) if shown.image_shape else np.where((s := known.std(0, dtype=float)) > 0, s, 1.0)
        found = (x / unit for x in (known, shown.samples, rows))
    scaled, generated, held = (np.asarray(x, np.float32) for x in found)
    return scaled, generated, held


def _latents(shown: Shown) -> Drawn | None:
    z = encode(shown.model, shown.x[:_POINTS], key=shown.seed)
    z = z.reshape(len(z), -1)
    finite = np.isfinite(z).all(1)
    if not finite.any():  # a posterior without a mean (Cauchy's) has no code to show
        return None
    views = {1: "their distribution", 2: "the two latent dimensions"}
    view = views.get(z.shape[1], f"two principal components of {z.shape[1]}")
    labels = None if shown.labels is None else shown.labels[: len(z)][finite]
    figure = latent_scatter(z[finite], labels)
    axes = figure.axes[0]
    points = f"{counted(int(finite.sum()), 'point')}, a row's posterior mean each"
    coloured = "" if labels is None else " Colours are labels, which the model has not seen."
    return (
        figure,
        f"{points}: {axes.get_xlabel()} to the right, {axes.get_ylabel()} upwards.",
        f"Posterior means, a point a row: {view}.{coloured}",
    )


def _manifold(shown: Shown) -> Drawn | None:
    prior, shape = shown.model.prior, shown.image_shape
    # The grid is of equal masses of a standard normal.
    if shape is None or not isinstance(prior, StandardNormal) or prior.event_size != 2:
        return None
    return (
        manifold(lambda z: decode(shown.model, z), shape, _SIDE, **shown.look),
        f"The likelihood's means over a grid of {_SIDE} by {_SIDE} codes of equal mass of the prior, as one "
        "mosaic.",
        "The likelihood's means over the two latent dimensions, through the inverse Gaussian CDF.",
    )


def _kl(shown: Shown) -> Drawn | None:
    if shown.diagnosis is None or shown.diagnosis.kl_per_dimension is None:
        return None
    kl, active = shown.diagnosis.kl_per_dimension, shown.diagnosis.active
    order = np.argsort(-kl, kind="stable")[:5]
    largest = ", ".join(f"z{i} {short(kl[i])}" for i in order)
    used = "" if active is None else f"; {int(active.sum())} of {len(kl)} dimensions are active"
    return (
        kl_per_dimension(kl, active),
        f"Bars: the KL of the largest is {largest} nats a row{used}.",
        "What each dimension of the code carries. A dimension near 0 is not used.",
    )


def _rate_distortion(shown: Shown) -> Drawn | None:
    if shown.evidence is None:
        return None
    rate, distortion = shown.evidence.rate, shown.evidence.distortion
    low, high = np.quantile(rate, [0.25, 0.75])
    return (
        rate_distortion(rate, distortion),
        f"Each row's rate and distortion: the mean rate is {short(rate.mean())}, the mean distortion "
        f"{short(distortion.mean())} nats, and half of the rows have rates from {short(low)} to "
        f"{short(high)}.",
        "Nats that the code costs against nats that are lost with it. Models on the dashed line have the "
        "same bound; β moves along it.",
    )


def _k_hat(shown: Shown) -> Drawn | None:
    if shown.evidence is None or not np.isfinite(shown.evidence.k_hat).any():
        return None
    k_hat = shown.evidence.k_hat[np.isfinite(shown.evidence.k_hat)]
    return (
        k_hat_histogram(k_hat),
        f"Histogram of k-hat over {counted(len(k_hat), 'row')}: the median is {np.median(k_hat):.2f}, and "
        f"{(k_hat > 0.7).mean():.1%} lie above 0.7.",
        "The tail of each row's weights. Above 0.7 log p(x) is likely too low and its error too small; below "
        "it they can be relied on where the proposal was fitted to the row, or along annealed chains.",
    )


# By name, in order: the title and what draws it.
_OF_MOLECULES: dict[str, tuple[str, Callable[[Shown], Drawn | None]]] = {
    "molecules": ("Drawn molecules", of_molecules.drawn_of),
    "molecules-again": ("Molecules and their reconstructions", of_molecules.again_of),
    "molecules-nearest": ("Drawn molecules and their nearest training molecules", of_molecules.nearest_of),
    "properties": ("Properties", of_molecules.properties_of),
}
_DRAWN = _OF_MOLECULES | {
    "bound": ("The bound over training", _bound),
    "reconstructions": ("Reconstructions", _reconstructions),
    "samples": ("Samples", _samples),
    "sample-means": ("The same samples without noise", _sample_means),
    "margins": ("Margins", of_tables.margins_of),
    "pairs": ("Pairs of columns", of_tables.pairs_of),
    "kept": ("What a code keeps", of_tables.kept_by),
    "missing": ("What is missing", of_tables.missing_in),
    "nearest": ("Nearest training rows", _nearest),
    "latents": ("Where the codes lie", _latents),
    "manifold": ("The learned manifold", _manifold),
    "kl": ("KL per latent dimension", _kl),
    "rate-distortion": ("Rate and distortion", _rate_distortion),
    "k-hat": ("Calibration of the evidence", _k_hat),
}
NAMES = tuple(_DRAWN)
# Those that are of molecules.
OF_MOLECULES = tuple(_OF_MOLECULES)
