"""The head of a report: what it is on, the verdict, and what to read first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape

from lowerbound.archive.records import BaselineScore, Metrics, Provenance
from lowerbound.baselines.comparison import baseline_ahead
from lowerbound.diagnosis.diagnosis import Diagnosis, overall
from lowerbound.pages.html import marked, paragraph
from lowerbound.text import counted, named_rows, spaced, with_error

__all__ = ["head"]


def head(title: str, provenance: Provenance | None, metrics: Metrics, diagnosis: Diagnosis) -> str:
    """Title, verdict, alerts, and four numbers."""
    size = f"{counted(metrics.n_rows, 'row')} of {counted(metrics.n_dims, 'column')}"
    what = f"A variational auto-encoder, {size}"
    if provenance is not None:
        what += f"; trained on {provenance.data.source}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        paragraph(what + ".", "quiet"),
        paragraph(" ".join(filter(None, [_baseline(metrics), overall(diagnosis.verdicts)])), "verdict"),
        *(f'<p class="alert"><strong>{escape(a)}</strong> {marked(b)}</p>' for a, b in _alerts(metrics)),
        _glance(metrics),
    ]
    return "<header>\n" + "\n".join(parts) + "\n</header>"


def _baseline(metrics: Metrics) -> str:
    """The verdict by the baselines, where one wins."""
    sentence = baseline_ahead(metrics)
    return sentence and f"{sentence}."


def _alerts(metrics: Metrics) -> Iterable[tuple[str, str]]:
    """What the checks do not see and a reader must: a word, and why."""
    if lost := metrics.rows_not_finite:
        others = counted(metrics.n_rows - len(lost), "row")
        yield (
            "Left out.",
            f"log p(x) or its bound is not finite for {named_rows(lost, 200)} (counted from 0). Every figure "
            f"here is of the other {others}.",
        )
    if known := metrics.rows_trained_on:
        yield (
            "Not held out.",
            f"{known:,} of these rows trained the model: it is likely to do worse on others.",
        )
    if known := metrics.rows_that_chose_the_model:
        yield "Not held out.", f"{known:,} of these rows chose the stopping point."
    if known := metrics.rows_repeated:
        yield (
            "Rows repeat.",
            f"{known:,} of these rows equal rows that the model has seen, as many as repeat in the data.",
        )


def _best(baselines: Mapping[str, BaselineScore]) -> tuple[str, BaselineScore | None]:
    """The baseline that the model is least ahead of."""
    none: tuple[str, BaselineScore | None] = ("", None)
    return min(baselines.items(), key=lambda item: item[1].difference, default=none)


def _glance(metrics: Metrics) -> str:
    tiles = [
        (
            "log p(x)",
            with_error(metrics.log_likelihood, metrics.log_likelihood_standard_error),
            "nats a row",
        )
    ]
    name, best = _best(metrics.baselines)
    if best is not None:
        gain = with_error(best.difference, best.difference_standard_error, sign=True)
        tiles.append(("against the best baseline", gain, f"nats a row, paired; {spaced(name)}"))
    bits = metrics.log_likelihood_standard_error / metrics.n_dims / math.log(2)
    tiles.append(("bits per dimension", with_error(metrics.bits_per_dim, bits), "fewer are better"))
    if metrics.rows_not_reliable:
        share = metrics.rows_not_reliable / (metrics.n_rows - len(metrics.rows_not_finite))
        tiles.append(("not to be relied on", f"{share:.0%}", "of rows, for log p(x) and its error"))
    cells = (
        f"<div><dt>{escape(name)}</dt><dd><strong>{marked(value)}</strong>{escape(unit)}</dd></div>"
        for name, value, unit in tiles
    )
    return f'<dl class="glance">{"".join(cells)}</dl>'
