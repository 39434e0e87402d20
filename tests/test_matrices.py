"""Routines of LAPACK, which wait for one another on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.matrices import eigh, waits_for_threads


def symmetric(n, d, seed=0):
    A = np.random.default_rng(seed).normal(size=(n, d, d)).astype(np.float32)
    return jnp.asarray(A + A.swapaxes(1, 2))


def test_eigh_is_that_of_each_matrix_to_the_bit():
    A = symmetric(5, 4)
    values, vectors = jax.jit(jax.vmap(eigh))(A)
    for i, one in enumerate(A):
        own_values, own_vectors = jax.jit(eigh)(one)
        np.testing.assert_array_equal(values[i], own_values)
        np.testing.assert_array_equal(vectors[i], own_vectors)
    np.testing.assert_allclose(vectors * values[:, None] @ vectors.swapaxes(1, 2), A, atol=1e-5)


def two_axes(function):
    return lambda A: jax.vmap(function)(A[None])


WAITING = {
    "eigh": (jax.vmap(eigh), False),
    "eigh under two vmaps": (two_axes(jax.vmap(eigh)), False),
    "eigh of several": (jnp.linalg.eigh, True),
    "cholesky of several": (two_axes(jnp.linalg.cholesky), True),
    "triangular solves": (lambda A: jax.vmap(jax.scipy.linalg.solve_triangular)(A, A), True),
    "cholesky, one after the other": (lambda A: jax.lax.map(jnp.linalg.cholesky, A), False),
    "product": (lambda A: A @ A, False),
}


@pytest.mark.parametrize("name", WAITING)
def test_what_waits_for_threads_is_found(name):
    function, waits = WAITING[name]
    assert waits_for_threads(jax.make_jaxpr(jax.jit(function))(symmetric(3, 4))) is waits
