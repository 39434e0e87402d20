"""A panel finds what one model of all rows has learned: anomalies that cluster."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import lowerbound as lb
from lowerbound.anomalies.histograms import Histograms
from lowerbound.anomalies.panel import Panel
from lowerbound.data.rows import Rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"evidence_method": "importance", "evidence_samples": 10, "contaminated": True, "random_state": 0}


def test_each_column_has_its_own():
    """Shares of the training rows sum to 1 and one row more a bin; whole numbers have a bin each."""
    rng = np.random.default_rng(0)
    x = np.c_[rng.integers(3, 6, 100), rng.normal(size=100)]
    histograms = Histograms.of(x)
    assert [len(counts) for counts in histograms.counts] == [3, 20]
    assert [counts.sum() for counts in histograms.counts] == [103, 120]
    counts = np.array([(x[:, 0] == value).sum() for value in (3, 4, 5)])
    alone = histograms.log_share(np.array([[3, np.nan], [4, np.nan], [5, np.nan], [9, np.nan]]))
    np.testing.assert_allclose(alone, np.log(np.r_[counts + 1, 1] / 100))


def test_the_lowest_of_the_panel_counts_in_interquartile_ranges():
    """Without bags: of the model and the histograms."""
    x = np.array([[0], [0], [0], [1]])
    histograms = Histograms.of(x)
    panel = Panel((), histograms, centre=np.array([-5.0, 0.0]), spread=np.array([2.0, 0.5]))
    by_model, by_columns = np.array([0.5, -1.0, -np.inf, 0.5]), histograms.log_share(x) / 0.5
    scores = panel.scores(Rows(x), -5.0 + 2.0 * by_model)
    np.testing.assert_allclose(scores, np.minimum(by_model, by_columns))


@pytest.mark.slow
def test_the_estimator_goes_by_its_panel(tmp_path):
    """Its p-values as well; saved and loaded, each score is the same; log p(x) stays that of the model."""
    X = np.random.default_rng(0).normal(size=(300, 3)) @ np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    vae = lb.VariationalAutoencoder(2, width=16, epochs=5, **QUICK).fit(X)
    np.testing.assert_array_equal(vae.predict(X) == -1, vae.p_values(X) <= 0.1)
    rows = vae._rows(vae._validated(X))
    expected = vae.panel_.scores(rows, vae.score_samples(X)) - vae.offset_
    np.testing.assert_array_equal(vae.decision_function(X), expected)
    vae.save(tmp_path / "vae")
    again = lb.load(tmp_path / "vae")
    np.testing.assert_array_equal(again.decision_function(X), expected)
    assert again.threshold(0.1) == vae.offset_


@pytest.mark.slow
def test_a_cluster_of_anomalies_is_found_that_one_model_has_learned(shared_data):
    """Of pen strokes, 2 % of another digit: the ROC-AUC of the panel is above that of log p(x) by 0.05."""
    with np.load(shared_data("adbench_28_pendigits.npz")) as arrays:
        X, y = arrays["X"].astype(float), arrays["y"]
    X = (X - X.mean(0)) / X.std(0)
    vae = lb.VariationalAutoencoder(calibration=0, **QUICK).fit(X)
    by_model, by_panel = (roc_auc_score(y, -s) for s in (vae.score_samples(X), vae.decision_function(X)))
    assert by_panel > by_model + 0.05
