"""The report: its numbers are those of the evaluation, and the page needs nothing and harms nobody."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from lowerbound.archive.store import Saved
from lowerbound.assembly import build
from lowerbound.data.sources import Source, open_source
from lowerbound.diagnosis.diagnosis import Diagnosis, Estimate, Verdict
from lowerbound.pages.report import nearest, nearness, overall, report
from lowerbound.workflow import Evaluation, evaluate, fingerprints, rows_among

from ..browser import chromium, visit

NASTY = "<script>alert('$x')</script>&amp;\"--!>"
DIGITS, OTHERS = (
    replace(source, x=(source.x > 7).astype(np.uint8))
    for source in map(open_source, ("digits:test", "digits:train"))
)
HISTORY = [
    {"epoch": float(i), "bound": -99.0 + i, "validation_bound": -98.5 + i - i**2 / 9} for i in range(1, 9)
]


def a_diagnosis(*verdicts):
    """A diagnosis of a model of two latent dimensions, without the work."""
    one = Estimate(1.25, 0.031)
    return Diagnosis(
        rows=50, gap_rows=20, posterior_mean_variance=np.array([0.9, 0.001]), active=np.array([True, False]),
        kl_per_dimension=np.array([2.5, 0.01]), rate=one, distortion=one, elbo=one, mutual_information=one,
        mutual_information_upper=one, marginal_kl=one, marginal_kl_lower=None, log_evidence=one,
        inference_gap=one, approximation_gap=None, amortization_gap=None, generalization_gap=one,
        decoder_scale=None, verdicts=verdicts, notes=("not judged: " + NASTY,),
    )  # fmt: skip


VERDICTS = (
    Verdict("weak posterior", True, "It loses 1.00 ± 0.10 nats a row."),
    Verdict("collapsed dimensions", False, f"1 of 2 is not used {NASTY}.", f"--latent-dim 1 {NASTY}"),
)


class Baseline:
    """One that gives rows about the same log p(x)."""

    def __init__(self, log_prob):
        self.mean, self.note = log_prob, f"a stand-in at {log_prob} {NASTY}"

    def log_prob(self, x):
        return self.mean + x[:, 20]


@pytest.fixture(scope="module")
def saved():
    """An untrained model of the digits, from a file with a nasty name."""
    built = build(OTHERS.x, latent_dim=2, width=8)
    provenance = {
        "data": {"source": NASTY, "rows": 1437, "columns": 64, "sha256": "0123abcd"},
        "split": {"train_rows": 1293, "validation_rows": 144},
        "seed": 7,
        "stopped": "patience",
        "best_step": 1234,
        "versions": {"lowerbound": "0.0.1"},
        "command": f"lowerbound fit '{NASTY}'",
    }
    return Saved(built.model, provenance, {"train_rows": fingerprints(OTHERS.x)})


@pytest.fixture(scope="module")
def source():
    kinds = [f"{NASTY}{label}" for label in DIGITS.labels[:50] % 3]
    return Source(DIGITS.x[:50], f"rows of {NASTY}", (8, 8), np.array(kinds))


@pytest.fixture(scope="module")
def evaluation(saved, source):
    return evaluate(saved, source.x, {"coin-toss": Baseline(-20.0), "dice": Baseline(-500.0)}, samples=30)


@pytest.fixture(scope="module")
def page(saved, source, evaluation):
    return report(saved, source, evaluation, a_diagnosis(*VERDICTS), history=HISTORY, train=OTHERS.x, seed=3)


class Reader(HTMLParser):
    """The elements of a page in order, whose tags must close as they open."""

    VOID = ("meta", "link", "br")

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.text.append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


@pytest.fixture(scope="module")
def words(read):
    return " ".join("".join(read.text).split())


class TestPage:
    def test_the_verdict_comes_first_and_what_is_to_change_before_what_is_not(self, words):
        verdict = words.index("One of two checks calls for a change.")
        change, healthy = words.index("Collapsed dimensions to change"), words.index("Weak posterior healthy")
        assert verdict < change < words.index("Try: --latent-dim 1") < healthy < words.index("Numbers")
        assert words.index("Numbers") < words.index("Pictures") < words.index("How it was made")

    def test_numbers_are_the_evaluations_with_both_errors_apart(self, words, evaluation):
        m = evaluation.metrics
        errors = m["log_likelihood_standard_error"], m["log_likelihood_monte_carlo_error"]
        two_figures = [f"{e:.{max(1 - int(np.floor(np.log10(e))), 0)}f}" for e in errors]
        decimals = len(two_figures[0].partition(".")[2])
        value = f"{m['log_likelihood']:.{decimals}f}".replace("-", "−")
        assert re.search(rf"log p\(x\)\s*{value}\s*{two_figures[0]}\s*{two_figures[1]}", words)
        assert "counting measure. 30 samples" in words
        for name, baseline in m["baselines"].items():
            assert name.replace("-", " ") in words
            assert baseline["note"] in words
        assert "1.250 ± 0.031" in words

    def test_a_baseline_that_is_better_is_said_at_the_top(self, words):
        assert re.search(r"Behind a baseline\. Coin toss is [\d.]+ ± [\d.]+ nats a row better", words)

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

    def test_the_same_call_gives_the_same_page(self, page, saved, source, evaluation):
        again = report(
            saved, source, evaluation, a_diagnosis(*VERDICTS), history=HISTORY, train=OTHERS.x, seed=3
        )
        assert again == page

    def test_it_is_small(self, page):
        assert len(page.encode()) < 1e6

    def test_rows_that_are_not_finite_are_named_and_left_out(self, saved, source, evaluation, page):
        log_prob = evaluation.evidence.log_prob.copy()
        log_prob[[4, 9]] = -np.inf, np.nan
        metrics = evaluation.metrics | {"rows_not_finite": [4, 9]}
        holed = Evaluation(metrics, replace(evaluation.evidence, log_prob=log_prob))
        found = report(saved, source, holed, a_diagnosis())
        words = "".join(Reader(found).text)
        assert "not finite for rows 4, 9 (counted from 0). Every figure here is of the other 48 rows" in words
        assert "On 48 rows" in words
        assert "nan" not in words.replace("dominant", "")

    def test_rows_that_trained_the_model_are_no_held_out_rows(self, saved, source, evaluation):
        known = Evaluation(evaluation.metrics | {"rows_trained_on": 12}, evaluation.evidence)
        words = "".join(Reader(report(saved, source, known, a_diagnosis(), train=OTHERS.x)).text)
        assert "12 of these rows trained the model" in words
        assert "with probability" not in words

    def test_a_table_with_missing_values_and_no_history_or_provenance(self):
        x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
        x[::7, 1] = np.nan
        built = build(x, latent_dim=1, width=8, missing=True)
        bare = Saved(built.model)
        evaluation = evaluate(bare, x, {}, samples=5)
        read = Reader(report(bare, Source(x, "table"), evaluation, a_diagnosis(), train=x))
        words = "".join(read.text)
        assert "The training rows have missing values" in words
        assert "No baselines were fitted" in words
        assert "None of no checks" not in words
        assert "k-hat" not in [a.get("aria-labelledby") for a in read.all("section")]
        assert len(read.all("svg")) == 6  # five samples a row have no k-hat


class TestSentences:
    def test_the_verdict_counts(self):
        well, ill = (Verdict("a", healthy, "") for healthy in (True, False))
        assert overall([well] * 7) == "None of seven checks calls for a change."
        assert overall([well, ill, ill]) == "Two of three checks call for a change."
        assert overall([ill]) == "The one check calls for a change."
        assert overall([ill] * 12) == "All of 12 checks call for a change."
        assert overall([]) == "Nothing was checked."


class TestNeighbours:
    def test_nearest_is_the_least_distance(self):
        rng = np.random.default_rng(0)
        rows, among = rng.normal(size=(70, 5)), rng.normal(size=(33, 5))
        index, distance = nearest(rows, among, chunk=16)
        apart = np.linalg.norm(rows[:, None] - among, axis=2)
        np.testing.assert_array_equal(index, apart.argmin(1))
        np.testing.assert_allclose(distance, apart.min(1))

    def test_nearness_of_two_gaussians(self):
        """P(a < b) = Φ((μ_b − μ_a)/√2); the errors said are those seen over repetitions."""
        rng = np.random.default_rng(0)
        said = [nearness(rng.normal(size=80), rng.normal(0.7, 1, size=120)) for _ in range(400)]
        estimates, errors = np.array(said).T
        exact, spread = norm.cdf(0.7 / np.sqrt(2)), estimates.std(ddof=1)
        assert abs(estimates.mean() - exact) < 4 * spread / 20
        assert errors.mean() == pytest.approx(spread, rel=4 / np.sqrt(2 * 400))

    def test_copies_are_seen(self):
        rng = np.random.default_rng(0)
        train, held, new = rng.normal(size=(3, 200, 4))
        distances = [nearest(rows, train)[1] for rows in (train + 1e-3, held, new)]
        assert nearness(distances[0], distances[1])[0] == 1
        share, error = nearness(distances[2], distances[1])
        assert abs(share - 0.5) < 4 * error

    def test_rows_are_found_again_or_not_at_all(self):
        x = OTHERS.x[:20]
        shuffled = x[np.random.default_rng(0).permutation(20)]
        found = rows_among(shuffled, fingerprints(x[:5]))
        assert set(map(bytes, found)) == set(map(bytes, x[:5]))
        assert rows_among(x[1:], fingerprints(x[:5])) is None


def luminance(colour):
    """WCAG 2.2: relative luminance of #rrggbb."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme):
    """WCAG 2.2: text 4.5 to 1, lines and bars 3 to 1."""
    style = resources.files("lowerbound.pages").joinpath("report.html").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.S)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", light if scheme == "light" else dark))
    texts = [(text, paper) for text in ("ink", "faint", "warning", "healthy") for paper in ("paper", "panel")]
    lines = [(line, "paper") for line in ("training", "validation", "unused", "warning")]
    for least, pairs in ((4.5, texts), (3.0, lines)):
        for pair in pairs:
            low, high = sorted(luminance(colours[name]) for name in pair)
            assert (high + 0.05) / (low + 0.05) >= least, pair


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
