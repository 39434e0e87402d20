"""Whole workflows: what is trained is measured, and a page tells of what was measured."""

from contextlib import nullcontext

import numpy as np
import pytest

import lowerbound as lb
from lowerbound import workflow
from lowerbound.assembly import build
from lowerbound.baselines.comparison import OutsideWarning
from lowerbound.subject import Subject
from lowerbound.watch import Watch
from lowerbound.workflow import evaluate, report, train_run

COUNTS = np.random.default_rng(0).binomial(4, 0.3, (60, 3))
QUICK = dict(method="importance", epochs=1, samples=5, baselines=False)


@pytest.fixture(scope="module")
def model():
    return build(COUNTS, likelihood="beta-binomial", latent_dim=1, width=4).model


@pytest.mark.slow
def test_one_held_out_row_outside_the_support_does_not_lose_the_run(model, tmp_path):
    """A count of 20 after at most 4: the run is written with its metrics, and the row is named in them."""
    held_out = np.concatenate([COUNTS[50:], [[0, 20, 0]]])
    with pytest.warns(OutsideWarning, match="found 20 in row 10, column 1"):
        run = train_run(tmp_path / "run", model, COUNTS[:50], held_out, **QUICK)
    assert run.metrics.rows_not_finite == (10,)
    assert np.isfinite(run.metrics.log_likelihood)
    assert (run.path / "reconstructions.png").exists()


@pytest.mark.parametrize("held_out", [COUNTS[50:] + 20, COUNTS[50:, :2]], ids=["outside", "narrow"])
def test_held_out_rows_that_cannot_be_scored_at_all_are_refused_before_training(
    model, tmp_path, monkeypatch, held_out
):
    monkeypatch.setattr(workflow, "fit", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(lb.DataError):
        train_run(tmp_path / "run", model, COUNTS[:50], held_out, **QUICK)
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
def test_a_watch_is_told_what_is_done_and_the_last_it_hears_is_the_result(model, tmp_path):
    class Told(Watch):
        def __init__(self):
            self.words, self.scored, self.trained = [], [], []

        def said(self, text):
            self.words.append(text)

        def training(self):
            return nullcontext(self.trained.append)

        def scoring(self, rows):
            return nullcontext(self.scored.append)

        def encoding(self):
            raise AssertionError("rows in memory are not encoded into a file")

    told = Told()
    run = train_run(tmp_path / "run", model, COUNTS[:50], COUNTS[50:], watch=told, **QUICK)
    assert [record["step"] for record in told.trained] == [record["step"] for record in run.history]
    assert told.scored[-1]["log_prob"] == pytest.approx(run.metrics.log_likelihood, rel=1e-9)
    assert told.scored[-1]["standard_error"] == pytest.approx(run.metrics.log_likelihood_standard_error)
    assert "log p(x) of 10 rows of x, up to 5 samples a row" in told.words


@pytest.mark.thorough
def test_a_model_an_estimator_and_a_run_are_evaluated_alike(tmp_path):
    options = {"evidence_method": "importance", "evidence_samples": 5, "random_state": 0}
    vae = lb.VariationalAutoencoder(1, width=4, epochs=1, **options).fit(COUNTS)
    vae.save(tmp_path / "vae")
    found = [
        lb.evaluate(what, COUNTS, method="importance", samples=5).metrics
        for what in (vae, vae.model_, tmp_path / "vae")
    ]
    assert len({metrics.log_likelihood for metrics in found}) == 1
    with pytest.raises(TypeError, match="a fitted estimator, or a run or its folder, found int"):
        Subject.of(3)


def test_baselines_are_those_that_are_given(model):
    baselines = lb.fit_baselines(COUNTS, lb.BetaBinomial(3, 4))
    metrics = evaluate(model, COUNTS, baselines=baselines, method="importance", samples=5).metrics
    assert set(metrics.baselines) == set(baselines)
    assert evaluate(model, COUNTS, method="importance", samples=5).metrics.baselines == {}


@pytest.mark.slow
def test_a_report_is_written_where_it_is_asked_for(model, tmp_path):
    page = report(model, COUNTS, tmp_path / "report.html", train=COUNTS, samples=30)
    assert (tmp_path / "report.html").read_text("utf-8") == page.html
    assert f"{page.evaluation.metrics.n_rows} rows" in page.html
    assert page.diagnosis.rows == 60
