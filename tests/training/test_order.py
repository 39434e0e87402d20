"""The order of the data is a permutation, another one each epoch, and no row has a favourite place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.training.order import shuffled


def order(seed, n):
    return np.asarray(orders(jnp.asarray([seed]), n)[0])


def orders(seeds, n):
    place = jax.vmap(shuffled, (None, 0, None))
    return jax.vmap(lambda seed: place(jax.random.key(seed), jnp.arange(n), jnp.asarray(n)))(seeds)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 100, 1437, 60000])
def test_it_is_a_permutation(n):
    assert (np.sort(order(0, n)) == np.arange(n)).all()


def test_epochs_differ_and_a_key_gives_one_order():
    assert (order(0, 1000) == order(0, 1000)).all()
    # Two random permutations agree in one place on average.
    assert (order(0, 1000) == order(1, 1000)).sum() < 8


def test_every_row_is_as_likely_at_every_place():
    """χ² over row × place of 2,000 orders of 20 rows: 19² degrees of freedom, 5 standard deviations."""
    n, draws = 20, 2000
    counts = np.zeros((n, n))
    np.add.at(counts, (np.tile(np.arange(n), draws), np.asarray(orders(jnp.arange(draws), n)).ravel()), 1)
    chi2 = ((counts - draws / n) ** 2 / (draws / n)).sum()
    freedom = (n - 1) ** 2
    assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)


def test_neighbours_are_torn_apart():
    """Rows that stood side by side are, on average, a third of the data apart, as random pairs are."""
    n = 5000
    distance = np.abs(np.diff(order(0, n)))
    assert abs(distance.mean() - n / 3) < 5 * n / np.sqrt(18 * n)
