"""log p(x) of a row is a function of (key, row): no other row and no chunk moves it."""

import os
import subprocess
import sys
from dataclasses import fields, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.archive import unfinished
from lowerbound.randomness.keys import RowKeys, as_key

from .cube import CUBE

ARRAYS = ("log_prob", "standard_error", "effective_sample_size", "k_hat", "elbo", "distortion")


@pytest.fixture(scope="module")
def evidence(model):
    return lb.log_evidence(model, CUBE, method="importance", samples=500)


def columns(evidence):
    return np.stack([getattr(evidence, name) for name in ARRAYS])


def with_groups(log_prob, standard_error, group):
    """An evidence of which only the errors of the mean are looked at."""
    rows = np.asarray(log_prob, float)
    others = {field.name for field in fields(lb.Evidence)} - {"log_prob", "standard_error", "group"}
    rest = dict.fromkeys(others - {"dimensions", "measure"}, np.zeros(len(rows)))
    error, group = np.asarray(standard_error), np.asarray(group)
    return lb.Evidence(rows, error, group=group, dimensions=4, measure="", **rest)


def test_probabilities_of_every_binary_row_sum_to_1(model, evidence):
    """Σ p̂ over 2⁶ rows: its standard error is the root of the sum of (p̂ · error of log p̂)²."""
    p = np.exp(evidence.log_prob)
    error = np.sqrt(((p * evidence.standard_error) ** 2).sum())
    assert error < 0.02
    assert abs(p.sum() - 1) < 4 * error


def test_each_probability_is_that_of_the_prior(model, evidence):
    """p(x) = E_p(z)[p(x∣z)], by a grid over z: every row within 5 of its standard errors."""
    axis = np.linspace(-6, 6, 121)
    z = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    weight = np.exp(-(z**2).sum(axis=1) / 2) / (2 * np.pi) * 0.1**2
    logits = np.asarray(jax.vmap(model.likelihood.network)(z.astype(np.float32)), np.float64)
    log_p = CUBE.astype(float) @ logits.T - np.logaddexp(0, logits).sum(axis=1)
    exact = np.log(np.exp(log_p) @ weight)
    assert (np.abs(evidence.log_prob - exact) < 5 * evidence.standard_error + 1e-4).all()


@pytest.mark.parametrize("rows", [[17], [5, 3, 60], list(range(63, -1, -1)), [4, 4, 9]], ids=str)
def test_a_subset_or_a_permutation_gives_each_row_its_number_to_the_bit(model, evidence, rows):
    np.testing.assert_array_equal(
        columns(lb.log_evidence(model, CUBE[rows], method="importance", samples=500)),
        columns(evidence)[:, rows],
    )


@pytest.mark.parametrize(
    "chunks", [{"chunk_rows": 7}, {"chunk_samples": 33}, {"chunk_samples": 500}], ids=str
)
def test_another_chunk_gives_each_row_its_number(model, evidence, chunks):
    other = lb.log_evidence(model, CUBE, method="importance", samples=500, **chunks)
    np.testing.assert_allclose(columns(other), columns(evidence), rtol=1e-4, atol=1e-4)


@pytest.mark.thorough
def test_more_samples_than_a_segment_go_on_in_the_next(model):
    """K = 20,000 passes 2 segments of 8,192; of the same draws all at once, log p̂ is their log-mean-exp."""
    x = CUBE[11]
    draw = model.draw(jnp.asarray(x), RowKeys.by_content(as_key(0), jnp.asarray(x)), 20_000)
    evidence = lb.log_evidence(model, x[None], method="importance", samples=20_000)
    log_w = np.asarray(draw.log_weight, np.float64)
    w = np.exp(log_w)
    np.testing.assert_allclose(evidence.log_prob[0], np.log(w.mean()), rtol=0, atol=2e-5)
    np.testing.assert_allclose(evidence.elbo[0], log_w.mean(), rtol=0, atol=2e-5)
    np.testing.assert_allclose(evidence.distortion[0], -draw.log_likelihood.mean(), rtol=0, atol=2e-5)
    np.testing.assert_allclose(evidence.effective_sample_size[0], w.sum() ** 2 / (w**2).sum(), rtol=1e-4)
    error = w.std(ddof=1) / w.mean() / np.sqrt(20_000)
    np.testing.assert_allclose(evidence.standard_error[0], error, rtol=1e-3)


@pytest.mark.thorough
def test_the_standard_error_is_the_bootstraps(model):
    """Of log p̂ over 2,000 resamples of the weights of each of four rows, whose standard deviation has a
    relative error of 1/√4000; the delta method is off by O(1/K) besides."""
    rng = np.random.default_rng(0)
    for x in CUBE[[0, 21, 42, 63]]:
        key = RowKeys.by_content(as_key(0), jnp.asarray(x))
        w = np.exp(np.asarray(model.draw(jnp.asarray(x), key, 500).log_weight, np.float64))
        resampled = np.log(w[rng.integers(0, 500, (2000, 500))].mean(1))
        claimed = lb.log_evidence(model, x[None], method="importance", samples=500).standard_error[0]
        assert claimed == pytest.approx(resampled.std(ddof=1), rel=4 / np.sqrt(4000) + 0.02)


SHARDED = """
import jax, numpy as np, lowerbound as lb
assert jax.local_device_count() == 2
latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(6), jax.random.key(0)
model = lb.VAE(
    lb.StandardNormal(2),
    lb.Conditional(lb.MLP(6, latent.size, width=8, key=key), latent),
    lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
)
x = np.random.default_rng(0).integers(0, 2, (90, 6))
one, two = (lb.log_evidence(model, x, method="importance", samples=100, devices=n).log_prob for n in (1, 2))
assert np.abs(one - two).max() < 1e-5, (one, two)
try:
    lb.log_evidence(model, x, method="importance", samples=100, devices=3)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_local_devices_share_the_rows_and_the_numbers_stay():
    flags = "--xla_force_host_platform_device_count=2"
    out = subprocess.run(
        [sys.executable, "-c", SHARDED],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out == "devices: expected 1 to 2, found 3\n"


class TestUnfinished:
    """A call that is interrupted goes on where it was."""

    def interrupted(self, model, path, monkeypatch, after):
        monkeypatch.setattr(unfinished, "_INTERVAL", 0.0)

        def stop(record):
            if record["rows"] >= after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            lb.log_evidence(
                model, CUBE, method="importance", samples=500, chunk_rows=8, callbacks=[stop], unfinished=path
            )

    def test_the_same_call_goes_on_and_ends_with_the_same_numbers(self, model, tmp_path, monkeypatch):
        path, records = tmp_path / "half", []
        self.interrupted(model, path, monkeypatch, after=24)
        assert path.exists()
        evidence = lb.log_evidence(
            model,
            CUBE,
            method="importance",
            samples=500,
            chunk_rows=8,
            callbacks=[records.append],
            unfinished=path,
        )
        assert [record["rows"] for record in records] == [32, 40, 48, 56, 64]
        whole = lb.log_evidence(model, CUBE, method="importance", samples=500, chunk_rows=8)
        np.testing.assert_array_equal(columns(evidence), columns(whole))
        np.testing.assert_array_equal(evidence.group, whole.group)
        assert records[-1]["log_prob"] == pytest.approx(whole.mean)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "change", [{"samples": 501}, {"key": 1}, {"x": CUBE[::-1]}, {"model": 0.5}], ids=str
    )
    def test_another_call_begins_at_the_start(self, model, tmp_path, monkeypatch, change):
        path, records = tmp_path / "half", []
        self.interrupted(model, path, monkeypatch, after=24)
        call = {"x": CUBE, "method": "importance", "samples": 500, "key": 0} | change
        if "model" in change:
            del call["model"]
            model = jax.tree.map(lambda leaf: leaf * 0.5 if eqx.is_array(leaf) else leaf, model)
        lb.log_evidence(
            model, call.pop("x"), **call, chunk_rows=8, callbacks=[records.append], unfinished=path
        )
        assert records[0]["rows"] == 8

    def test_a_file_that_is_broken_counts_as_none(self, model, tmp_path):
        (tmp_path / "half").write_bytes(b"no arrays at all")
        records = []
        lb.log_evidence(
            model,
            CUBE,
            method="importance",
            samples=50,
            callbacks=[records.append],
            unfinished=tmp_path / "half",
        )
        assert records[0]["rows"] == 32


def test_a_callback_is_told_the_figures_of_the_end_and_costs_no_second_look_at_a_row(model, monkeypatch):
    """Counted: the values that are put together are as many with a callback as without."""
    sizes, joined = [], np.concatenate

    def counting(arrays, *arguments, **named):
        sizes.append(sum(np.size(array) for array in arrays))
        return joined(arrays, *arguments, **named)

    x, records, totals = np.repeat(CUBE, 4, axis=0), [], []
    for callbacks in ([], [records.append]):
        sizes.clear()
        with monkeypatch.context() as patch:
            patch.setattr(np, "concatenate", counting)
            evidence = lb.log_evidence(
                model, x, method="importance", samples=20, chunk_rows=8, callbacks=callbacks
            )
        totals.append(sum(sizes))
    assert len(records) == 32
    assert totals[0] == totals[1]
    last = records[-1]
    assert (last["rows"], last["of"], last["not_finite"]) == (256, 256, 0)
    assert last["log_prob"] == pytest.approx(evidence.mean, rel=1e-12)
    assert last["standard_error"] == pytest.approx(evidence.mean_standard_error, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64, bool])
def test_the_type_of_the_rows_does_not_move_them(model, evidence, dtype):
    other = lb.log_evidence(model, CUBE[:5].astype(dtype), method="importance", samples=500)
    np.testing.assert_array_equal(other.log_prob, evidence.log_prob[:5])


def test_another_key_is_another_estimate(model, evidence):
    other = lb.log_evidence(model, CUBE, method="importance", samples=500, key=1)
    assert (other.log_prob != evidence.log_prob).all()


def test_units_and_measure(evidence):
    assert evidence.measure == "counting measure"
    assert (evidence.samples == 500).all()
    assert evidence.bits_per_dim == pytest.approx(-evidence.log_prob.mean() / (6 * np.log(2)))


@pytest.mark.thorough
def test_relaxed_codes_are_named():
    """log p(x) of the relaxed model is another number than that of the model with exact codes."""
    likelihood = lb.Conditional(lb.MLP(6, 4, width=4, key=jax.random.key(0)), lb.Bernoulli(4))
    codes = lb.Concrete(3, 2)
    posterior = lb.Conditional(lb.MLP(4, codes.size, width=4, key=jax.random.key(1)), codes)
    relaxed = lb.VAE(lb.UniformCodes(3, 2), posterior, likelihood)
    found = lb.log_evidence(relaxed, np.eye(4), method="importance", samples=10).measure
    assert found == "counting measure, of the model with relaxed codes"


@pytest.mark.thorough
def test_a_transform_pays_its_jacobian():
    """y = (x − m)/s: log p(x) = log p(y) − Σ log s."""
    same = lb.DiagonalGaussian(2)
    model = lb.VAE(*[lb.StandardNormal(2), *[lb.Conditional(lb.MLP(2, 4, key=jax.random.key(0)), same)] * 2])
    T = lb.Standardization(mean=np.asarray([10.0, 0.0]), scale=np.asarray([2.0, 5.0]))
    x = np.asarray([[14.0, 5.0], [8.0, 0.0]], np.float32)
    seen = lb.log_evidence(replace(model, transform=T), x, method="importance", samples=4000)
    plain = lb.log_evidence(model, (x - [10, 0]) / [2, 5], method="importance", samples=4000)
    error = np.hypot(seen.standard_error, plain.standard_error)
    assert (np.abs(seen.log_prob - plain.log_prob + np.log(10)) < 4 * error).all()
    assert "log-Jacobian" in seen.measure
    assert "Lebesgue" in seen.measure


class TestErrorsOfTheMean:
    def test_from_the_rows_is_their_deviation_over_root_n(self):
        values = np.random.default_rng(0).normal(size=40)
        error = with_groups(values, np.zeros(40), np.arange(40)).mean_standard_error
        assert error == pytest.approx(values.std(ddof=1) / np.sqrt(40))

    def test_of_a_single_row_is_not_a_number(self):
        assert np.isnan(with_groups([1.0], [0.1], [0]).mean_standard_error)

    def test_from_the_samples_adds_within_a_group_before_it_squares(self):
        """Rows of a group share their noise ε: simulated 20,000 times, within 4 standard errors (the
        relative error of a standard deviation is 1/√(2n))."""
        group, error = np.asarray([0, 0, 1, 2, 2, 2]), np.asarray([0.3, 0.3, 0.5, 0.1, 0.1, 0.1])
        noise = np.random.default_rng(0).normal(size=(20_000, 3))
        simulated = (noise[:, group] * error).mean(axis=1).std(ddof=1)
        claimed = with_groups(np.zeros(6), error, group).monte_carlo_error
        assert claimed == pytest.approx(simulated, rel=4 / np.sqrt(2 * 20_000))

    def test_from_both_counts_the_samples_noise_once(self):
        """20,000 times: rows f ~ N(0, 1), each of three equal rows with one noise of 0.5 shared."""
        group, noise, n = np.repeat(np.arange(10), 3), np.full(30, 0.5), 20_000
        rng = np.random.default_rng(0)
        values = rng.normal(size=(n, 30)) + 0.5 * rng.normal(size=(n, 10))[:, group]
        spread = values.mean(1).std(ddof=1)
        claimed = np.sqrt(np.mean([with_groups(v, noise, group).total_error ** 2 for v in values[:4000]]))
        # s² of rows that share noise is low by (m̄ − 1)σ²/(n − 1) = 0.017: 1 % of the error
        assert claimed == pytest.approx(spread, rel=4 / np.sqrt(2 * n) + 0.012)
        apart = with_groups(values[0], noise, np.arange(30))
        assert apart.total_error == pytest.approx(apart.mean_standard_error)

    def test_groups_are_the_rows_that_are_equal(self, model):
        group = lb.log_evidence(model, CUBE[[3, 9, 3, 3, 9, 1]], method="importance", samples=10).group
        equal = group[:, None] == group
        np.testing.assert_array_equal(equal, np.equal.outer([3, 9, 3, 3, 9, 1], [3, 9, 3, 3, 9, 1]))


@pytest.mark.parametrize(
    ("x", "samples", "message"),
    [
        (CUBE[0], 100, r"expected rows, an array of shape \(n, d\), found shape \(6,\)"),
        (CUBE[:0], 100, r"expected at least one row and one column, found shape \(0, 6\)"),
        (CUBE, 1, "expected samples of at least 2, found 1"),
    ],
)
def test_wrong_shapes_and_single_samples_are_refused(model, x, samples, message):
    with pytest.raises(ValueError, match=message):
        lb.log_evidence(model, x, method="importance", samples=samples)


def test_rows_of_another_width_are_refused(model):
    with pytest.raises(ValueError, match="expected rows of 6 values, as the likelihood is of, found 5"):
        lb.log_evidence(model, CUBE[:, :5], method="importance", samples=10)


def test_a_row_that_overflows_is_no_other_rows_business():
    """The posterior of rows that begin with 1 is at infinity: their log p̂ is not finite; the other's is."""
    model = lb.VAE(
        lb.StandardNormal(1),
        lambda x: dist.Normal(jnp.where(x[:1] > 0, jnp.inf, 0.0), 1.0).to_event(1),
        lambda z: dist.Bernoulli(logits=0 * z.repeat(2)).to_event(1),
    )
    evidence = lb.log_evidence(model, np.array([[0, 1], [1, 1]]), method="importance", samples=50)
    assert np.isfinite(evidence.log_prob).tolist() == [True, False]
    assert evidence[[0]].mean == pytest.approx(2 * np.log(0.5))


def test_categorical_rows_are_scored_as_they_are_stored():
    """One latent that says nothing: log p(x) of whole-number rows is the family's own log-probability."""
    family = lb.Categorical(2, 3)
    logits = jax.random.normal(jax.random.key(0), (family.size,))
    model = lb.VAE(lb.StandardNormal(1), lambda x: lb.StandardNormal(1)(), lambda z: family(logits))
    x = np.asarray([[0, 2], [1, 1]], np.uint8)
    expected = family(logits).log_prob(x.astype(int))
    np.testing.assert_allclose(
        lb.log_evidence(model, x, method="importance", samples=10).log_prob, expected, rtol=1e-5
    )


@pytest.mark.thorough
def test_annealed_chains_agree_with_samples_of_the_posterior(model, evidence):
    """Every row within 5 of the two standard errors together; the chains' bound is the tighter one."""
    chains = lb.log_evidence(model, CUBE, method="annealed", steps=50)
    assert (chains.samples == 16).all()
    error = np.hypot(chains.standard_error, evidence.standard_error)
    assert (np.abs(chains.log_prob - evidence.log_prob) < 5 * error + 1e-3).all()
    assert chains.elbo.mean() > evidence.elbo.mean()


@pytest.mark.thorough
def test_samples_are_of_importance_sampling_and_chains_of_annealing(model):
    x = CUBE[:1]
    assert lb.log_evidence(model, x, method="annealed", steps=5, samples=1000, chains=4).samples[0] == 4
    with pytest.raises(ValueError, match="expected chains of at least 2, found 1"):
        lb.log_evidence(model, x, method="annealed", chains=1)


def test_an_unknown_method_is_refused(model):
    with pytest.raises(ValueError, match=r"method: expected auto, exact, .* found 'hmc'"):
        lb.log_evidence(model, CUBE, method="hmc")
