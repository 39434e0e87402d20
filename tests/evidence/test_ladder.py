"""Rows up the ladder: which way each takes, when it is relied on, and that no row moves another's number."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.evidence.ladder import found_by

from .cube import CUBE, PIXELS

ARRAYS = ("log_prob", "standard_error", "effective_sample_size", "k_hat", "elbo", "distortion", "samples")


@pytest.fixture(scope="module")
def evidence(model):
    return lb.log_evidence(model, CUBE, samples=500)


def columns(evidence):
    return np.stack([getattr(evidence, name) for name in ARRAYS])


@pytest.mark.thorough
def test_probabilities_of_every_binary_row_sum_to_1(evidence):
    """Σ p̂ over 2⁶ rows, whose errors go with p̂."""
    p = np.exp(evidence.log_prob)
    error = np.sqrt(((p * evidence.standard_error) ** 2).sum())
    assert error < 0.004
    assert abs(p.sum() - 1) < 4 * error
    assert evidence.methods == {"refined": 64}
    assert evidence.reliable.all()


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [[17], [5, 3, 60], [4, 4, 9]], ids=str)
def test_a_subset_or_a_permutation_gives_each_row_its_number_to_the_bit(model, evidence, rows):
    np.testing.assert_array_equal(
        columns(lb.log_evidence(model, CUBE[rows], samples=500)), columns(evidence)[:, rows]
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    "chunks", [{"chunk_rows": 7}, pytest.param({"chunk_samples": 30}, marks=pytest.mark.slow)], ids=str
)
def test_another_chunk_gives_each_row_its_number(model, evidence, chunks):
    other = lb.log_evidence(model, CUBE, samples=500, **chunks)
    np.testing.assert_allclose(columns(other), columns(evidence), rtol=1e-3, atol=1e-3)


@pytest.mark.thorough
def test_no_more_samples_are_drawn_than_an_error_takes(model):
    few, more = (lb.log_evidence(model, CUBE[:8], samples=50_000, error=error) for error in (0.05, 0.003))
    assert (few.standard_error < 0.05).all()
    assert (more.standard_error < 0.003).all()
    assert few.samples.max() < more.samples.min() <= more.samples.max() < 50_000


@pytest.mark.thorough
def test_codes_of_few_values_are_summed_over():
    """log Σ_z p(z) p(x∣z) of 8 values, and the bound as Σ_z q(z∣x) log p(x, z)/q(z∣x): no error is left."""
    codes, key = lb.Bernoulli(3), jax.random.key(0)
    model = lb.VAE(
        lb.StandardPrior(codes),
        lb.Conditional(lb.MLP(6, codes.size, width=4, key=key), codes),
        lb.Conditional(lb.MLP(3, PIXELS.size, width=4, key=key), PIXELS),
    )
    evidence = lb.log_evidence(model, CUBE)
    assert evidence.methods == {"exact": 64}
    assert evidence.reliable.all()
    assert (evidence.standard_error == 0).all()
    assert np.exp(evidence.log_prob).sum() == pytest.approx(1, abs=1e-5)
    z = jnp.asarray(list(product((0.0, 1.0), repeat=3)))
    x = jnp.asarray(CUBE[11], float)
    log_joint = jax.vmap(lambda z: model.p_x(z).log_prob(x) + model.p_z().log_prob(z))(z)
    log_q = jax.vmap(model.q_z(x).log_prob)(z)
    assert evidence.log_prob[11] == pytest.approx(float(jax.nn.logsumexp(log_joint)), abs=1e-5)
    assert evidence.elbo[11] == pytest.approx(float((jnp.exp(log_q) * (log_joint - log_q)).sum()), abs=1e-5)


@pytest.mark.thorough
def test_latents_that_cannot_be_followed_are_sampled_and_not_relied_on():
    sphere = lb.PowerSpherical(3)
    model = lb.VAE(
        lb.UniformSphere(3),
        lb.Conditional(lb.MLP(6, sphere.size, width=4, key=jax.random.key(0)), sphere),
        lb.Conditional(lb.MLP(3, PIXELS.size, width=4, key=jax.random.key(1)), PIXELS),
    )
    evidence = lb.log_evidence(model, CUBE[:4], samples=100)
    assert evidence.methods == {"importance": 4}
    assert not evidence.reliable.any()
    with pytest.raises(TypeError, match="no bijection"):
        lb.log_evidence(model, CUBE[:4], method="refined")


@pytest.mark.slow
def test_a_simplex_has_one_coordinate_less_than_z():
    """z uniform on the simplex, x a sequence of categories with counts c: p(x) = Γ(3) Π cₖ!/Γ(n + 3)."""
    model = lb.VAE(
        lb.StandardPrior(lb.Dirichlet(3)),
        lambda x: lb.Dirichlet(3)(jnp.zeros(3)),
        lambda z: dist.Categorical(z).expand([5]).to_event(1),
    )
    evidence = lb.log_evidence(model, np.array([[0, 0, 0, 1, 2]]))
    assert evidence.reliable.all()
    assert abs(evidence.log_prob[0] - np.log(2 * 6 / 5040)) < 4 * evidence.standard_error[0]


@pytest.mark.thorough
def test_few_weights_have_no_k_hat_and_are_judged_by_how_many_count(model):
    """16 chains: NaN is not taken for healthy by itself, but by their effective number."""
    chains = lb.log_evidence(model, CUBE[:4], method="annealed", chains=16, steps=200)
    assert np.isnan(chains.k_hat).all()
    assert (chains.effective_sample_size > 8).all()
    assert chains.reliable.all()
    assert not lb.log_evidence(model, CUBE[:4], method="importance", samples=10).reliable.any()


@pytest.mark.slow
def test_a_log_of_a_mean_is_low_by_its_bias(model):
    """Of 50 samples, over 100 seeds: log p̂ less log p is −½ of its squared error in the mean."""
    exact = lb.log_evidence(model, CUBE[:8], samples=100_000).mean
    runs = [lb.log_evidence(model, CUBE[:8], method="importance", samples=50, key=s) for s in range(100)]
    difference = np.array([run.mean for run in runs]) - exact
    claimed = np.mean([run.bias for run in runs])
    assert claimed < -1e-4
    assert abs(difference.mean() - claimed) < 4 * difference.std() / 10 + 0.2 * abs(claimed)


def test_how_it_was_found_is_said_in_words():
    said = found_by({"annealed": 1, "refined": 359}, 3000)
    assert said.startswith("samples around a posterior fitted to each row (359 rows, 3,000 samples each);")
    assert said.endswith("annealed chains from the prior (1 row)")
