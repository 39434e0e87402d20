"""The report: its numbers are those of the evaluation, and the page needs nothing and harms nobody."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lowerbound.assembly import build
from lowerbound.baselines.comparison import Evaluation, TrainedOn, compared
from lowerbound.data.sources import Source
from lowerbound.pages import report

from ..browser import chromium, visit
from .page import NASTY, OTHERS, Reader, a_diagnosis


class TestPage:
    def test_the_verdict_comes_first_and_what_is_to_change_before_what_is_not(self, words):
        verdict = words.index("One of two checks calls for a change.")
        change, healthy = words.index("Collapsed dimensions to change"), words.index("Weak posterior healthy")
        assert (
            verdict
            < change
            < words.index("Try: " + NASTY + ": latent_dim=1")
            < healthy
            < words.index("Numbers")
        )
        assert words.index("Numbers") < words.index("Pictures") < words.index("How it was made")

    def test_numbers_are_the_evaluations_with_both_errors_apart(self, words, evaluation):
        m = evaluation.metrics
        errors = m.log_likelihood_standard_error, m.log_likelihood_monte_carlo_error
        two_figures = [f"{e:.{max(1 - int(np.floor(np.log10(e))), 0)}f}" for e in errors]
        decimals = len(two_figures[0].partition(".")[2])
        value = f"{m.log_likelihood:.{decimals}f}".replace("-", "−")
        assert re.search(rf"log p\(x\)\s*{value}\s*{two_figures[0]}\s*{two_figures[1]}", words)
        assert "counting measure. log p(x) by samples of q(z∣x) alone (50 rows, 30 samples each)" in words
        for name, baseline in m.baselines.items():
            assert name.replace("-", " ") in words
            assert baseline.note in words
        assert "1.250 ± 0.031" in words

    def test_a_baseline_that_is_better_is_said_at_the_top(self, words):
        assert re.search(
            r"A baseline wins: coin toss is [\d.]+ ± [\d.]+ nats a row above this model\.", words
        )

    def test_how_it_was_made(self, words):
        for fact in (
            "1,437 rows of 64, SHA-256 0123abcd",
            "1,293 rows trained, 144 chose",
            "seed 7",
            "0.0.1",
        ):
            assert fact in words
        assert "DiagonalGaussian of 2 dimensions, conditioned by MLP (64 → 8, 8 → 8, 8 → 4)" in words
        assert f"lowerbound fit '{NASTY}'" in words

    def test_what_came_from_outside_is_text(self, page, read, words):
        assert NASTY in words
        assert "<script" not in page
        assert read.all("script", "iframe", "object", "img", "a", "form") == []
        assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)

    def test_it_asks_for_nothing(self, page, read):
        policy = read.all("meta")[1]
        assert policy["http-equiv"] == "Content-Security-Policy"
        assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        named = ("src", "href", "xlink:href")
        links = [attributes[name] for _, attributes in read.elements for name in named if name in attributes]
        assert len(links) > 30
        assert all(link.startswith(("data:", "#")) for link in links)
        assert "@import" not in page
        assert all(place.startswith("#") for place in re.findall(r"url\((.*?)\)", page))

    def test_pictures_say_what_they_show_and_share_no_ids(self, read):
        pictures = read.all("svg")
        assert all(picture["role"] == "img" and len(picture["aria-label"]) > 40 for picture in pictures)
        assert sum(bool(re.search(r"\d", picture["aria-label"])) for picture in pictures) == len(pictures)
        # bound, reconstructions, samples twice, neighbours, codes, manifold, KL, rate, k-hat
        assert len(pictures) == 10
        ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
        assert len(ids) == len(set(ids)) > 100
        links = [a["xlink:href"] for a in read.all("use")]
        assert {link.removeprefix("#") for link in links} <= set(ids)
        clips = {a["clip-path"] for _, a in read.elements if "clip-path" in a}
        assert {clip.removeprefix("url(#").removesuffix(")") for clip in clips} <= set(ids)

    def test_headings_and_tables_are_in_order(self, read):
        levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
        assert all(cell.get("scope") in ("row", "col") for cell in read.all("th"))
        assert len(read.all("table")) == len(read.all("caption")) == 3
        assert read.all("html") == [{"lang": "en"}]

    def test_the_text_of_charts_is_text(self, words):
        for text in ("nats per row", "Pareto k-hat", "rate [nats per row]", "latent dimension"):
            assert text in words

    def test_the_same_call_gives_the_same_page(self, page, call):
        assert report.page(*call[0], **call[1]) == page

    def test_it_is_small(self, page):
        assert len(page.encode()) < 1e6

    def test_rows_that_are_not_finite_are_named_and_left_out(self, model, source, evaluation, page):
        log_prob = evaluation.evidence.log_prob.copy()
        log_prob[[4, 9]] = -np.inf, np.nan
        metrics = replace(evaluation.metrics, rows_not_finite=(4, 9))
        holed = Evaluation(metrics, replace(evaluation.evidence, log_prob=log_prob))
        found = report.page(model, source, holed, a_diagnosis())
        words = "".join(Reader(found).text)
        assert "not finite for rows 4, 9 (counted from 0). Every figure here is of the other 48 rows" in words
        assert "On 48 rows" in words
        assert "nan" not in words.replace("dominant", "")

    def test_rows_that_trained_the_model_are_no_held_out_rows(self, model, source, evaluation):
        known = Evaluation(replace(evaluation.metrics, rows_trained_on=12), evaluation.evidence)
        words = "".join(Reader(report.page(model, source, known, a_diagnosis(), train=OTHERS.x)).text)
        assert "12 of these rows trained the model" in words
        assert "with probability" not in words

    @pytest.mark.thorough
    def test_a_table_with_missing_values_and_no_history_or_provenance(self):
        x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
        x[::7, 1] = np.nan
        bare, source = build(x, latent_dim=1, width=8, missing=True).model, Source(x, "table")
        evaluation = compared(bare, source, {}, TrainedOn(), method="importance", samples=5)
        read = Reader(report.page(bare, source, evaluation, a_diagnosis(), train=x))
        words = "".join(read.text)
        assert "The training rows have missing values" in words
        assert "No baselines were fitted" in words
        assert "None of no checks" not in words
        assert "k-hat" not in [a.get("aria-labelledby") for a in read.all("section")]
        assert len(read.all("svg")) == 6  # five samples a row have no k-hat


@pytest.mark.skipif(chromium() is None, reason="no chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1440])
def test_a_browser_shows_it_without_a_request_or_a_complaint(page, tmp_path, width):
    (tmp_path / "report.html").write_text(page, "utf-8")
    seen = visit(tmp_path / "report.html", tmp_path / "profile", width=width, dark=width == 390)
    assert [url for url in seen.requests if not url.startswith("data:")] == [
        (tmp_path / "report.html").as_uri()
    ]
    assert seen.complaints == []
    assert seen.width <= width
    assert seen.screenshot.startswith(b"\x89PNG")
