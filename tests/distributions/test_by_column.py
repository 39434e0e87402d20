"""The terms of log p(x), column by column: their sum is log p(x), of every family."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.distributions.by_column import log_prob_by_column

KEY = jax.random.key(0)


def sequences(length):
    return lb.Autoregressive(lb.CausalWindow(4, 2, window=2, width=8, key=KEY), length)


MEMBERS = {
    "numbers": lambda: lb.DiagonalGaussian(3),
    "numbers, some missing": lambda: lb.DiagonalGaussian(3, missing=True),
    "dependent numbers": lambda: lb.FullGaussian(3),
    "bits": lambda: lb.Bernoulli(3),
    "levels": lambda: lb.Categorical(2, 3),
    "a sequence": lambda: sequences(4),
    "several kinds": lambda: lb.MixedColumns(
        [lb.Bernoulli(1), sequences(3), lb.DiagonalGaussian(2, missing=True)],
        columns=[[4], [1, 2, 3], [0, 5]],
    ),
}


@pytest.mark.parametrize("make", MEMBERS.values(), ids=MEMBERS)
def test_the_terms_sum_to_log_p(make):
    family = make()
    p = family(jax.random.normal(KEY, (family.size,)))
    x = p.sample(jax.random.key(1)).astype(float)
    terms = log_prob_by_column(p, x)
    assert terms.shape == (family.event_size,)
    np.testing.assert_allclose(terms.sum(), p.log_prob(x), rtol=2e-6)


def test_a_columns_term_is_its_own():
    """It stays when another column changes, and is 0 of a value that was not observed; a sequence has one."""
    family = MEMBERS["several kinds"]()
    p = family(jax.random.normal(KEY, (family.size,)))
    x = p.sample(jax.random.key(1))
    terms, other = log_prob_by_column(p, x), log_prob_by_column(p, x.at[5].set(jnp.nan))
    np.testing.assert_array_equal(terms[:5], other[:5])
    assert other[5] == 0
    assert terms[1] < 0
    assert terms[2] == terms[3] == 0
