"""The stack, the buckets and the tables that bits-back coding is made of."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb
from lowerbound.compression.buckets import BUCKETS, GaussianCode, centre
from lowerbound.compression.stack import PRECISION, Stack
from lowerbound.compression.tables import alphabets, tables

WORDS = np.random.default_rng(0).integers(2**32, size=20_000, dtype=np.uint32)


def test_symbols_take_as_many_bits_as_their_probabilities_say():
    rng = np.random.default_rng(1)
    probability = rng.dirichlet(np.ones(7), size=10_000).astype(np.float32)
    symbols = (rng.random((10_000, 1)) > probability.cumsum(1)).sum(1).clip(0, 6)
    stack = Stack(WORDS)
    before = stack.bits
    stack.push(symbols, probability)
    expected = -np.log2(np.take_along_axis(probability, symbols[:, None], 1)).sum()
    assert abs(stack.bits - before - expected) < 32 + 1e-4 * expected
    np.testing.assert_array_equal(stack.pop(probability), symbols)
    np.testing.assert_array_equal(stack.words, Stack(WORDS).words)


def test_uniform_symbols_of_many_sizes_come_back():
    size = np.random.default_rng(2).integers(1, 1000, 500)
    symbols = size // 2
    stack = Stack(WORDS)
    stack.push_uniform(symbols, size)
    np.testing.assert_array_equal(stack.pop_uniform(size), symbols)
    np.testing.assert_array_equal(stack.words, Stack(WORDS).words)


def code(n=3000):
    lower = np.array([[0.3, 0, 0], [0.5, 0.2, 0], [-0.1, 0.02, 0.01]])
    mean = np.array([0.5, -1.0, 2.0])
    return GaussianCode.of(np.tile(mean, (n, 1)), np.tile(lower, (n, 1, 1))), mean, lower


def test_buckets_are_drawn_from_the_gaussian():
    """Whitened by its own mean and root, what is drawn is N(0, I)."""
    gaussian, mean, lower = code()
    bucket = gaussian.pop(Stack(WORDS))
    e = np.linalg.solve(lower, (centre(bucket) - mean).T)
    for each in e:
        assert stats.kstest(each, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(e) - np.eye(3)).max() < 4 / np.sqrt(e.shape[1])


def test_drawing_gives_back_what_buckets_of_q_have_more_than_those_of_p():
    """−log₂ q bits are popped, so that popping by q and pushing by p takes KL(q ‖ p) on average."""
    gaussian, mean, lower = code()
    stack = Stack(WORDS)
    before = stack.bits
    bucket = gaussian.pop(stack)
    stack.push_uniform(bucket.ravel(), BUCKETS)
    covariance = lower @ lower.T
    kl = 0.5 * (np.trace(covariance) + mean @ mean - 3 - np.linalg.slogdet(covariance)[1]) / np.log(2)
    spread = np.sqrt(0.5 * 3 + mean @ covariance @ mean) / np.log(2)
    assert abs((stack.bits - before) / len(bucket) - kl) < 4 * spread / np.sqrt(len(bucket))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 50.0])
def test_the_bits_come_back_whatever_the_scale(scale):
    """A Gaussian within one bucket, and one far wider than the prior, whose buckets are the outermost."""
    rng = np.random.default_rng(3)
    gaussian = GaussianCode.of(scale * rng.normal(size=(50, 2)), scale * np.tile(np.eye(2), (50, 1, 1)))
    stack = Stack(WORDS)
    gaussian.push(gaussian.pop(stack), stack)
    np.testing.assert_array_equal(stack.words, Stack(WORDS).words)


def test_the_shares_of_all_buckets_are_whole():
    gaussian = code(1)[0]
    edges = gaussian._below(np.arange(BUCKETS + 1), 0, np.zeros((1, 3)))
    assert (np.diff(edges) >= 0).all()
    assert (edges[0], edges[-1]) == (0, 2**PRECISION)


@pytest.mark.thorough
def test_a_table_says_of_each_value_what_the_likelihood_does():
    family = lb.MixedColumns([lb.NegativeBinomial(2), lb.Bernoulli(1)], [(0, 2), (1,)])
    p = family(jnp.linspace(-1, 1, family.size))
    found = alphabets(family.support, 3, lambda block, columns: 60)
    counts, bits = tables(p, found)
    x = np.array([4.0, 1.0, 7.0])
    log_prob = np.log(counts[0, 4]) + np.log(counts[1, 7]) + np.log(bits[0, 1])
    assert float(p.log_prob(x)) == pytest.approx(float(log_prob), rel=1e-5)
    np.testing.assert_allclose(counts.sum(-1), 1, atol=1e-4)
