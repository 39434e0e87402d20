"""Bits-back coding: rows come back as they were, and take as many bits as the bound says."""

import json
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.compression import bits_back
from lowerbound.parts import BITS, COUNTS, LEVELED, names

from ..tables import cases

N = 40
ROWS = {
    BITS: np.random.default_rng(0).integers(0, 2, (N, 5), dtype=np.uint8),
    LEVELED: np.random.default_rng(1).integers(0, 5, (N, 5), dtype=np.uint8),
    COUNTS: np.random.default_rng(2).poisson(3.0, (N, 5)).astype(np.int16),
}
LIKELIHOODS = {name: (name, rows) for over, rows in ROWS.items() for name in names("likelihood", over=over)}


def of(x, likelihood="auto", **options):
    return build(x, latent_dim=2, width=8, likelihood=likelihood, **options).model


def moved(model, by):
    """The same with another posterior."""
    arrays, rest = eqx.partition(model.posterior, eqx.is_inexact_array)
    posterior = eqx.combine(jax.tree.map(lambda leaf: leaf + by, arrays), rest)
    return eqx.tree_at(lambda m: m.posterior, model, posterior)


def by_hand(likelihood):
    k1, k2 = jax.random.split(jax.random.key(0))
    latent = lb.DiagonalGaussian(2)
    return lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(likelihood.event_size, latent.size, width=8, key=k1), latent),
        lb.Conditional(lb.MLP(2, likelihood.size, width=8, key=k2), likelihood),
    )


@pytest.fixture(scope="module")
def bits():
    """Rows of a model that was trained on rows like them, so that z says something of x."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(2000, 2))
    x = (rng.random((2000, 20)) < 1 / (1 + np.exp(-3 * z @ rng.normal(size=(2, 20))))).astype(np.uint8)
    return lb.fit(of(x), x, epochs=10, key=0).model, x


@pytest.mark.parametrize(("name", "x"), cases(LIKELIHOODS, fast=["categorical"]))
def test_rows_of_every_likelihood_over_whole_numbers_come_back(name, x):
    model = of(x, name)
    back = lb.decompress(model, lb.compress(model, x))
    assert back.dtype == x.dtype
    assert back.tobytes() == x.tobytes()


def words(file):
    """The bits of the rows alone, less those that were there before the first row."""
    structure, arrays = bits_back.content_of(file, "compressed rows", "file")
    return 32 * (len(arrays["words"]) - -(-structure["first"] // 32) - 1)


@pytest.mark.slow
@pytest.mark.parametrize("posterior", ["encoder", "refined"])
def test_the_rate_is_the_bound(bits, posterior):
    """Of 2,000 rows, whose codes are drawn: within 4 standard errors of one draw's log-weights."""
    model, x = bits
    n = len(x) if posterior == "encoder" else 500
    one, two = (lb.log_evidence(model, x[:n], method="importance", samples=2, key=k).elbo for k in (0, 1))
    weighted = lb.log_evidence(model, x[:n], method="importance", samples=200, key=2)
    bound, evidence = weighted.elbo.sum(), weighted.log_prob.sum()
    nats = np.log(2) * words(lb.compress(model, x[:n], posterior=posterior))
    if posterior == "encoder":
        # The means of two draws differ as one draw does from its mean.
        assert abs(nats + bound) < 4 * np.sqrt(n) * np.std(one - two) + 32
        assert abs(nats / -bound - 1) < 0.01
    # No code is shorter than −log p(x), and the refined one lies nearer.
    gap = nats + evidence
    assert gap > 0
    if posterior == "refined":
        assert gap < 0.5 * (evidence - bound)


@pytest.mark.thorough
def test_refined_codes_come_back(bits):
    model, x = bits
    assert (
        lb.decompress(model, lb.compress(model, x[:100], posterior="refined")).tobytes() == x[:100].tobytes()
    )


@pytest.mark.thorough
def test_a_code_of_full_covariance_comes_back(bits):
    x = bits[1][:50]
    model = moved(of(x, posterior="full-gaussian"), 0.1)
    assert lb.decompress(model, lb.compress(model, x)).tobytes() == x.tobytes()


@pytest.mark.thorough
def test_missing_values_come_back_as_they_were():
    x = ROWS[LEVELED].astype(np.float32)
    x[np.random.default_rng(0).random(x.shape) < 0.3] = np.nan
    model = by_hand(lb.BetaBinomial(5, 4, missing=True))
    np.testing.assert_array_equal(lb.decompress(model, lb.compress(model, x)), x)


@pytest.mark.thorough
def test_columns_of_several_kinds_come_back():
    x = np.hstack([ROWS[BITS], ROWS[COUNTS]])
    model = by_hand(lb.MixedColumns([lb.Bernoulli(5), lb.NegativeBinomial(5)]))
    np.testing.assert_array_equal(lb.decompress(model, lb.compress(model, x)), x)


@pytest.mark.thorough
@pytest.mark.parametrize("prior", ["a learned one", "a bounded one"])
def test_priors_of_independent_dimensions_have_buckets_of_equal_mass(prior):
    """Under N(0.5, 0.2²) the encoder's code is mapped by the prior's scale; a uniform prior has quantiles."""
    x = ROWS[BITS]
    if prior == "a learned one":
        model = eqx.tree_at(lambda m: m.prior, of(x), lb.LearnedPrior(lb.DiagonalGaussian(2)))
        model = eqx.tree_at(lambda m: m.prior.parameters, model, jnp.array([0.5, 0.5, -3.2, -3.2]))
        file = lb.compress(model, x)
    else:
        model = of(x, posterior="uniform", prior="standard-prior")
        with pytest.raises(TypeError, match='posterior="refined" takes every one'):
            lb.compress(model, x)
        file = lb.compress(model, x, posterior="refined")
    np.testing.assert_array_equal(lb.decompress(model, file), x)


@pytest.mark.thorough
def test_a_condition_is_needed_again():
    x, given = ROWS[BITS], np.linspace(-1, 1, N)[:, None]
    model = lb.VAE(
        lambda given: dist.Normal(jnp.tile(given, 2), 0.5).to_event(1),
        lambda x, given: dist.Normal(jnp.tile(given, 2), 0.3).to_event(1),
        lambda z, given: dist.Bernoulli(logits=jnp.tile(z.sum() + given, 5)).to_event(1),
    )
    file = lb.compress(model, x, given=given)
    np.testing.assert_array_equal(lb.decompress(model, file, given=given), x)
    with pytest.raises(ValueError, match="other probabilities"):
        lb.decompress(model, file, given=-given)


@pytest.mark.thorough
def test_behind_a_binarisation_the_binary_rows_are_kept():
    grey = np.random.default_rng(0).integers(0, 256, (N, 6), dtype=np.uint8)
    model = of(grey, "bernoulli", binarize="dynamic")
    seen = lb.decompress(model, lb.compress(model, grey))
    assert set(np.unique(seen)) == {0, 1}
    np.testing.assert_array_equal(seen, bits_back.transformed(model.transform, grey))


def test_a_file_that_was_changed_or_cut_off_is_refused(bits):
    model, x = bits
    file = lb.compress(model, x[:20])
    for place in np.linspace(8, len(file) - 1, 25).astype(int):
        flipped = bytearray(file)
        flipped[place] ^= 1
        with pytest.raises(ValueError, match="file: no compressed rows that can be read"):
            lb.decompress(model, bytes(flipped))
    with pytest.raises(ValueError, match="file: no compressed rows that can be read"):
        lb.decompress(model, file[:-4])


@pytest.mark.thorough
def test_a_file_of_another_model_is_refused(bits):
    model, x = bits
    with pytest.raises(ValueError, match="found one of another model"):
        lb.decompress(moved(model, 1e-3), lb.compress(model, x[:20]))


@pytest.mark.thorough
def test_other_probabilities_are_noticed_at_the_first_row(bits, monkeypatch):
    """What another processor may compute: a likelihood that differs in the last bit of one value."""
    model, x = bits
    file = lb.compress(model, x[:20])
    tables = bits_back._Coder._tables
    monkeypatch.setattr(bits_back._Coder, "_tables", lambda *a: [np.nextafter(t, 1) for t in tables(*a)])
    with pytest.raises(ValueError, match=r"here the model gives other probabilities .* constriction"):
        lb.decompress(model, file)


@pytest.mark.thorough
@pytest.mark.parametrize("wrong", [1.1, 0.9])
def test_a_density_that_does_not_sum_to_1_is_no_code(bits, wrong):
    """A bound from such a likelihood would be a better one than any code is short."""

    class Wrong(dist.BernoulliLogits):
        def log_prob(self, value):
            return super().log_prob(value) + np.log(wrong)

    model = lb.VAE(
        lb.StandardNormal(2),
        lambda x: dist.Normal(jnp.zeros(2), 1.0).to_event(1),
        lambda z: Wrong(logits=jnp.tile(z, 10)).to_event(1),
    )
    with pytest.raises(ValueError, match=re.escape(f"column 0 sum to {wrong}, not to 1")):
        lb.compress(model, bits[1][:20])


@pytest.mark.thorough
def test_what_has_no_code_is_refused_with_the_reason():
    x = ROWS[BITS]
    with pytest.raises(TypeError, match=r"expected whole numbers .* found a likelihood of real numbers"):
        lb.compress(of(x.astype(float) + 0.5, "diagonal-gaussian"), x.astype(float) + 0.5)
    for model in (of(x, prior="coupling-flow"), of(x, posterior="kumaraswamy", prior="standard-prior")):
        with pytest.raises(TypeError, match="expected a prior of independent dimensions"):
            lb.compress(model, x, posterior="refined")
    together = lb.VAE(
        lb.StandardNormal(2),
        lambda x: dist.Normal(jnp.zeros(2), 1.0).to_event(1),
        lambda z: dist.Multinomial(total_count=5, logits=jnp.zeros(5)),
    )
    with pytest.raises(TypeError, match="compress: expected"):
        lb.compress(together, np.eye(5)[[0, 1]] * 5)
    with pytest.raises(ValueError, match="expected encoder or refined, found 'encode'"):
        lb.compress(of(x), x, posterior="encode")


@pytest.mark.slow
def test_a_frame_comes_back_in_its_own_units(tmp_path):
    """Of a run, whose schema keeps columns from an offset."""
    from lowerbound.cli import main

    x = 10**9 + ROWS[LEVELED].astype(np.int64)
    np.save(tmp_path / "x.npy", x)
    quick = ["--epochs", "1", "--width", "8", "--latent-dim", "2", "--likelihood", "categorical"]
    options = ["--no-baselines", "--samples", "100", "--method", "importance", "--out", str(tmp_path / "run")]
    assert main(["fit", str(tmp_path / "x.npy"), *quick, *options]) == 0
    model = lb.load(tmp_path / "run")
    np.testing.assert_array_equal(lb.decompress(model, lb.compress(model, x)), x)


@pytest.mark.thorough
def test_the_head_of_a_file_is_as_long_as_the_docs_say(bits):
    file = lb.compress(bits[0], bits[1][:1])
    head = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])
    assert 8 + len(json.dumps(head)) < 650
