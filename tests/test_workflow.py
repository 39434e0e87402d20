"""A model beside its baselines: the same rows, the same measure, differences paired over rows."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.stats

import lowerbound as lb
from lowerbound.archive.store import Saved
from lowerbound.assembly import build
from lowerbound.baselines import fit_baselines
from lowerbound.data.chunks import observed, transformed
from lowerbound.inference.fingerprints import fingerprints, rows_among
from lowerbound.statistics import standard_error_of_mean
from lowerbound.workflow import differences, evaluate

COUNTS = np.random.default_rng(0).binomial(4, 0.3, (60, 3)).astype(np.uint8)


def blind(transform):
    """A model behind the transform, of which nothing else is asked."""
    same = lb.Conditional(lambda v: jnp.zeros(6), lb.DiagonalGaussian(3))
    return lb.VAE(lb.StandardNormal(3), same, same, transform=transform)


@pytest.fixture(scope="module")
def saved():
    built = build(COUNTS, latent_dim=1, width=8)
    rows = {"train_rows": fingerprints(COUNTS[:10]), "validation_rows": fingerprints(COUNTS[10:12])}
    return Saved(built.model, {}, rows)


def test_differences_are_paired_over_rows(saved):
    baselines = fit_baselines(COUNTS, lb.BetaBinomial(COUNTS.shape[1], 4))
    metrics = evaluate(saved, COUNTS, baselines, samples=20, seed=3).metrics
    mine = lb.log_evidence(saved.model, COUNTS, samples=20, key=3)
    assert metrics["log_likelihood"] == mine.mean
    assert metrics["elbo"] + metrics["rate"] + metrics["distortion"] == pytest.approx(0, abs=1e-4)
    for name, baseline in baselines.items():
        difference = mine.log_prob - baseline.log_prob(COUNTS)
        record = metrics["baselines"][name]
        assert record["difference"] == pytest.approx(difference.mean(), abs=1e-5)
        # Of 60 rows many are equal and share their noise: that adds to the rows' deviation.
        expected = standard_error_of_mean(difference, mine.standard_error, mine.group)
        assert record["difference_standard_error"] == pytest.approx(expected, rel=1e-4)
        assert expected > difference.std(ddof=1) / np.sqrt(60)


def overflowing(threshold):
    """A model whose posterior is at infinity for rows that begin with more than `threshold`."""
    return Saved(
        lb.VAE(
            lb.StandardNormal(1),
            lambda x: dist.Normal(jnp.where(x[:1] > threshold, jnp.inf, 0.0), 1.0).to_event(1),
            lambda z: dist.Binomial(4, 0.3 + 0 * z.repeat(3)).to_event(1),
        )
    )


def test_rows_that_are_not_finite_are_named_and_the_rest_reported():
    evaluation = evaluate(overflowing(2), COUNTS, {}, samples=20)
    finite = COUNTS[:, 0] <= 2
    assert evaluation.metrics["rows_not_finite"] == np.flatnonzero(~finite).tolist() != []
    log_p = scipy.stats.binom(4, 0.3).logpmf(COUNTS[finite]).sum(1)
    assert evaluation.metrics["log_likelihood"] == pytest.approx(log_p.mean(), abs=1e-4)
    fine = evaluate(overflowing(4), COUNTS, {}, samples=20)
    paired = differences({"a": evaluation, "b": fine})["b"]
    assert paired["difference"] == pytest.approx(0, abs=1e-5)
    with pytest.raises(FloatingPointError, match="finite for none of the 60 rows"):
        evaluate(overflowing(-1), COUNTS, {}, samples=20)


def test_rows_are_known_again_wherever_they_stand(saved):
    shuffled = np.random.default_rng(1).permutation(COUNTS).astype(np.float64)
    metrics = evaluate(saved, shuffled, {}, samples=2).metrics
    trained = {tuple(row) for row in COUNTS[:10]}
    assert metrics["rows_trained_on"] == sum(tuple(row) in trained for row in COUNTS)
    chose = {tuple(row) for row in COUNTS[10:12]}
    assert metrics["rows_that_chose_the_model"] == sum(tuple(row) in chose for row in COUNTS)


def test_fingerprints_do_not_collide_on_mnist(shared_data):
    with np.load(shared_data("mnist.npz")) as archive:
        x = archive["x_train"].reshape(60000, -1)
    assert len(np.unique(fingerprints(x), axis=0)) == len(np.unique(x, axis=0))


def test_the_row_observed_is_the_binary_one_where_the_model_binarises():
    grey = np.random.default_rng(0).integers(0, 256, (5, 8)).astype(np.uint8)
    binary = observed(blind(lb.DynamicBinarization()), grey, seed=1)
    assert set(np.unique(binary)) == {0, 1}
    np.testing.assert_array_equal(binary, transformed(lb.DynamicBinarization(), grey, 1))
    assert observed(blind(lb.Dequantization(256)), grey) is grey


def test_model_and_baseline_are_in_one_measure():
    """A model that is the baseline's own density scores the same: independent fair bits, d log ½."""
    bits = np.random.default_rng(0).integers(0, 2, (50, 4))
    built = build(bits, latent_dim=1, width=8, depth=0)
    blind = lb.VAE(built.model.prior, built.model.posterior, lambda z: lb.Bernoulli(4)(0 * z.repeat(4)))
    metrics = evaluate(Saved(blind), bits, {}, samples=500).metrics
    # log p(x∣z) is constant, so the weights are p(z)/q(z∣x) alone, whose mean is 1.
    error = metrics["log_likelihood_monte_carlo_error"]
    assert metrics["log_likelihood"] == pytest.approx(4 * np.log(0.5), abs=5 * error)


def test_rows_are_found_again_or_not_at_all():
    x = np.random.default_rng(1).normal(size=(20, 4))
    shuffled = x[np.random.default_rng(0).permutation(20)]
    found = rows_among(shuffled, fingerprints(x[:5]))
    assert set(map(bytes, found)) == set(map(bytes, x[:5]))
    assert rows_among(x[1:], fingerprints(x[:5])) is None
