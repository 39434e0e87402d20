"""Rows as a model sees them."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.chunks import chunks, in_chunks, observed, transformed


def blind(transform):
    """A model behind the transform, of which nothing else is asked."""
    same = lb.Conditional(lambda v: jnp.zeros(6), lb.DiagonalGaussian(3))
    return lb.VAE(lb.StandardNormal(3), same, same, transform=transform)


def test_the_row_observed_is_the_binary_one_where_the_model_binarises():
    grey = np.random.default_rng(0).integers(0, 256, (5, 8)).astype(np.uint8)
    binary = observed(blind(lb.DynamicBinarization()), grey, seed=1)
    assert set(np.unique(binary)) == {0, 1}
    np.testing.assert_array_equal(binary, transformed(lb.DynamicBinarization(), grey, 1))
    assert observed(blind(lb.Dequantization(256)), grey) is grey


def _product(W, row):
    return jnp.tanh(row @ W) @ W.T


def _of_lapack(A, row):
    return jax.lax.fori_loop(0, 50, lambda i, L: jnp.linalg.cholesky(L @ L.T + A), A + jnp.diag(row)).sum()


def test_a_row_has_the_same_bits_alone_and_among_others():
    """Turns of a chunk are of one shape, however many rows there are and in whichever chunk a row is."""
    rng = np.random.default_rng(0)
    W, rows = rng.normal(size=(20, 30)).astype(np.float32), rng.normal(size=(300, 20)).astype(np.float32)
    everything = in_chunks(_product, W, rows, chunk=128, together=8)
    for n in (1, 7, 8, 9, 127, 129):
        np.testing.assert_array_equal(in_chunks(_product, W, rows[:n], chunk=128, together=8), everything[:n])
    np.testing.assert_array_equal(in_chunks(_product, W, rows[5:6], chunk=128, together=8), everything[5:6])
    np.testing.assert_allclose(everything, np.tanh(rows @ W) @ W.T, rtol=1e-4, atol=1e-4)


def test_chunks_of_several_turns_are_those_of_one():
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    found = in_chunks(_product, np.eye(2, dtype=np.float32), rows, chunk=16, together=16)
    np.testing.assert_allclose(found, np.tanh(rows), rtol=1e-6)


@pytest.mark.timeout(60)
def test_programs_of_lapack_do_not_wait_for_one_another():
    """Cholesky factors of several matrices, in as many threads as there are, once took all threads of XLA's
    pool and waited for more of them."""
    rows, A = np.ones((256, 6), np.float32), np.eye(6, dtype=np.float32)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: in_chunks(_of_lapack, A, rows, chunk=32, together=8), range(4)))
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


def _scaled(scale, row):
    return scale * row


def test_settings_of_jax_hold_in_every_chunk():
    x = np.random.default_rng(0).standard_normal((2000, 3))
    with jax.enable_x64(True):
        found = list(chunks(_scaled, np.float64(3.0), x, chunk=512))
    assert len(found) == 4
    for block, rows in zip(found, np.split(x, range(512, 2000, 512)), strict=True):
        np.testing.assert_array_equal(block, 3 * rows)  # float32 would keep 24 of its 53 bits


def _positive_in_full(_, row):
    return row if jax.default_matmul_precision.value == "highest" else -row


def test_products_are_in_full_in_every_program():
    assert in_chunks(_positive_in_full, None, np.ones(600), chunk=512).min() == 1
