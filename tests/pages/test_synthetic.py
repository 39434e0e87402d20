"""Synthetic rows in a report: the scores as they are, in words that do not say more."""

import pytest

from lowerbound.pages.synthetic import synthetic
from lowerbound.synthetic.quality import SyntheticQuality
from lowerbound.synthetic.score import Score
from lowerbound.synthetic.transfer import Transfer

GOOD = Score(0.98, 0.01)


def quality(auroc, **options):
    columns = {f"<{name}>": Score(0.9 - i / 100, 0.01) for i, name in enumerate("abcdefg")}
    pairs = {("<a>", "b"): Score(0.5, 0.02)}
    return SyntheticQuality((400, 300), columns, GOOD, pairs, GOOD, Score(auroc, 0.01), **options)


@pytest.mark.parametrize(
    ("auroc", "words"),
    [
        (0.48, "it cannot tell them apart"),
        (0.515, "it cannot tell them apart"),
        (0.6, "now and then it can tell"),
        (0.9, "it can tell them apart"),
    ],
)
def test_a_classifier_is_said_to_tell_what_it_can(auroc, words):
    page = synthetic(quality(auroc), "training rows")
    assert (
        f"points to the drawn row in {auroc:.3f}\u00a0±\u00a00.010 of the cases (½ is a guess): {words}."
        in page
    )
    assert "300 rows drawn from the model beside 400 training rows." in page


def test_the_least_alike_are_named_and_names_are_text():
    page = synthetic(quality(0.6), "real rows")
    assert page.index("&lt;g&gt;") < page.index("&lt;c&gt;") < page.index("&lt;a&gt;, b")
    assert "&lt;b&gt;" not in page  # of seven columns the least five
    assert "<a>" not in page


def test_use_and_copies_are_there_where_they_were_measured():
    transfer = Transfer("income", "AUROC", Score(0.9, 0.01), Score(0.92, 0.01), Score(-0.02, 0.004))
    page = synthetic(quality(0.6, transfer=transfer, nearer_to_training=Score(0.51, 0.02)), "real rows")
    assert "AUROC of income, trained on drawn rows" in page
    assert "−0.0200 ± 0.0040" in page
    assert "0.510 ± 0.020" in page
    without = synthetic(quality(0.6), "real rows")
    assert "income" not in without
    assert "nearer to training" not in without
