"""Tables as pictures: real rows beside drawn ones, column by column and pair by pair, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, NullLocator

from lowerbound.data.schema import Schema
from lowerbound.data.settled import holes_in
from lowerbound.data.tables import columns_of
from lowerbound.figures.style import DPI, FAINT, INK, RULE, TRAINING, VALIDATION, chart, positive
from lowerbound.synthetic.aligned import Aligned
from lowerbound.synthetic.margins import margins_alike
from lowerbound.synthetic.pairs import pairs_alike

__all__ = ["kept", "kept_of", "margins", "missing", "pairs"]

# Bins of a histogram and of a side of a pair; the share of a column beyond the ends of a picture, each;
# levels that are drawn, and letters of their names; pairs that are looked at for those that are drawn.
_BINS, _CELLS, _BEYOND, _LEVELS, _LETTERS, _PAIRS = 30, 18, 0.005, 6, 12, 1_000
_PEAK = 0.6  # a share in one bin from which on heights are square roots
_REAL = LinearSegmentedColormap.from_list("real", ["#ffffff", TRAINING, "#26323d"])
_DRAWN = LinearSegmentedColormap.from_list("drawn", ["#ffffff", "#5fa8d6", "#003a5d"])


def margins(
    real: Any, drawn: Any, *, schema: Schema | None = None, most: int = 15, across: int = 3
) -> Figure:
    """Each column of real rows beside that of drawn ones, in its own unit: a histogram of a number, the share
    of each level of a category. Above a panel stand the column's name and how alike the two are, from 0 to 1
    ([`margin_alike`][lowerbound.synthetic.margins.margin_alike]).

    `real`, `drawn`: tables of any kind, whose columns are matched by name; `schema`: what they are, by
    default what is found in the real ones. Of more than `most` columns the least alike are drawn; panels
    stand `across` in a row. The half per cent of values furthest out at each end is not drawn, and where most
    rows have one value, heights are square roots of shares.

    >>> real = [{"mass": 3.5, "sex": "f"}, {"mass": 4.25, "sex": "m"}, {"mass": 4.0, "sex": "f"}]
    >>> [axes.get_title("left") for axes in margins(real, real).axes]
    ['mass', 'sex']
    """
    rows = Aligned.of({"real": real, "synthetic": drawn}, schema)
    alike = [margin.value for margin in margins_alike(rows).values()]
    shown = np.sort(np.argsort(alike, kind="stable")[: positive(most, "most")])
    across = min(positive(across, "across"), len(shown))
    down = -(-len(shown) // across)
    figure = Figure(figsize=(2.35 * across, 1.5 * down + 0.35), dpi=DPI, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, place in zip(panels, shown, strict=False):
        x, y = (rows.tables[name][:, place] for name in ("real", "synthetic"))
        axes.set_title(_cut(rows.names[place], 22), loc="left", fontsize=9, color=INK, pad=4)
        axes.set_title(f"{alike[place]:.3f}", loc="right", fontsize=8, color=FAINT, pad=4)
        axes.tick_params(length=0, labelsize=7, labelcolor=FAINT)
        axes.spines[:].set_visible(False)
        if rows.levels[place]:
            _bars(axes, x, y, rows.levels[place])
        else:
            _histogram(axes, x, y)
    for axes in panels[len(shown) :]:
        axes.remove()
    key = [Patch(color=TRAINING, label="real"), Line2D([], [], color=VALIDATION, linewidth=2, label="drawn")]
    figure.legend(handles=key, loc="outside upper right", ncols=2, frameon=False, fontsize=8, labelcolor=INK)
    return _plain_text(figure)


def _histogram(axes: Axes, real: np.ndarray, drawn: np.ndarray) -> None:
    """Shares of the observed values in bins that both have."""
    known = [x[~np.isnan(x)] for x in (real, drawn)]
    edges = _edges(known)
    shares = [np.histogram(x, edges)[0] / max(len(x), 1) for x in known]
    root = max(share.max(initial=0) for share in shares) > _PEAK
    heights = [np.sqrt(share) for share in shares] if root else shares
    axes.stairs(heights[0], edges, fill=True, color=TRAINING)
    axes.stairs(heights[1], edges, color=VALIDATION, linewidth=1.3)
    axes.spines["bottom"].set(visible=True, color=RULE)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: _tick(value))
    axes.yaxis.set_major_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)


def _tick(value: float) -> str:
    """A number of few signs.

    >>> _tick(250_000), _tick(-1.5e6), _tick(0.25)
    ('250k', '−1.5M', '0.25')
    """
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if 1e4 <= abs(value) < 1e10 and abs(value) >= size:
            return f"{value / size:g}{sign}".replace("-", "−")
    return f"{value:g}".replace("-", "−")


def _edges(columns: Sequence[np.ndarray]) -> np.ndarray:
    """The ends of bins between the outer values of the first, real column; of a few whole numbers, each in
    the middle of one."""
    real = columns[0]
    if not len(real):
        return np.array([0.0, 1.0])
    ends = np.quantile(real, [_BEYOND, 1 - _BEYOND], method="nearest")
    low, high = ends if ends[1] > ends[0] else (real.min(), real.max())
    if (real == np.round(real)).all() and high - low < 2 * _BINS:
        step = max(1, round((high - low + 1) / _BINS))
        return np.arange(low, high + step + 0.5, step) - 0.5
    return np.linspace(low, high if high > low else low + 1, _BINS + 1)


def _bars(axes: Axes, real: np.ndarray, drawn: np.ndarray, levels: Sequence[str]) -> None:
    """Shares of the levels, the most frequent from the top; what is missing, and the levels that are not
    shown, are one each."""
    shares = np.array([[(x == i).mean() for i in range(len(levels))] for x in (real, drawn)])
    order = np.argsort(-shares[0], kind="stable")
    fits = order if len(order) <= _LEVELS else order[: _LEVELS - 1]
    names, shown = [_cut(levels[i], _LETTERS) for i in fits], [*shares[:, fits].T]
    if len(fits) < len(order):
        names.append(f"{len(order) - len(fits)} others")
        shown.append(shares[:, order[len(fits) :]].sum(1))
    holes = np.array([np.isnan(x).mean() for x in (real, drawn)])
    if holes.any():
        names.append("missing")
        shown.append(holes)
    place, (mine, theirs) = np.arange(len(names)), np.transpose(shown)
    axes.barh(place, mine, 0.75, color=TRAINING)
    axes.vlines(theirs, place - 0.375, place + 0.375, color=VALIDATION, linewidth=2)
    axes.set_yticks(place, names)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlim(0, 1.05 * max(mine.max(), theirs.max()))
    axes.invert_yaxis()


def pairs(real: Any, drawn: Any, *, schema: Schema | None = None, most: int = 8) -> Figure:
    """How columns go together, two by two: below the diagonal the real rows, above it the drawn ones, each
    panel a histogram of two columns, and on the diagonal their names. A panel's mirror image across the
    diagonal is the same pair.

    `real`, `drawn`, `schema`: as in [`margins`][]. Of more than `most` columns those are drawn whose pairs
    are least alike in the mean ([`pair_alike`][lowerbound.synthetic.pairs.pair_alike]). Levels stand in their
    order.

    >>> real = [{"mass": 3.5, "sex": "f"}, {"mass": 4.25, "sex": "m"}, {"mass": 4.0, "sex": "f"}]
    >>> len(pairs(real, real).axes)
    4
    """
    rows = Aligned.of({"real": real, "synthetic": drawn}, schema)
    if len(rows.names) < 2:
        raise ValueError(f"pairs must be of two columns at least, got {len(rows.names)}")
    shown = _least_alike(rows, positive(most, "most"))
    side = min(0.95, 7.0 / len(shown))
    figure = Figure(figsize=(side * len(shown) + 0.3, side * len(shown) + 0.5), dpi=DPI)
    grid = figure.subplots(len(shown), len(shown), gridspec_kw={"wspace": 0.06, "hspace": 0.06})
    edges = {place: _sides(rows, place) for place in shown}
    for (row, below), (column, beside) in ((a, b) for a in enumerate(shown) for b in enumerate(shown)):
        axes = grid[row, column]
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(RULE)
        if row == column:
            axes.spines[:].set_visible(False)
            name = _in_lines(_cut(rows.names[below], 3 * _LETTERS))
            axes.text(0.5, 0.5, name, ha="center", va="center", fontsize=7.5, color=INK)
            continue
        table = rows.tables["real" if row > column else "synthetic"]
        counts, *_ = np.histogram2d(table[:, below], table[:, beside], [edges[below], edges[beside]])
        axes.imshow(
            counts / max(counts.max(), 1), origin="lower", aspect="auto", interpolation="nearest",
            cmap=_REAL if row > column else _DRAWN, norm=PowerNorm(0.5, 0, 1),
        )  # fmt: skip
    figure.suptitle("below the diagonal real rows, above it drawn ones", fontsize=8, color=FAINT, y=0.025)
    figure.subplots_adjust(0.02, 0.055, 0.98, 0.98)
    return _plain_text(figure)


def _sides(rows: Aligned, place: int) -> np.ndarray:
    """The ends of the bins of a column on a side of a pair: a level each, or of numbers fewer than in a
    histogram."""
    if rows.levels[place]:
        return np.arange(len(rows.levels[place]) + 1) - 0.5
    columns = [x[~np.isnan(x)] for x in (rows.tables[name][:, place] for name in ("real", "synthetic"))]
    edges = _edges(columns)
    return edges if len(edges) <= _CELLS + 1 else np.linspace(edges[0], edges[-1], _CELLS + 1)


def _least_alike(rows: Aligned, most: int) -> list[int]:
    """The columns that go with the others least alike, in their order in the table."""
    if len(rows.names) <= most:
        return list(range(len(rows.names)))
    scores: dict[str, list[float]] = {name: [] for name in rows.names}
    for pair, found in pairs_alike(rows, _PAIRS).items():
        for name in pair:
            scores[name].append(found.value)
    means = np.array([np.mean(scores[name]) if scores[name] else 1.0 for name in rows.names])
    return sorted(np.argsort(means, kind="stable")[:most].tolist())


def missing(table: Any, *, most: int = 20) -> Figure:
    """The share of rows in which each column is missing, of the columns in which some is: bars, the `most`
    greatest from the top.

    >>> figure = missing([{"age": 31, "cabin": None}, {"age": None, "cabin": None}, {"age": 4, "cabin": 1}])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['cabin', 'age']
    """
    read = columns_of(table)
    names = read.names or tuple(f"x{j}" for j in range(read.width))
    shares = {name: float(holes_in(each).mean()) for name, each in zip(names, read.arrays, strict=True)}
    shares = {name: share for name, share in shares.items() if share > 0}
    if not shares:
        raise ValueError("table must have a missing value, got none")
    return _column_bars(shares, "What is missing", "share of rows", most)


def kept_of(real: Any, means: Any, schema: Schema | None = None) -> dict[str, float]:
    """How much of each column reconstructions keep: of a number R² = 1 − Σ(x − x̂)²/Σ(x − x̄)²; of a category
    (a − b)/(1 − b), a the share of rows whose level is right and b that of the most frequent level: 1 is all,
    0 what a constant says. Columns that do not vary in these rows are left out.

    >>> real = [{"x": 1.0, "c": "a"}, {"x": 2.5, "c": "b"}, {"x": 3.0, "c": "a"}]
    >>> kept_of(real, [{"x": 1.0, "c": "a"}, {"x": 2.5, "c": "a"}, {"x": 3.0, "c": "a"}])
    {'x': 1.0, 'c': 0.0}
    """
    rows = Aligned.of({"real": real, "means": means}, schema)
    found = {}
    for place, (name, size) in enumerate(zip(rows.names, rows.sizes, strict=True)):
        x, mean = (rows.tables[table][:, place] for table in ("real", "means"))
        known = ~np.isnan(x)
        x, mean = x[known], mean[known]
        if len(np.unique(x)) < 2:
            continue
        if size:
            most = float(np.bincount(x.astype(int)).max() / len(x))
            found[name] = (float((x == mean).mean()) - most) / (1 - most)
        else:
            found[name] = 1 - float(((x - mean) ** 2).sum() / ((x - x.mean()) ** 2).sum())
    return found


def kept(real: Any, means: Any, *, schema: Schema | None = None, most: int = 20) -> Figure:
    """How much of each column reconstructions `means` keep of the `real` rows ([`kept_of`][]): bars, the
    `most` greatest from the top, from 0, what a constant says, to all."""
    shares = {name: max(share, 0.0) for name, share in kept_of(real, means, schema).items()}
    return _column_bars(shares, "What a code keeps of each column", "share kept", most)


def _column_bars(shares: dict[str, float], title: str, label: str, most: int) -> Figure:
    """A share of each column, from 0 to 1, by its name."""
    shown = sorted(shares, key=lambda name: -shares[name])[: positive(most, "most")]
    figure, axes = chart(title, label, "", (7.0, 1.1 + 0.24 * len(shown)))
    place, values = np.arange(len(shown)), np.array([shares[name] for name in shown])
    axes.barh(place, values, 0.6, color=TRAINING)
    for at, value in zip(place, values, strict=True):
        words, near = f"{value:.0%}" if value >= 0.1 else f"{value:.1%}", (4, 0)
        axes.annotate(
            words, (value, at), near, textcoords="offset points", va="center", fontsize=8, color=FAINT
        )
    axes.set_yticks(place, [_cut(name, 30) for name in shown])
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlim(0, 1.1 * max(values.max(initial=0), 0.01))
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    return _plain_text(figure)


def _cut(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def _in_lines(name: str) -> str:
    """A name in lines of at most 12 letters, broken at blanks and after signs where it can be.

    >>> _in_lines("mean concave_points")
    'mean\\nconcave_\\npoints'
    """
    lines = wrap(re.sub(r"(?<=[_.-])(?=\w)", " ", name), _LETTERS)
    return "\n".join(re.sub(r"(?<=[_.-]) ", "", line) for line in lines)


def _plain_text(figure: Figure) -> Figure:
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a column's "$" is no mathematics
    return figure
