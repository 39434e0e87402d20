"""Synthetic rows in a report: how good the model's own samples are."""

from __future__ import annotations

from collections.abc import Iterator

from lowerbound.pages.html import paragraph, section, table_of
from lowerbound.synthetic.quality import SyntheticQuality
from lowerbound.synthetic.score import Score
from lowerbound.text import counted, with_error

__all__ = ["synthetic"]

_WORST = 5


def synthetic(quality: SyntheticQuality, real: str) -> str:
    """The scores of samples beside `real` rows, in words and numbers; the columns and pairs that are least
    alike."""
    rows, drawn = quality.rows
    return section(
        "synthetic",
        "Synthetic rows",
        paragraph(f"{counted(drawn, 'row')} drawn from the model beside {rows:,} {real}. {_told(quality)}"),
        table_of(
            "Scores, with their errors over rows", ("", "score", "what it is"), _scores(quality), words=True
        ),
        _worst(quality),
        paragraph(
            "Margins prove little: columns drawn independently of each other win them. Where real rows have "
            "holes, drawn ones were given the same."
        ),
    )


def _told(quality: SyntheticQuality) -> str:
    """What a classifier makes of it."""
    auroc = quality.auroc
    words = (
        f"Shown one of each, a classifier points to the drawn row in {auroc} of the cases (½ is a guess): "
    )
    if auroc.value - 2 * auroc.standard_error <= 0.5:
        return f"{words}it cannot tell them apart."
    return words + ("now and then it can tell." if auroc.value < 0.75 else "it can tell them apart.")


def _scores(quality: SyntheticQuality) -> Iterator[tuple[str, str, str]]:
    yield "margins (Shape)", str(quality.shape), "how alike columns are, one by one; 1 is best"
    if quality.trend is not None:
        yield "pairs (Trend)", str(quality.trend), "how alike columns go together, two by two; 1 is best"
    yield (
        "detection (C2ST)",
        str(quality.c2st),
        "2 − 2 AUROC of that classifier; 1 is best, 0 is seen through",
    )
    if (found := quality.transfer) is not None:
        name = f"{found.measure} of {found.target}"
        yield f"{name}, trained on drawn rows", str(found.on_synthetic), "tested on held-out real rows"
        yield f"{name}, trained on real rows", str(found.on_real), "tested on the same"
        lost = with_error(found.difference.value, found.difference.standard_error, sign=True)
        yield "difference", lost, "paired over rows"
    if quality.nearer_to_training is not None:
        yield (
            "nearer to training rows",
            str(quality.nearer_to_training),
            "the share that is nearer to a training row than to any held-out row; ½ is best, more are copies",
        )


def _worst(quality: SyntheticQuality) -> str:
    """The columns and the pairs that are least alike."""
    columns = sorted(quality.margins.items(), key=lambda item: item[1].value)[:_WORST]
    pairs = sorted(quality.pairs.items(), key=lambda item: item[1].value)[:_WORST]
    rows: list[tuple[str, Score]] = [*columns, *((f"{a}, {b}", score) for (a, b), score in pairs)]
    return table_of(
        "Least alike: columns, and pairs of columns",
        ("", "score"),
        [(name, str(score)) for name, score in rows],
    )
