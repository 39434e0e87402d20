"""What the tests of pages share: a diagnosis without the work, names that could do harm, and a reader."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from lowerbound.data.sources import open_source
from lowerbound.diagnosis.advice import Advice
from lowerbound.diagnosis.diagnosis import Diagnosis, Estimate, Verdict

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
    Verdict("collapsed dimensions", False, f"1 of 2 is not used {NASTY}.", (Advice("latent_dim", 1, NASTY),)),
)


class Baseline:
    """One that gives rows about the same log p(x)."""

    def __init__(self, log_prob):
        self.mean, self.note = log_prob, f"a stand-in at {log_prob} {NASTY}"

    def log_prob(self, x):
        return self.mean + x[:, 20]


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
