"""Pictures of a model: what it was trained to, what it makes of data, and where its codes lie.

Every function takes arrays and returns a `matplotlib.figure.Figure`; `save` writes one to a file, `svg`
makes one part of a page. Nothing here touches pyplot or any other global state, so that pictures are drawn
just as well without a screen, in a thread or in a notebook.

Images are (n, ...) in the data's own units, and each row holds an image of `image_shape`, (h, w) or
(h, w, 3). `value_range` is what the two ends of the grey scale `cmap` stand for, by default 0 and the
greatest value. With `image_shape=None` rows are not images: a heat map of rows over columns is drawn, where
each column is standardised.
"""

from __future__ import annotations

import html
import io
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from lowerbound.text import counted

__all__ = [
    "bound_over_training",
    "grey_map",
    "k_hat_histogram",
    "kl_per_dimension",
    "latent_grid",
    "latent_scatter",
    "manifold",
    "nearest_rows",
    "rate_distortion",
    "reconstructions",
    "samples",
    "save",
    "svg",
]

Array = NDArray[np.float64]
ImageShape = tuple[int, ...]
Range = tuple[float, float]

DPI = 150
ENDINGS = (".png", ".svg", ".pdf")
INK, FAINT, TRAINING, VALIDATION = "#222222", "#777777", "#8fa3b5", "#0072b2"
# Ten colours that stay apart for colour-blind readers: Petroff (2021), arXiv:2107.02270.
CLASSES = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadb",
)  # fmt: skip
OTHER = "#dddddd"
UNUSED, WARNING = "#b3b3b3", "#d55e00"
# What an SVG writes for the colours above, and the CSS variables that take their place in a page.
_VARIABLES = {
    INK: "ink", FAINT: "faint", "#cccccc": "rule", "#eeeeee": "grid", "#ffffff": "paper",
    TRAINING: "training", VALIDATION: "validation", UNUSED: "unused", WARNING: "warning",
}  # fmt: skip
_METADATA = ("Creator", "Date", "Format", "Type")
_WRITING = threading.Lock()


def save(figure: Figure, path: str | Path) -> Path:
    """Write `figure` to `path` as PNG, SVG or PDF, by the ending, and return the path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(samples([[0, 1, 1, 0]], (2, 2)), f"{folder}/one.png").name
    'one.png'
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"a picture's name must end in {', '.join(ENDINGS)}, got {path.name!r}")
    figure.savefig(path, facecolor="white")
    return path


def grey_map(images: ArrayLike, value_range: Range | None = None) -> str:
    """The grey scale that suits images: "gray_r", ink on paper, where most pixels are blank.

    They are where the median lies in the lowest quarter of `value_range`, as in handwriting; else, as in
    photographs, "gray": the greatest is lightest. Pictures choose by this from what they draw; pass one
    `cmap` for several to look alike.

    >>> grey_map([[0, 0, 0, 16]]), grey_map([[90, 120, 200, 255]])
    ('gray_r', 'gray')
    """
    values = np.asarray(images, dtype=float)
    low, high = value_range or _range(values)
    return "gray_r" if np.nanmedian(values) < low + (high - low) / 4 else "gray"


def bound_over_training(history: Sequence[Mapping[str, Any]]) -> Figure:
    """The bound over training and, where there is one, over validation rows, in nats per row.

    `history` has a record an epoch with the keys "epoch", "bound" (the mean over the training rows) and
    "validation_bound" (may be None or absent). The best validation bound is marked. The first steep epochs
    are cut off, so that what happens later can be seen.

    >>> figure = bound_over_training([{"epoch": 1, "bound": -120.0, "validation_bound": -121.0}])
    >>> figure.axes[0].get_ylabel()
    'nats per row'
    """
    if not len(history):
        raise ValueError("history must have at least one record, got none: train for an epoch")
    epochs, training, validation = (_column(history, key) for key in ("epoch", "bound", "validation_bound"))
    figure, axes = _chart("The bound over training", "epoch", "nats per row", (7.0, 3.6))
    dots: dict[str, Any] = {"marker": "o" if len(epochs) <= 20 else "", "markersize": 4}
    axes.plot(epochs, training, color=TRAINING, label="training", **dots)
    finite = np.isfinite(validation)
    if finite.any():
        x, y = epochs[finite], validation[finite]
        best = int(y.argmax())
        axes.plot(x, y, color=VALIDATION, label="validation", **dots)
        axes.plot(
            x[best], y[best], "o", color="white", markeredgecolor=VALIDATION, markeredgewidth=1.8,
            markersize=7, label=f"best: {_number(y[best])} at epoch {x[best]:.0f}", clip_on=False, zorder=3,
        )  # fmt: skip
    axes.set_ylim(*_late_range(training, validation))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="lower right", frameon=False, labelcolor=INK)
    return figure


def reconstructions(
    originals: ArrayLike,
    means: ArrayLike,
    image_shape: ImageShape | None,
    columns: int = 12,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """Originals over their reconstructions, the likelihood's `means`: pairs of rows, `columns` a row.

    The grey scale is that of the originals; of rows that are not images, so is the standardisation, and two
    heat maps stand side by side.

    >>> x = np.arange(20.0).reshape(5, 4)
    >>> figure = reconstructions(x, x + 0.1, image_shape=(2, 2), columns=5)
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['original', 'reconstruction']
    """
    return _pairs(
        {"original": originals, "reconstruction": means},
        "Originals over their reconstructions", image_shape, columns, value_range, cmap,
    )  # fmt: skip


def nearest_rows(
    generated: ArrayLike,
    nearest: ArrayLike,
    image_shape: ImageShape | None,
    columns: int = 12,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """Samples over the training rows that are nearest to them: a model that copies shows each row twice.

    Laid out as [`reconstructions`][] is, on the samples' grey scale.

    >>> figure = nearest_rows(np.eye(4), np.eye(4), image_shape=(2, 2))
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['sample', 'nearest row']
    """
    return _pairs(
        {"sample": generated, "nearest row": nearest},
        "Samples over their nearest training rows", image_shape, columns, value_range, cmap,
    )  # fmt: skip


def samples(
    images: ArrayLike,
    image_shape: ImageShape | None,
    columns: int = 10,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """Samples, `columns` a row.

    >>> figure = samples(np.eye(4), image_shape=(2, 2), columns=2)
    >>> figure.axes[0].images[0].get_array().shape        # 2 × 2 cells, a gap of 1 between them
    (5, 5)
    """
    if image_shape is None:
        return _heat_maps({"Samples": _table(images, "images")}, value_range, cmap)
    x = _images(images, image_shape, "images")
    return _picture("Samples", _mosaic(x, columns, (_gap(x), _gap(x))), x, value_range, cmap)[0]


def latent_grid(side: int) -> Array:
    """A grid over a two-dimensional standard-normal latent, (side², 2), from the top left.

    z = Φ⁻¹(u), where u are the midpoints of side × side equal squares of the unit square: every point
    stands for the same mass of the prior. z₁ grows to the right and z₂ grows upwards.

    >>> latent_grid(2).round(2).tolist()
    [[-0.67, 0.67], [0.67, 0.67], [-0.67, -0.67], [0.67, -0.67]]
    """
    z = ndtri((np.arange(_positive(side, "side")) + 0.5) / side)
    right, up = np.meshgrid(z, z[::-1])
    return np.stack([right.ravel(), up.ravel()], axis=1)


def manifold(
    decode: Callable[[Array], ArrayLike],
    image_shape: ImageShape,
    side: int = 20,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """The learned two-dimensional manifold: the likelihood's means over `latent_grid(side)`.

    `decode` maps latents (n, 2) to the means of the likelihood and is called once. One seamless mosaic, as
    figure 4 of Kingma and Welling (2014), Auto-Encoding Variational Bayes, draws it: neighbours on the page
    are neighbours in the latent space.

    >>> figure = manifold(lambda z: np.repeat(np.exp(z[:, :1]), 4, axis=1), (2, 2), side=3)
    >>> figure.axes[0].images[0].get_array().shape
    (6, 6)
    """
    x = _images(decode(latent_grid(side)), image_shape, "the output of decode")
    if len(x) != side**2:
        raise ValueError(f"decode must return one row for each of the {side**2} latents, got {len(x)} rows")
    canvas = _mosaic(x, side, (0, 0))
    figure, axes = _picture("The learned manifold", canvas, x, value_range, cmap, (0.5, 0.5))
    z = np.arange(-1.5, 2.0, 0.5)  # lies at the fraction Φ(z)
    axes.set_xticks(list(ndtr(z) * canvas.shape[1] - 0.5), map(_number, z))
    axes.set_yticks(list(ndtr(-z) * canvas.shape[0] - 0.5), map(_number, z))
    axes.set(xlabel="z₁", ylabel="z₂")
    return figure


def latent_scatter(z: ArrayLike, labels: ArrayLike | None = None, *, name: str = "label") -> Figure:
    """Latent codes, (n, d), one point a row, coloured by `labels`, (n,), where they are given.

    Up to ten classes are coloured by class with a legend (of more, the nine most frequent) and named at
    their median, so that colour is not all that tells; real numbers are coloured by value with a colour
    bar; `name` says what they are. Of more than two latent dimensions the first two principal components
    are drawn, and the axes say so; of one dimension, its cumulative distribution.

    >>> figure = latent_scatter([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], labels=["a", "b", "a"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['a', 'b']
    """
    codes = _table(z, "z")
    points, x_label, y_label = _two_dimensions(codes)
    classes, colours = _colours(labels, len(codes))
    figure, axes = _chart("Latent codes, one point a row", x_label, y_label, (6.4, 5.2))
    (x, y), size = points.T, float(np.clip(2e4 / len(codes), 3, 22))
    drawn = axes.scatter(x, y, size, colours, linewidths=0, alpha=0.85, rasterized=True)
    if codes.shape[1] > 1:
        axes.set_aspect("equal", adjustable="datalim")
    dots, halo = [], [withStroke(linewidth=3, foreground="white")]
    for kind, colour in classes.items():
        dots.append(Line2D([], [], linestyle="", marker="o", markersize=6, color=colour, label=_short(kind)))
        if colour != OTHER:
            x, y = np.median(points[np.array(colours) == colour], axis=0)
            name_at = axes.text(x, y, _short(kind), color=INK, weight="bold", ha="center", va="center")
            name_at.set(path_effects=halo, clip_on=True)
            name_at.set_in_layout(False)  # a long name is cut off and does not push the axes away
    if dots:
        figure.legend(handles=dots, title=name, loc="outside right upper", frameon=False, labelcolor=INK)
    elif labels is not None:
        figure.colorbar(drawn, ax=axes, label=name, pad=0.02).outline.set_visible(False)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a label's "$" is no mathematics
    return figure


def kl_per_dimension(kl: ArrayLike, active: ArrayLike | None = None) -> Figure:
    """The KL of each latent dimension from the prior, (d,), in nats per row: bars, the largest first.

    `active`, (d,), says which dimensions are in use; the others' bars are grey. Up to 24 bars bear the number
    of their dimension, counted from 0 as in the table that `lowerbound encode` writes.

    >>> figure = kl_per_dimension([0.0, 2.5, 1.0], active=[False, True, True])
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['z1', 'z2', 'z0']
    """
    heights = _vector(kl, "kl")
    used = np.ones(len(heights), bool) if active is None else np.asarray(active, bool)
    if used.shape != heights.shape:
        raise ValueError(f"active must say of each of the {len(heights)} dimensions, got {used.shape}")
    order = np.argsort(-heights, kind="stable")
    figure, axes = _chart("KL per latent dimension", "latent dimension", "nats per row", (7.0, 3.6))
    place = np.arange(len(order))
    for kind, colour, name in ((used, VALIDATION, "active"), (~used, UNUSED, "not active")):
        if kind.any():
            shown = kind[order]
            axes.bar(place[shown], heights[order][shown], 0.8, color=colour, label=f"{name}: {kind.sum()}")
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.6, len(order) - 0.4)
    if len(order) <= 24:
        axes.set_xticks(list(place), [f"z{i}" for i in order])
    else:
        axes.set_xlabel("latent dimensions by their KL")
    if active is not None:
        axes.legend(loc="upper right", frameon=False, labelcolor=INK)
    return figure


def rate_distortion(rate: ArrayLike, distortion: ArrayLike) -> Figure:
    """Rate and distortion of each row, (n,), in nats, and their means, where every model of the same bound
    lies on one line: rate + distortion = −bound (Alemi et al. 2018, Fixing a Broken ELBO, figure 1).

    >>> figure = rate_distortion([14.0, 16.0], [70.0, 74.0])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['a row', 'mean: rate 15.0, distortion 72.0', 'the same bound: −87.0']
    """
    x, y = _vector(rate, "rate"), _vector(distortion, "distortion")
    if x.shape != y.shape:
        raise ValueError(f"rate and distortion must be of the same rows, got {x.shape} and {y.shape}")
    labels = "rate [nats per row]", "distortion [nats per row]"
    figure, axes = _chart("Rate and distortion", *labels, (7.0, 3.6))
    size, middle = float(np.clip(2e4 / len(x), 2, 12)), (float(x.mean()), float(y.mean()))
    axes.scatter(x, y, size, TRAINING, linewidths=0, alpha=0.7, rasterized=True, label="a row")
    axes.autoscale_view()
    axes.autoscale(False)  # the line does not set the range
    axes.plot(
        *middle, "o", color=VALIDATION, markeredgecolor="white", markeredgewidth=1.5, markersize=9, zorder=3,
        label=f"mean: rate {_number(middle[0])}, distortion {_number(middle[1])}",
    )  # fmt: skip
    label = f"the same bound: {_number(-sum(middle))}"
    axes.axline(middle, slope=-1, color=VALIDATION, linewidth=1.2, linestyle="--", label=label)
    axes.legend(loc="best", frameon=False, labelcolor=INK)
    return figure


def k_hat_histogram(k_hat: ArrayLike, limit: float = 0.7) -> Figure:
    """How heavy the tails of the importance weights are: rows by their Pareto k-hat, (n,), NaN left out.

    Above `limit` neither log p(x) nor its error can be relied on (Vehtari et al. 2024).

    >>> figure = k_hat_histogram([0.1, 0.2, 0.9, float("nan")])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['at most 0.7: 2 rows', 'above: 1 row']
    """
    values = _vector(k_hat, "k_hat")
    values = values[np.isfinite(values)]
    if not len(values):
        raise ValueError("k_hat must have at least one finite value: draw at least 21 samples a row")
    figure, axes = _chart("Calibration of the evidence", "Pareto k-hat", "rows", (7.0, 3.6))
    low, high = min(values.min(), 0.0), max(values.max(), 1.0)
    edges = limit + np.arange(np.floor((low - limit) / 0.05), np.ceil((high - limit) / 0.05) + 1) * 0.05
    parts = {f"at most {limit:g}": values[values <= limit], "above": values[values > limit]}
    for (name, part), colour in zip(parts.items(), (VALIDATION, WARNING), strict=True):
        axes.hist(
            part, edges.tolist(), color=colour, rwidth=0.9, label=f"{name}: {counted(len(part), 'row')}"
        )
    axes.axvline(limit, color=INK, linewidth=1.2, linestyle="--")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper right", ncols=2, frameon=False, labelcolor=INK)
    return figure


def svg(figure: Figure, label: str, name: str) -> str:
    """`figure` as an `<svg>` element that stands in a page.

    Text is text, in the page's font. `label` is its alternative text. `name` goes before its ids, so that
    pictures of one page do not share any. Ink, lines, paper and the colours of the charts are CSS variables
    (`--ink`, `--faint`, `--rule`, `--grid`, `--paper`, `--training`, `--validation`, `--unused`,
    `--warning`) with the colours of a light page behind them, and what is behind a picture shows through.

    >>> element = svg(kl_per_dimension([1.0, 2.0]), "Two bars", "kl")
    >>> element[:38], "nats per row</text>" in element
    ('<svg role="img" aria-label="Two bars" ', True)
    """
    import matplotlib

    written = io.StringIO()
    # The writer reads these two from a global table, which is as it was when the call is over.
    with _WRITING, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            written, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.03,
            metadata=dict.fromkeys(_METADATA),
        )  # fmt: skip
    element = written.getvalue()
    size = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', element)
    assert size is not None
    inside = element[element.index(">", size.end()) + 1 :]
    inside = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", inside, flags=re.S)
    inside = re.sub(r'( id="|"url\(#|: url\(#|xlink:href="#)', rf"\g<1>{name}-", inside)
    inside = re.sub(r"font-family: [^;\"]*", "font-family: inherit", inside)
    for colour, variable in _VARIABLES.items():
        inside = inside.replace(colour, f"var(--{variable}, {colour})")
    width = float(size[1]) * 4 / 3  # points as CSS pixels
    return (
        f'<svg role="img" aria-label="{html.escape(label)}" {size[0]} fill="var(--ink, {INK})" '
        f'style="max-width: {width:.0f}px" xmlns:xlink="http://www.w3.org/1999/xlink">{inside}'
    )


def _column(history: Sequence[Mapping[str, Any]], key: str) -> Array:
    """One key of every record, as (epochs,); NaN where "validation_bound" is None or absent."""
    values = [record.get(key) for record in history]
    if key != "validation_bound" and None in values:
        place = values.index(None)
        raise ValueError(f"record {place} of history must have the key {key!r}, got {sorted(history[place])}")
    return np.array(values, dtype=float)


def _late_range(*curves: Array) -> Range:
    """The y-range of the curves without the first, steep epochs: the lowest tenth of more than ten."""
    finite = [kept for curve in curves if len(kept := curve[np.isfinite(curve)])]
    if not finite:
        return (-1.0, 0.0)
    low = min(float(np.quantile(curve, 0.1 if len(curve) > 10 else 0.0)) for curve in finite)
    high = max(float(curve.max()) for curve in finite)
    margin = 0.08 * (high - low) or 1.0
    return (low - margin, high + margin)


def _number(value: float) -> str:
    """One decimal and a true minus sign."""
    return f"{value:.1f}".replace("-", "−")


def _short(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _vector(values: ArrayLike, name: str) -> Array:
    """`values` as (n,), or an error."""
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be one number each, not empty, got the shape {vector.shape}")
    return vector


def _positive(value: int, name: str) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value


def _table(rows: ArrayLike, name: str) -> Array:
    """`rows` as (n, d), or an error."""
    table = np.asarray(rows, dtype=float)
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"{name} must be a table (rows, columns), not empty, got the shape {table.shape}")
    return table


def _images(rows: ArrayLike, image_shape: ImageShape, name: str) -> Array:
    """`rows` as (n, h, w) or (n, h, w, 3), or an error."""
    shape = tuple(image_shape)
    shape = shape[:2] if shape[2:] == (1,) else shape
    if len(shape) < 2 or shape[2:] not in ((), (3,)) or min(shape) < 1:
        raise ValueError(f"image_shape must be (height, width) or (height, width, 3), got {image_shape}")
    images, size = np.asarray(rows, dtype=float), int(np.prod(shape))
    if images.ndim < 2 or not len(images) or images[0].size != size:
        raise ValueError(
            f"{name} must have rows of {size} values for images of {shape}, got the shape {images.shape}"
        )
    return images.reshape(-1, *shape)


def _range(images: Array) -> Range:
    """From 0 (or the least value, where it is less) to the greatest."""
    low, high = min(0.0, float(np.nanmin(images))), float(np.nanmax(images))
    return (low, high if high > low else low + 1.0)


def _two_dimensions(z: Array) -> tuple[Array, str, str]:
    """Codes (n, d) as points of the plane, and what its two axes are."""
    n, d = z.shape
    if d == 1:
        rank = z[:, 0].argsort(kind="stable").argsort(kind="stable")
        return np.stack([z[:, 0], (rank + 0.5) / n], axis=1), "z₁", "fraction of rows below"
    if d == 2:
        return z, "z₁", "z₂"
    if n < 2:
        raise ValueError(f"the principal components of z need at least 2 rows, got {n}: pass more rows")
    centred = z - z.mean(axis=0)
    _, scale, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[[0, 1], np.abs(axes[:2]).argmax(axis=1)])  # the largest loading is > 0
    share = scale**2 / max(float((scale**2).sum()), np.finfo(float).tiny)
    first, second = (f"principal component {i + 1} of {d} ({share[i]:.0%} of the variance)" for i in (0, 1))
    return centred @ (signs[:, None] * axes[:2]).T, first, second


def _colours(labels: ArrayLike | None, n: int) -> tuple[dict[str, str], Any]:
    """What the colours mean, class → colour (empty for real labels), and each row's colour."""
    if labels is None:
        return {}, [VALIDATION] * n
    values = np.asarray(labels)
    if values.shape != (n,):
        raise ValueError(f"labels must be one for each of the {n} rows of z, got the shape {values.shape}")
    kinds, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    numeric, many = values.dtype.kind in "iuf", len(kinds) > len(CLASSES)
    if numeric and (many or np.any(kinds != np.round(kinds))):
        return {}, values.astype(float)
    shown = np.sort(np.argsort(-counts, kind="stable")[: len(CLASSES) - many])
    names = [f"{kind:.0f}" if numeric else str(kind) for kind in kinds.tolist()]
    classes = {names[kind]: colour for kind, colour in zip(shown, CLASSES, strict=False)}
    colours = [classes.get(names[kind], OTHER) for kind in place]
    return classes | ({"other": OTHER} if many else {}), colours


def _pairs(
    two: Mapping[str, ArrayLike],
    title: str,
    image_shape: ImageShape | None,
    columns: int,
    value_range: Range | None,
    cmap: str | None,
) -> Figure:
    """Rows of one kind over as many of another, by the names of the kinds, on the first's grey scale; of rows
    that are not images, two heat maps side by side."""
    (above, first), (below, second) = two.items()
    if np.shape(first) != np.shape(second):
        raise ValueError(
            f"{above} and {below} must be rows of one shape, got {np.shape(first)} and {np.shape(second)}"
        )
    if image_shape is None:
        tables = {f"{name.capitalize()}s": _table(rows, f"{name}s") for name, rows in two.items()}
        return _heat_maps(tables, value_range, cmap)
    x, y = (_images(rows, image_shape, f"{name}s") for name, rows in two.items())
    gap, height = _gap(x), x.shape[1]
    space = np.full_like(x[:, :1], np.nan).repeat(gap, axis=1)
    canvas = _mosaic(np.concatenate([x, space, y], axis=1), columns, (4 * gap, gap))
    figure, axes = _picture(title, canvas, x, value_range, cmap, (1.05, 0))
    tops = np.arange(0, len(canvas), 2 * height + 5 * gap)
    centres = np.add.outer(tops, [0, height + gap]).ravel() + (height - 1) / 2
    axes.set_yticks(list(centres), [above, below] * len(tops))
    return figure


def _gap(images: Array) -> int:
    """The pixels between two images: about a sixteenth of their width, at least one."""
    return max(1, int(images.shape[2]) // 16)


def _mosaic(images: Array, columns: int, gaps: tuple[int, int]) -> Array:
    """Images (n, h, w, ...) as one, `columns` a row; NaN where none is and in the `gaps` below and beside."""
    (n, height, width, *colours), (below, beside) = images.shape, gaps
    columns = min(_positive(columns, "columns"), n)
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + below, width + beside, *colours), np.nan)
    cells[:n, :height, :width] = images
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    joined = cells.reshape(rows * (height + below), columns * (width + beside), *colours)
    return joined[: len(joined) - below, : joined.shape[1] - beside]


def _picture(
    title: str, canvas: Array, images: Array, value_range: Range | None, cmap: str | None, pad: Range = (0, 0)
) -> tuple[Figure, Axes]:
    """A canvas of `images`, each at most 0.75 inches wide, in a figure of 7 with `pad` left and below."""
    low, high = value_range or _range(images)
    width = min(7.0 - pad[0], 0.75 * canvas.shape[1] / images.shape[2])
    extent = np.array([width, width * canvas.shape[0] / canvas.shape[1]])
    corner = np.array(pad) + 0.12
    size = corner + extent + [0.12, 0.4]  # room for the title
    figure = Figure(figsize=tuple(size), dpi=DPI)
    axes = figure.add_axes((*(corner / size), *(extent / size)))
    if canvas.ndim == 3:
        canvas = np.nan_to_num(np.clip((canvas - low) / (high - low), 0.0, 1.0), nan=1.0)
    cmap = cmap or grey_map(images, value_range)
    axes.imshow(canvas, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    _plain(axes, title)
    axes.spines[:].set_visible(False)
    return figure, axes


def _chart(title: str, x_label: str, y_label: str, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Empty axes with a faint grid behind what will be drawn."""
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    _plain(axes, title, x_label, y_label)
    axes.spines[:].set_color("#cccccc")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _plain(axes: Axes, title: str, x_label: str = "", y_label: str = "") -> None:
    """A title in ink at the left, and quiet tick labels without tick marks."""
    axes.set_title(title, loc="left", fontsize=11, color=INK, pad=8)
    axes.tick_params(length=0, labelsize=9, labelcolor=FAINT)
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)


def _heat_maps(tables: Mapping[str, Array], value_range: Range | None, cmap: str | None) -> Figure:
    """Tables (n, d) on one colour scale: without a `value_range` the first's standard deviations, −3 to 3."""
    centre, scale, meaning, usual = np.zeros(1), np.ones(1), "value", "viridis"
    if value_range is None:
        first = next(iter(tables.values()))
        centre, scale = first.mean(axis=0), np.where(first.std(axis=0) > 0, first.std(axis=0), 1.0)
        meaning, usual = "standard deviations from the mean", "RdBu_r"
    low, high = value_range or (-3.0, 3.0)
    look: dict[str, Any] = {"cmap": cmap or usual, "vmin": low, "vmax": high, "interpolation": "nearest"}
    figure = Figure(figsize=(3.4 * len(tables) + 1.0, 3.6), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for axes, (title, table) in zip(panels, tables.items(), strict=True):
        drawn = axes.imshow((table - centre) / scale, aspect="auto", **look)
        _plain(axes, title, "column")
        axes.spines[:].set_visible(False)
    panels[0].set_ylabel("row", color=INK)
    figure.colorbar(drawn, ax=list(panels), label=meaning, pad=0.02).outline.set_visible(False)
    return figure
