"""Routines of LAPACK on a CPU, which wait for one another.

Over several matrices such a routine shares them among the threads of XLA's pool and waits for those, in a
thread of the same pool. Where as many of them run at a time as there are threads, in one program or in two,
all wait for ever. Of one matrix it waits for nobody.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.extend.core import jaxprs_in_params
from jaxtyping import Array, Float

__all__ = ["eigh", "waits_for_threads"]

_ROUTINES = {"cholesky", "eig", "eigh", "geqrf", "householder_product", "lu", "qr", "schur", "svd"}
_ROUTINES |= {"triangular_solve", "tridiagonal", "tridiagonal_solve"}


@custom_vmap
def eigh(A: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Eigenvalues, in ascending order, and eigenvectors of a symmetric matrix; under `vmap` on a CPU of one
    matrix after the other, which no thread waits for. It has no gradient.

    >>> values, vectors = jax.vmap(eigh)(jnp.array([[[2.0, 0.0], [0.0, 1.0]]]))
    >>> values.tolist()
    [[1.0, 2.0]]
    """
    values, vectors = jnp.linalg.eigh(A)
    return values, vectors


@eigh.def_vmap
def _eigh_of_each(size: int, batched: list[bool], A: Array) -> Any:
    on_cpu = jax.default_backend() == "cpu"
    return tuple(jax.lax.map(eigh, A) if on_cpu else jnp.linalg.eigh(A)), (True, True)


def waits_for_threads(jaxpr: Any) -> bool:
    """Whether a program, a jaxpr, has a routine of LAPACK over several matrices.

    >>> A = jnp.eye(2)[None].repeat(3, 0)
    >>> [waits_for_threads(jax.make_jaxpr(f)(A)) for f in (jnp.linalg.cholesky, jax.vmap(eigh), jnp.exp)]
    [True, False, False]
    """
    for equation in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        if equation.primitive.name in _ROUTINES and equation.invars[0].aval.ndim > 2:
            return True
        if any(map(waits_for_threads, jaxprs_in_params(equation.params))):
            return True
    return False
