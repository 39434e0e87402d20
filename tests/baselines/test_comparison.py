"""A model beside its baselines: the same rows, the same measure, differences paired over rows."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.stats

import lowerbound as lb
from lowerbound.archive.records import BaselineScore
from lowerbound.assembly import build
from lowerbound.baselines.comparison import (
    OutsideWarning,
    TrainedOn,
    baseline_ahead,
    compared,
    differences,
    finite_evidence,
    finite_rows,
)
from lowerbound.data.sources import Source
from lowerbound.inference.fingerprints import fingerprints
from lowerbound.statistics import standard_error_of_mean

COUNTS = np.random.default_rng(0).binomial(4, 0.3, (60, 3)).astype(np.uint8)


def rows(x):
    return Source(x, "counts")


@pytest.fixture(scope="module")
def model():
    return build(COUNTS, likelihood="beta-binomial", latent_dim=1, width=8).model


def test_differences_are_paired_over_rows(model):
    baselines = lb.fit_baselines(COUNTS, lb.BetaBinomial(COUNTS.shape[1], 4))
    metrics = compared(
        model, rows(COUNTS), baselines, TrainedOn(), method="importance", samples=20, seed=3
    ).metrics
    mine = lb.log_evidence(model, COUNTS, method="importance", samples=20, key=3)
    assert metrics.log_likelihood == mine.mean
    assert metrics.elbo + metrics.rate + metrics.distortion == pytest.approx(0, abs=1e-4)
    for name, baseline in baselines.items():
        difference = mine.log_prob - baseline.log_prob(COUNTS)
        score = metrics.baselines[name]
        assert score.difference == pytest.approx(difference.mean(), abs=1e-5)
        # Of 60 rows many are equal and share their noise: that adds to the rows' deviation.
        expected = standard_error_of_mean(difference, mine.standard_error, mine.group)
        assert score.difference_standard_error == pytest.approx(expected, rel=1e-4)
        assert expected > difference.std(ddof=1) / np.sqrt(60)


def overflowing(threshold):
    """A model whose posterior is at infinity for rows that begin with more than `threshold`."""
    return lb.VAE(
        lb.StandardNormal(1),
        lambda x: dist.Normal(jnp.where(x[:1] > threshold, jnp.inf, 0.0), 1.0).to_event(1),
        lambda z: dist.Binomial(4, 0.3 + 0 * z.repeat(3)).to_event(1),
    )


def test_rows_that_are_not_finite_are_named_and_the_rest_reported():
    evaluation = compared(overflowing(2), rows(COUNTS), {}, TrainedOn(), method="importance", samples=20)
    finite = COUNTS[:, 0] <= 2
    assert list(evaluation.metrics.rows_not_finite) == np.flatnonzero(~finite).tolist() != []
    np.testing.assert_array_equal(finite_rows(rows(COUNTS), evaluation).x, COUNTS[finite])
    log_p = scipy.stats.binom(4, 0.3).logpmf(COUNTS[finite]).sum(1)
    assert evaluation.metrics.log_likelihood == pytest.approx(log_p.mean(), abs=1e-4)
    fine = compared(overflowing(4), rows(COUNTS), {}, TrainedOn(), method="importance", samples=20)
    paired = differences({"a": evaluation, "b": fine})["b"]
    assert paired.difference == pytest.approx(0, abs=1e-5)
    with pytest.raises(FloatingPointError, match="finite for none of the 60 rows"):
        compared(overflowing(-1), rows(COUNTS), {}, TrainedOn(), method="importance", samples=20)


def test_rows_outside_the_support_have_no_density_and_are_named_and_the_rest_is_as_without_them(model):
    x = np.insert(COUNTS, 7, [1, 20, 0], axis=0)
    x = np.insert(x, 30, [0, 0, 9], axis=0)
    words = r"0 to 4, found 20 in row 7, column 1;.* log p\(x\) is −∞ for rows 7, 30, counted from 0"
    with pytest.warns(OutsideWarning, match=words):
        holed = compared(model, rows(x), {}, TrainedOn(), method="importance", samples=20)
    whole = compared(model, rows(COUNTS), {}, TrainedOn(), method="importance", samples=20)
    assert holed.metrics.rows_not_finite == (7, 30)
    assert (holed.evidence.log_prob[[7, 30]] == -np.inf).all()
    assert (holed.metrics.n_rows, whole.metrics.n_rows) == (62, 60)
    same = ("log_likelihood", "log_likelihood_total_error", "elbo", "rate", "bits_per_dim")
    for name in same:
        assert getattr(holed.metrics, name) == getattr(whole.metrics, name)
    with pytest.raises(lb.DataError, match="found 20 in row 0"):
        compared(model, rows(x[7:8]), {}, TrainedOn(), method="importance", samples=20)
    with pytest.raises(lb.DataError, match="rows of 3 values"):
        compared(model, rows(x[:, :2]), {}, TrainedOn(), method="importance", samples=20)


def test_rows_are_known_again_wherever_they_stand_and_told_from_rows_that_repeat():
    """Of rows that never repeat each one counts. Of rows that do, a split by chance is called a leak for
    1 in 100 seeds at most, and new rows beside which a tenth of the training rows was laid always."""
    x = np.random.default_rng(0).normal(size=(60, 3))
    known = TrainedOn(fingerprints(x[:10]), fingerprints(x[10:12]))
    assert known.among(fingerprints(x[::-1].astype(np.float32))) == (10, 2, 0)
    assert known.among(fingerprints(x[12:])) == TrainedOn().among(fingerprints(x)) == (0, 0, 0)
    called, missed, repeated = 0, 0, 0
    for seed in range(100):
        # Two columns of which some levels are rare: one new row in eight has an equal.
        ranks = np.random.default_rng(seed).geometric(0.03, (800, 2))
        prints = fingerprints(ranks)
        known = TrainedOn(prints[:600], prints[600:650])
        fair = known.among(prints[650:])
        called += fair.trained > 0 or fair.chose > 0
        repeated += fair.repeated
        missed += known.among(np.concatenate([prints[650:], prints[:60]])).trained == 0
    assert called <= 1
    assert missed == 0
    assert 15 * 100 < repeated < 25 * 100


def test_model_and_baseline_are_in_one_measure():
    """A model that is the baseline's own density scores the same: independent fair bits, d log ½."""
    bits = np.random.default_rng(0).integers(0, 2, (50, 4))
    built = build(bits, latent_dim=1, width=8, depth=0)
    blind = lb.VAE(built.model.prior, built.model.posterior, lambda z: lb.Bernoulli(4)(0 * z.repeat(4)))
    metrics = compared(blind, rows(bits), {}, TrainedOn(), method="importance", samples=500).metrics
    # log p(x∣z) is constant, so the weights are p(z)/q(z∣x) alone, whose mean is 1.
    error = metrics.log_likelihood_monte_carlo_error
    assert metrics.log_likelihood == pytest.approx(4 * np.log(0.5), abs=5 * error)


@pytest.mark.parametrize(
    ("differences_and_errors", "words"),
    [
        ({"independent-columns": (-1.0, 0.4), "mixture": (-3.0, 1.6)}, "independent columns is 1.00 ± 0.40"),
        ({"independent-columns": (-1.0, 0.4), "mixture": (-2.0, 0.5)}, "mixture is 2.00 ± 0.50"),
        ({"mixture": (-1.0, 0.6)}, ""),
        ({"mixture": (5.0, 0.1)}, ""),
        ({}, ""),
    ],
)
def test_a_baseline_wins_by_more_than_two_paired_errors(differences_and_errors, words):
    scores = {
        name: BaselineScore(-10.0, 0.5, difference, error, "")
        for name, (difference, error) in differences_and_errors.items()
    }
    found = baseline_ahead(SimpleNamespace(baselines=scores))
    assert found == (f"A baseline wins: {words} nats a row above this model" if words else "")


def test_of_rows_beyond_memory_those_that_are_shown_are_drawn(tmp_path, monkeypatch, model):
    monkeypatch.setattr("lowerbound.baselines.comparison._SHOWN", 10)
    np.save(tmp_path / "x.npy", COUNTS)
    mapped = rows(np.load(tmp_path / "x.npy", mmap_mode="r"))
    evaluation = compared(model, mapped, {}, TrainedOn(), method="importance", samples=20)
    shown, evidence = finite_rows(mapped, evaluation), finite_evidence(mapped, evaluation)
    own = lb.log_evidence(model, shown.x, method="importance", samples=20)
    assert len(shown.x) == 10
    np.testing.assert_array_equal(evidence.log_prob, own.log_prob)
    assert len(finite_rows(rows(COUNTS), evaluation).x) == len(COUNTS)
