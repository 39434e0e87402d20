"""Pictures of a model: what it was trained to, what it makes of data, and where its codes lie.

Every function takes arrays and returns a `matplotlib.figure.Figure`; `save` writes one to a file.
Nothing here touches pyplot or any other global state, so that pictures are drawn just as well
without a screen, in a thread or in a notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "bound_over_training",
    "grey_map",
    "latent_grid",
    "latent_scatter",
    "manifold",
    "reconstructions",
    "samples",
    "save",
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


def save(figure: Figure, path: str | Path) -> Path:
    """Write `figure` to `path` as PNG, SVG or PDF, by the ending, and return the path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(samples([[0, 1, 1, 0]], (2, 2)), f"{folder}/one.png").name
    'one.png'
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"a picture's name must end in {', '.join(ENDINGS)}, got {path.name!r}: "
            f"write, say, {path.stem}.png"
        )
    figure.savefig(path, facecolor="white")
    return path


def grey_map(images: ArrayLike, value_range: Range | None = None) -> str:
    """The grey scale that suits images: "gray_r", ink on paper, where most pixels are blank.

    They are where the median lies in the lowest quarter of `value_range` (by default from 0 to the
    greatest value), as in handwriting; else, as in photographs, "gray": the greatest is lightest.
    Pictures choose by this from what they draw; pass one `cmap` for several to look alike.

    >>> grey_map([[0, 0, 0, 16]]), grey_map([[90, 120, 200, 255]])
    ('gray_r', 'gray')
    """
    values = np.asarray(images, dtype=float)
    low, high = value_range or _range(values)
    return "gray_r" if np.nanmedian(values) < low + (high - low) / 4 else "gray"


def bound_over_training(history: Sequence[Mapping[str, Any]]) -> Figure:
    """The bound over training and, where there is one, over held-out rows, in nats per row.

    `history` has a record an epoch with the keys "epoch", "bound" (the mean over the training
    rows) and "validation_bound" (may be None or absent). The best held-out bound is marked. The
    first steep epochs are cut off, so that what happens later can be seen.

    >>> figure = bound_over_training([
    ...     {"epoch": 1, "bound": -120.0, "validation_bound": -121.0},
    ...     {"epoch": 2, "bound": -95.0, "validation_bound": -98.0},
    ... ])
    >>> figure.axes[0].get_ylabel()
    'nats per row'
    """
    from matplotlib.ticker import MaxNLocator

    epochs, training, validation = (_column(history, key) for key in ("epoch", "bound", "validation_bound"))
    figure, axes = _chart("The bound over training", (7.0, 3.6))
    marker = "o" if len(epochs) <= 20 else ""
    axes.plot(epochs, training, color=TRAINING, marker=marker, markersize=4, label="training")
    held_out = np.isfinite(validation)
    if held_out.any():
        x, y = epochs[held_out], validation[held_out]
        best = int(y.argmax())
        text = f"best: {_number(y[best])} at epoch {x[best]:g}"
        axes.plot(x, y, color=VALIDATION, marker=marker, markersize=4, label="validation")
        axes.plot(
            x[best], y[best], "o", color="white", markeredgecolor=VALIDATION, markeredgewidth=1.8,
            markersize=7, label=text, clip_on=False, zorder=3,
        )  # fmt: skip
    axes.set_ylim(*_late_range(training, validation))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel("nats per row", color=INK)
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
    """Originals over their reconstructions, in pairs of rows.

    `originals` and `means` (the likelihood's means) are (n, ...) in the data's own units, and each
    row holds an image of `image_shape`, (h, w) or (h, w, 3). All n are drawn, `columns` a row.
    `value_range` is what the two ends of the grey scale `cmap` stand for, by default 0 and the
    greatest original. With `image_shape=None` rows are not images: two heat maps of rows over
    columns are drawn side by side, where each column is standardised by the originals.

    >>> import numpy as np
    >>> x = np.arange(20.0).reshape(5, 4)
    >>> figure = reconstructions(x, x + 0.1, image_shape=(2, 2), columns=5)
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['original', 'reconstruction']
    """
    if np.shape(originals) != np.shape(means):
        raise ValueError(
            "originals and means must have one shape, since they are drawn in pairs, "
            f"got {np.shape(originals)} and {np.shape(means)}: pass the same rows to both"
        )
    if image_shape is None:
        tables = {
            "Originals": _table(originals, "originals"),
            "Reconstructions": _table(means, "means"),
        }
        return _heat_maps(tables, value_range, cmap)
    x, y = _images(originals, image_shape, "originals"), _images(means, image_shape, "means")
    columns = min(_positive(columns, "columns"), len(x))
    gap = _gap(x)
    blocks = []
    for start in range(0, len(x), columns):
        pair = [_mosaic(part[start : start + columns], columns, gap) for part in (x, y)]
        blocks.append(_stack(pair, gap))
    canvas = _stack(blocks, 4 * gap)
    figure, axes = _picture(
        canvas,
        "Originals over their reconstructions",
        cell=x.shape[2] / canvas.shape[1],
        value_range=value_range or _range(x),
        cmap=cmap or grey_map(x, value_range),
        left=1.05,
    )
    height = x.shape[1]
    pairs = np.arange(len(blocks))[:, None] * (2 * height + 5 * gap)
    centres = (pairs + np.array([0, height + gap]) + (height - 1) / 2).ravel()
    axes.set_yticks(list(centres), ["original", "reconstruction"] * len(blocks))
    return figure


def samples(
    images: ArrayLike,
    image_shape: ImageShape | None,
    columns: int = 10,
    *,
    value_range: Range | None = None,
    cmap: str | None = None,
) -> Figure:
    """Samples, `columns` a row.

    `images` is (n, ...) in the data's own units, and each row holds an image of `image_shape`,
    (h, w) or (h, w, 3). `value_range` is what the two ends of the grey scale `cmap` stand for, by
    default 0 and the greatest value. With `image_shape=None` rows are not images: a heat map of
    rows over columns is drawn, where each column is standardised.

    >>> import numpy as np
    >>> figure = samples(np.eye(4), image_shape=(2, 2), columns=2)
    >>> figure.axes[0].images[0].get_array().shape        # 2 × 2 cells, a gap of 1 between them
    (5, 5)
    """
    if image_shape is None:
        return _heat_maps({"Samples": _table(images, "images")}, value_range, cmap)
    x = _images(images, image_shape, "images")
    canvas = _mosaic(x, min(_positive(columns, "columns"), len(x)), _gap(x))
    figure, _ = _picture(
        canvas,
        "Samples",
        cell=x.shape[2] / canvas.shape[1],
        value_range=value_range or _range(x),
        cmap=cmap or grey_map(x, value_range),
    )
    return figure


def latent_grid(side: int) -> Array:
    """A grid over a two-dimensional standard-normal latent, (side², 2), from the top left.

    z = Φ⁻¹(u), where u are the midpoints of side × side equal squares of the unit square: every
    point stands for the same mass of the prior. z₁ grows to the right and z₂ grows upwards.

    >>> latent_grid(2).round(2).tolist()
    [[-0.67, 0.67], [0.67, 0.67], [-0.67, -0.67], [0.67, -0.67]]
    """
    from scipy.special import ndtri

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

    `decode` maps latents (n, 2) to the means of the likelihood, (n, prod(image_shape)), and is
    called once. One seamless mosaic, as figure 4 of Kingma and Welling (2014), Auto-Encoding
    Variational Bayes, draws it: neighbours on the page are neighbours in the latent space.

    >>> import numpy as np
    >>> figure = manifold(lambda z: np.repeat(np.exp(z[:, :1]), 4, axis=1), (2, 2), side=3)
    >>> figure.axes[0].images[0].get_array().shape
    (6, 6)
    """
    x = _images(decode(latent_grid(side)), image_shape, "the output of decode")
    if len(x) != side**2:
        raise ValueError(
            f"decode must return one row for each of the {side**2} latents, got {len(x)} rows: "
            "map (n, 2) to (n, prod(image_shape))"
        )
    figure, axes = _picture(
        _mosaic(x, side, gap=0),
        "The learned manifold",
        cell=1 / side,
        value_range=value_range or _range(x),
        cmap=cmap or grey_map(x, value_range),
        left=0.5,
        bottom=0.5,
    )
    _latent_ticks(axes, side * x.shape[2], side * x.shape[1])
    return figure


def latent_scatter(z: ArrayLike, labels: ArrayLike | None = None, *, name: str = "label") -> Figure:
    """Latent codes, (n, d), one point a row, coloured by `labels`, (n,), where they are given.

    Up to ten classes are coloured by class with a legend (of more, the nine most frequent); real
    numbers are coloured by value with a colour bar; `name` says what they are. Of more than two
    latent dimensions the first two principal components are drawn, and the axes say so; of one
    dimension, its cumulative distribution.

    >>> figure = latent_scatter([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], labels=["a", "b", "a"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['a', 'b']
    """
    codes = _table(z, "z")
    points, (x_label, y_label) = _two_dimensions(codes)
    classes, values = _colours(labels, len(codes))
    real = labels is not None and not classes
    figure, axes = _chart("Latent codes, one point a row", (6.4, 5.2))
    drawn = axes.scatter(
        points[:, 0],
        points[:, 1],
        c=values,
        cmap="viridis" if real else None,
        s=float(np.clip(2e4 / len(codes), 3, 22)),
        linewidths=0,
        alpha=0.85,
        rasterized=True,
    )
    if codes.shape[1] > 1:
        axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)
    if classes:
        _name_classes(axes, points, values, classes)
        _class_legend(figure, classes, name)
    if real:
        figure.colorbar(drawn, ax=axes, label=name, pad=0.02).outline.set_visible(False)
    return figure


# ── values ──────────────────────────────────────────────────────────────────────────────────────


def _column(history: Sequence[Mapping[str, Any]], key: str) -> Array:
    """One key of every record, as (epochs,); NaN where "validation_bound" is None or absent."""
    if not len(history):
        raise ValueError("history must have at least one record, got none: train for an epoch")
    optional = key == "validation_bound"
    for place, record in enumerate(history):
        if not optional and record.get(key) is None:
            raise ValueError(
                f"record {place} of history must have the key {key!r}, got {sorted(record)}: "
                "pass the records that training wrote"
            )
    values = [record.get(key) for record in history]
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _late_range(*curves: Array) -> Range:
    """The y-range of the curves without the lowest tenth of either: the first, steep epochs.

    Curves of ten epochs or fewer are shown whole.
    """
    finite = [kept for curve in curves if len(kept := curve[np.isfinite(curve)])]
    if not finite:
        return (-1.0, 0.0)
    low = min(float(np.quantile(curve, 0.1 if len(curve) > 10 else 0.0)) for curve in finite)
    high = max(float(curve.max()) for curve in finite)
    margin = 0.08 * (high - low) or 1.0
    return (low - margin, high + margin)


def _number(value: float) -> str:
    """A bound with one decimal and a true minus sign."""
    return f"{value:.1f}".replace("-", "−")


def _positive(value: int, name: str) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value


def _table(rows: ArrayLike, name: str) -> Array:
    """`rows` as (n, d), or an error."""
    table = np.asarray(rows, dtype=float)
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(
            f"{name} must be a table of shape (rows, columns), got the shape {table.shape}: "
            "reshape it, or pass rows that are not empty"
        )
    return table


def _images(rows: ArrayLike, image_shape: ImageShape, name: str) -> Array:
    """`rows` as (n, h, w) or (n, h, w, 3), or an error."""
    shape = tuple(int(size) for size in image_shape)
    if len(shape) == 3 and shape[2] == 1:
        shape = shape[:2]
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or min(shape) < 1:
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, 3), got {image_shape}: "
            "pass None where rows are not images"
        )
    images = np.asarray(rows, dtype=float)
    size = int(np.prod(shape))
    if images.ndim < 2 or not len(images) or images[0].size != size:
        raise ValueError(
            f"{name} must have rows of {size} values to be images of {image_shape}, got the shape "
            f"{images.shape}: pass rows of that many values, or another image_shape"
        )
    return images.reshape(-1, *shape)


def _range(images: Array) -> Range:
    """From 0 (or the least value, where it is less) to the greatest."""
    low, high = min(0.0, float(np.nanmin(images))), float(np.nanmax(images))
    return (low, high if high > low else low + 1.0)


def _two_dimensions(z: Array) -> tuple[Array, tuple[str, str]]:
    """Codes (n, d) as points of the plane, and what its two axes are."""
    if z.shape[1] == 1:
        rank = z[:, 0].argsort(kind="stable").argsort(kind="stable")
        return np.stack([z[:, 0], (rank + 0.5) / len(z)], axis=1), ("z₁", "fraction of rows below")
    if z.shape[1] == 2:
        return z, ("z₁", "z₂")
    centred = z - z.mean(axis=0)
    _, scale, directions = np.linalg.svd(centred, full_matrices=False)
    if len(scale) < 2:
        raise ValueError(f"the principal components of z need at least 2 rows, got {len(z)}: pass more rows")
    largest = np.abs(directions[:2]).argmax(axis=1)
    signs = np.sign(directions[[0, 1], largest])  # an arbitrary sign: the largest loading is > 0
    share = scale**2 / max(float((scale**2).sum()), np.finfo(float).tiny)
    first, second = (
        f"principal component {i + 1} of {z.shape[1]} ({share[i]:.0%} of the variance)" for i in (0, 1)
    )
    return centred @ (signs[:, None] * directions[:2]).T, (first, second)


def _colours(labels: ArrayLike | None, n: int) -> tuple[dict[str, str], Any]:
    """What the colours mean, class → colour (empty for real labels), and each row's colour."""
    if labels is None:
        return {}, [VALIDATION] * n
    values = np.asarray(labels)
    if values.shape != (n,):
        raise ValueError(
            f"labels must have one value for each of the {n} rows of z, got the shape "
            f"{values.shape}: pass the labels of the same rows"
        )
    kinds, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    numeric = values.dtype.kind in "iuf"
    whole = numeric and bool(np.all(kinds == np.round(kinds)))
    if numeric and not (whole and len(kinds) <= len(CLASSES)):
        return {}, values.astype(float)
    shown = list(range(len(kinds)))
    if len(kinds) > len(CLASSES):
        shown = sorted(np.argsort(-counts, kind="stable")[: len(CLASSES) - 1].tolist())
    names = [f"{kind:g}" if numeric else str(kind) for kind in kinds.tolist()]
    colour = {names[kind]: CLASSES[i] for i, kind in enumerate(shown)}
    row_colours = [colour.get(names[kind], OTHER) for kind in place]
    return colour | ({"other": OTHER} if len(shown) < len(kinds) else {}), row_colours


# ── canvas ──────────────────────────────────────────────────────────────────────────────────────


def _gap(images: Array) -> int:
    """The pixels between two images: about a sixteenth of their width, at least one."""
    return max(1, int(images.shape[2]) // 16)


def _mosaic(images: Array, columns: int, gap: int) -> Array:
    """Images (n, h, w, ...) as one image, `columns` a row; NaN between them and where none is."""
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    cells = np.full((rows, columns, height + gap, width + gap, *images.shape[3:]), np.nan)
    for index, image in enumerate(images):
        cells[index // columns, index % columns, :height, :width] = image
    joined = cells.swapaxes(1, 2).reshape(rows * (height + gap), columns * (width + gap), *images.shape[3:])
    return joined[: len(joined) - gap, : joined.shape[1] - gap]


def _stack(parts: Sequence[Array], gap: int) -> Array:
    """Images of one width over one another, `gap` pixels of NaN between them."""
    space = np.full((gap, *parts[0].shape[1:]), np.nan)
    stacked = [piece for part in parts for piece in (part, space)]
    return np.concatenate(stacked[:-1])


def _picture(
    canvas: Array,
    title: str,
    cell: float,
    value_range: Range,
    cmap: str,
    left: float = 0.0,
    bottom: float = 0.0,
) -> tuple[Figure, Axes]:
    """A canvas without frame or ticks, at most 7 inches wide, in a figure that fits it.

    `cell` is the width of one image as a fraction of the canvas; an image is at most 0.75 inches
    wide. `left` and `bottom` are inches kept for labels.
    """
    from matplotlib.figure import Figure

    width = min(7.0 - left, 0.75 / cell)
    height = width * canvas.shape[0] / canvas.shape[1]
    margin, top = 0.12, 0.4
    size = (left + width + 2 * margin, bottom + height + margin + top)
    figure = Figure(figsize=size, dpi=DPI)
    axes = figure.add_axes(
        ((left + margin) / size[0], (bottom + margin) / size[1], width / size[0], height / size[1])
    )
    low, high = value_range
    if canvas.ndim == 3:
        scaled = np.clip((canvas - low) / (high - low), 0.0, 1.0)
        axes.imshow(np.nan_to_num(scaled, nan=1.0), interpolation="nearest")
    else:
        axes.imshow(
            np.ma.masked_invalid(canvas),
            cmap=cmap,
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
    axes.set_xticks([])
    axes.set_yticks([])
    _plain(axes, title)
    axes.spines[:].set_visible(False)
    return figure, axes


def _chart(title: str, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Empty axes with a faint grid behind what will be drawn."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    _plain(axes, title)
    axes.spines[:].set_color("#cccccc")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _plain(axes: Axes, title: str) -> None:
    """A title in ink at the left, and quiet tick labels without tick marks."""
    axes.set_title(title, loc="left", fontsize=11, color=INK, pad=8)
    axes.tick_params(length=0, labelsize=9, labelcolor=FAINT)


def _latent_ticks(axes: Axes, width: int, height: int) -> None:
    """Values of z₁ and z₂ along a mosaic of `latent_grid`: z lies at the fraction Φ(z)."""
    from scipy.special import ndtr

    z = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
    names = [_number(value) for value in z]
    axes.set_xticks(list(ndtr(z) * width - 0.5), names)
    axes.set_yticks(list(ndtr(-z) * height - 0.5), names)
    axes.set_xlabel("z₁", color=INK)
    axes.set_ylabel("z₂", color=INK)


def _name_classes(axes: Axes, points: Array, colours: Sequence[str], classes: Mapping[str, str]) -> None:
    """Each class's name at the median of its points, so that colour is not all that tells."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3, foreground="white")]
    for kind, colour in classes.items():
        if colour != OTHER:
            x, y = np.median(points[np.array(colours) == colour], axis=0)
            style = {"color": INK, "weight": "bold", "ha": "center", "va": "center"}
            axes.text(x, y, kind, style, path_effects=halo)


def _class_legend(figure: Figure, classes: Mapping[str, str], name: str) -> None:
    """One dot a class, right of the axes."""
    from matplotlib.lines import Line2D

    dots = [
        Line2D([], [], linestyle="", marker="o", markersize=6, color=colour, label=kind)
        for kind, colour in classes.items()
    ]
    figure.legend(handles=dots, title=name, loc="outside right upper", frameon=False, labelcolor=INK)


def _heat_maps(tables: Mapping[str, Array], value_range: Range | None, cmap: str | None) -> Figure:
    """Tables (n, d) side by side on one colour scale, which the colour bar explains.

    Without a `value_range` each column is standardised by the first table's mean and standard
    deviation, and drawn from −3 to 3.
    """
    from matplotlib.figure import Figure

    first = next(iter(tables.values()))
    centre, scale = np.zeros(first.shape[1]), np.ones(first.shape[1])
    meaning, (low, high) = "value", value_range or (-3.0, 3.0)
    if value_range is None:
        centre, spread = first.mean(axis=0), first.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        meaning = "standard deviations from the column's mean"
    figure = Figure(figsize=(3.4 * len(tables) + 1.0, 3.6), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for axes, (title, table) in zip(panels, tables.items(), strict=True):
        drawn = axes.imshow(
            (table - centre) / scale,
            cmap=cmap or ("RdBu_r" if value_range is None else "viridis"),
            vmin=low,
            vmax=high,
            aspect="auto",
            interpolation="nearest",
        )
        _plain(axes, title)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("column", color=INK)
    panels[0].set_ylabel("row", color=INK)
    figure.colorbar(drawn, ax=list(panels), label=meaning, pad=0.02).outline.set_visible(False)
    return figure
