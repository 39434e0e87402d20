"""A model's samples, judged, from Python and in a report."""

import numpy as np
import pandas as pd
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.errors import DataError
from lowerbound.data.sources import Source
from lowerbound.figures.run import pictures_of
from lowerbound.figures.shown import Shown
from lowerbound.synthetic.samples import check_target, samples_quality

RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {"mass": RANDOM.normal(size=120), "kind": RANDOM.choice(["x", "y", None], 120), "n": np.arange(120) % 50}
)
SOURCE = Source.of(TABLE, "table", missing=True)


@pytest.fixture(scope="module")
def model():
    return build(SOURCE.rows, latent_dim=2, width=8).model


@pytest.mark.thorough
def test_samples_have_the_holes_of_the_rows_that_trained_the_model(model):
    x = SOURCE.x
    quality = samples_quality(model, SOURCE.schema, x[80:], x[:80], target="kind")
    assert quality.rows == (80, 80)
    assert quality.transfer.target == "kind"
    assert quality.nearer_to_training is not None
    assert set(quality.to_json()["pairs"][0]) == {"columns", "value", "standard_error"}
    alone = samples_quality(model, SOURCE.schema, x, None)
    assert (alone.rows, alone.transfer, alone.nearer_to_training) == ((120, 120), None, None)


@pytest.mark.thorough
def test_a_table_is_shown_by_its_columns(model):
    shown = Shown.of(model, SOURCE)
    found = pictures_of(shown)
    assert {"margins", "pairs", "kept", "missing"} <= set(found)
    assert "samples" not in found
    titles = [axes.get_title("left") for axes in found["margins"].figure.axes]
    assert titles == ["mass", "kind", "n"]
    kinds = [
        [cell is None for cell in shown.real_and_drawn[name].arrays[1]] for name in ("real", "synthetic")
    ]
    assert kinds[0] == kinds[1] == TABLE["kind"].isna().tolist()


def test_a_target_is_looked_at_before_anything_else():
    with pytest.raises(DataError, match="target: expected one of the columns mass, kind, n, found 'age'"):
        check_target("age", SOURCE, SOURCE.x)
    with pytest.raises(DataError, match="the rows that trained the model, beside samples, found none"):
        check_target("kind", SOURCE, None)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_report_judges_samples_beside_training_rows():
    fast = {"evidence_method": "importance", "evidence_samples": 10, "missing": True}
    vae = lb.VariationalAutoencoder(2, width=8, epochs=1, random_state=0, **fast).fit(TABLE[:80])
    page = lb.report(vae, TABLE[80:], train=TABLE[:80], target="kind", samples=10, method="importance")
    assert page.quality.rows == (80, 80)
    assert "80 rows drawn from the model beside 80 training rows." in page.html
