"""A panel finds what one model of all rows has learned: anomalies that cluster."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import lowerbound as lb
from lowerbound.anomalies.margins import Margins

QUICK = {"evidence_method": "importance", "evidence_samples": 10, "random_state": 0, "epochs": 200}


def test_margins_are_the_columns_histograms():
    """Shares of the training rows sum to 1 and one row more a bin; whole numbers have a bin each."""
    rng = np.random.default_rng(0)
    x = np.c_[rng.integers(3, 6, 100), rng.normal(size=100)]
    margins = Margins.of(x)
    assert [len(counts) for counts in margins.counts] == [3, 20]
    assert [counts.sum() for counts in margins.counts] == [103, 120]
    counts = np.array([(x[:, 0] == value).sum() for value in (3, 4, 5)])
    alone = margins.log_share(np.array([[3, np.nan], [4, np.nan], [5, np.nan], [9, np.nan]]))
    np.testing.assert_allclose(alone, np.log(np.r_[counts + 1, 1] / 100))


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_cluster_of_anomalies_is_found_that_one_model_has_learned(tmp_path):
    """Of 1,500 rows about a curve 4 % are a tight cluster at its side: log p(x) puts it among the likeliest
    rows, the panel among the oddest. Saved and loaded, each score is the same."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, 1440)
    usual = np.c_[t, t**2, rng.normal(size=(1440, 2))] + rng.normal(0, 0.3, (1440, 4))
    odd = np.array([1.5, -1.0, 2.0, -2.0]) + rng.normal(0, 0.05, (60, 4))
    X, y = np.r_[usual, odd], np.arange(1500) >= 1440
    vae = lb.VariationalAutoencoder(4, width=64, contaminated=True, **QUICK).fit(X)
    by_panel, by_model = vae.decision_function(X), vae.score_samples(X)
    assert roc_auc_score(y, -by_panel) > 0.95
    assert roc_auc_score(y, -by_model) < roc_auc_score(y, -by_panel) - 0.1
    np.testing.assert_array_equal(vae.predict(X) == -1, vae.p_values(X) <= 0.1)
    vae.save(tmp_path / "vae")
    again = lb.load(tmp_path / "vae")
    np.testing.assert_array_equal(again.decision_function(X[:50]), by_panel[:50])
    assert again.threshold(0.1) == vae.offset_
