"""The pictures of a run on a table, each with its words."""

from __future__ import annotations

import numpy as np

from lowerbound.figures.shown import TABLE, Drawn, Shown
from lowerbound.figures.tables import kept, kept_of, margins, missing, pairs
from lowerbound.inference.codes import reconstruct
from lowerbound.synthetic.aligned import Aligned, as_columns
from lowerbound.synthetic.margins import margins_alike
from lowerbound.synthetic.pairs import pairs_alike
from lowerbound.synthetic.score import mean
from lowerbound.text import counted

__all__ = ["kept_by", "margins_of", "missing_in", "pairs_of"]

_PAIRS = 1_000  # that are looked at


def margins_of(shown: Shown) -> Drawn | None:
    """Rows beside samples, column by column; None where they are no table."""
    if shown.table is None:
        return None
    both = shown.real_and_drawn
    alike = margins_alike(Aligned.of(dict(both), shown.table))
    least = min(alike, key=lambda name: alike[name].value)
    count = counted(both["real"].length, "row")
    return (
        margins(both["real"], both["synthetic"], schema=shown.table, across=max(2, shown.columns // 4)),
        f"{count} and as many samples of the model, column by column: from 0 to 1 they are alike by "
        f"{mean(alike.values()).score} in the mean, least in {least}, by {alike[least].score}.",
        "Each column of the rows and of as many samples, in its own unit, and how alike they are: 1 − the "
        "greatest distance of distribution functions, or 1 − half the sum of differences of levels' shares.",
    )


def pairs_of(shown: Shown) -> Drawn | None:
    """Rows beside samples, pair by pair; None where they are no table of two columns."""
    if shown.table is None or sum(column.tokens is None for column in shown.table.encoded) < 2:
        return None
    both = shown.real_and_drawn
    alike = pairs_alike(Aligned.of(dict(both), shown.table), _PAIRS)
    a, b = min(alike, key=lambda pair: alike[pair].value)
    return (
        pairs(both["real"], both["synthetic"], schema=shown.table),
        f"Histograms of two columns each: from 0 to 1 pairs are alike by {mean(alike.values()).score} in the "
        f"mean, least {a} and {b}, by {alike[a, b].score}.",
        "Below the diagonal the rows, above it samples of the model: mirror images where columns go together "
        "as they do in the data.",
    )


def missing_in(shown: Shown) -> Drawn | None:
    """What is missing; None where nothing is, or in no table."""
    holes = np.isnan(shown.x.astype(np.float64))
    if shown.table is None or not holes.any():
        return None
    holes = holes[:, shown.table.firsts]
    held = [place for place, column in enumerate(shown.table.columns) if column.encoded]
    most = int(holes.mean(0).argmax())
    name = shown.table.encoded[most].name
    return (
        missing(as_columns(shown.table, shown.x).taken(held)),
        f"Of all values {holes.mean():.1%} are missing; of {name}, most, {holes[:, most].mean():.1%}; "
        f"{(~holes.any(1)).mean():.0%} of the rows are whole.",
        "The share of rows in which a column has no value. The bound and log p(x) are those of what was "
        "observed.",
    )


def kept_by(shown: Shown) -> Drawn | None:
    """What a code keeps of each column; None where rows are no table."""
    if shown.table is None:
        return None
    x = shown.x[:TABLE]
    means = reconstruct(shown.model, x, key=shown.seed)
    real, back = as_columns(shown.table, x), as_columns(shown.table, means)
    shares = kept_of(real, back, shown.table)
    if not shares:
        return None
    most, least = max(shares, key=lambda n: shares[n]), min(shares, key=lambda n: shares[n])
    return (
        kept(real, back, schema=shown.table),
        f"Of {counted(len(x), 'row')} a code keeps most of {most} ({shares[most]:.0%}), least of {least} "
        f"({max(shares[least], 0.0):.0%}).",
        "The likelihood's means at the posterior means: R² of a number, of a category the share of right "
        "levels beyond that of the most frequent one. What is not kept is drawn as noise.",
    )
