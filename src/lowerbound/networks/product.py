"""x W, the matrix product that networks are made of, as one primitive of JAX.

`x @ W` under two `vmap`s (rows of data, samples of z) has two axes beside that of the sum, and its gradient
∂W = xᵀ g contracts both: XLA copies x and g to merge them. As a primitive the product keeps all such axes
together in front, however many `vmap`s stand around it, so that each of y = x W, ∂x = g Wᵀ and ∂W = xᵀ g is
a product of two matrices; and how these are multiplied is said in this file alone.

Inside `jax.default_matmul_precision("bfloat16")` the factors of a float32 product are rounded to bfloat16
(float32's range, 8 bits of mantissa in place of 24) and summed in float32, on every platform. JAX's own
default is float32's 24 bits on a CPU and, on a GPU that has it, TensorFloat-32's 11: nothing here is computed
by that default, but `multiplying` in full unless another precision is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.typing import DTypeLike
from jaxtyping import Array, BFloat16, Float, Float32

__all__ = ["multiplying", "product"]

# The precision in which the factors of a float32 product are rounded to bfloat16.
_ROUNDED = "bfloat16"

Dot = Callable[[Array, Array, tuple[int, int], str], Array]


def multiplying(precision: str | None = None) -> AbstractContextManager[None]:
    """Within it all matrix products and convolutions are of `precision`: by default what
    `jax.default_matmul_precision` says where it says anything, and else all bits of their factors.

    >>> with multiplying():
    ...     jax.default_matmul_precision.value
    'highest'
    """
    context: AbstractContextManager[None] = jax.default_matmul_precision(precision or _precision())
    return context


def _precision() -> str:
    """What is asked for here, and where nothing is all bits."""
    return jax.default_matmul_precision.value or "highest"


def product(x: Float[Array, "*rows n"], W: Float[Array, "n m"]) -> Float[Array, "*rows m"]:
    """x W, of one vector or of a stack of them.

    **Raises:** `TypeError` where x has not as many values as W has rows.

    >>> import jax, jax.numpy as jnp
    >>> x, W = jnp.ones(2), jnp.array([[1 + 2.0**-10], [1.0]])
    >>> product(x, W).tolist()
    [2.0009765625]
    >>> with jax.default_matmul_precision("bfloat16"):
    ...     product(x, W).tolist()
    [2.0]
    """
    x, W = jnp.asarray(x), jnp.asarray(W)
    if x.shape[-1:] != W.shape[:1]:
        raise TypeError(f"x W: expected x of {W.shape[0]} values for W of {W.shape}, found {x.shape}")
    dtype = jnp.promote_types(x.dtype, W.dtype)
    precision = _precision()
    if precision == _ROUNDED and dtype != jnp.float32:
        precision = "highest"
    y: Array = _product.bind(x.astype(dtype), W.astype(dtype), transposed=False, precision=precision)
    return y


def _forward(x: Array, W: Array, *, transposed: bool, precision: str, dot: Dot) -> Array:
    """x W, or x Wᵀ."""
    y = dot(x.reshape(-1, x.shape[-1]), W, (1, 1) if transposed else (1, 0), precision)
    return y.reshape(*x.shape[:-1], y.shape[1])


def _input_gradient(g: Array, x: Array, W: Array, *, transposed: bool, precision: str) -> Array:
    """∂x = g Wᵀ, or g W."""
    dx: Array = _product.bind(g, W, transposed=not transposed, precision=precision)
    return dx


def _weight_gradient(g: Array, x: Array, W: Array, *, transposed: bool, precision: str) -> Array:
    """∂W = xᵀ g, or gᵀ x."""
    a, b = (factor.reshape(-1, factor.shape[-1]) for factor in ((g, x) if transposed else (x, g)))
    return jax.lax.platform_dependent(
        a,
        b,
        cpu=partial(_dot_over_rows_on_cpu, precision=precision),
        default=partial(_dot, axes=(0, 0), precision=precision),
    )


def _dot(a: Array, b: Array, axes: tuple[int, int], precision: str) -> Array:
    """The sum of products along an axis of each of two matrices."""
    dtype = a.dtype
    if precision == _ROUNDED:
        a, b = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
    return _summed_in(dtype, a, b, axes, precision)


def _dot_on_cpu(a: Array, b: Array, axes: tuple[int, int], precision: str) -> Array:
    """The same. Into a bfloat16 product no transpose may be moved from around it: the kinds with one are
    widened to float32, or cannot be run at all."""
    if precision != _ROUNDED:
        return _dot(a, b, axes, precision)
    a, b = jax.lax.optimization_barrier((_bfloat16(a), _bfloat16(b)))
    return jax.lax.optimization_barrier(_summed_in(jnp.float32, a, b, axes, precision))


def _summed_in(dtype: DTypeLike, a: Array, b: Array, axes: tuple[int, int], precision: str) -> Array:
    contracted = ((axes[:1], axes[1:]), ((), ()))
    return jax.lax.dot_general(a, b, contracted, precision=precision, preferred_element_type=dtype)


def _dot_over_rows_on_cpu(a: Array, b: Array, precision: str) -> Array:
    """aᵀ b. In bfloat16 one of the two has to be transposed in memory: a, or b and then the result, whichever
    moves fewer numbers. Of float32 the second is worth it where b is narrow and tall (4.8 to 1.7 ms for
    4,900 × 512 and 4,900 × 64), but for an a of a few columns."""
    (rows, n), m = a.shape, b.shape[1]
    if jax.device_count() > 1:  # which share the rows, and would send each other all to transpose them
        return _dot(a, b, (0, 0), precision)
    if precision == _ROUNDED and rows * n <= rows * m + n * m:
        return _dot_on_cpu(_transposed(a), b, (1, 0), precision)
    if precision == _ROUNDED or (128 <= rows >= 2 * m and m <= 256 and n >= 64):
        y = _dot_on_cpu(_transposed(b), a, (1, 0), precision)
        return jax.lax.optimization_barrier(y).T
    return _dot(a, b, (0, 0), precision)


def _transposed(x: Array) -> Array:
    """xᵀ in memory, row by row: XLA would take a bare x.T as x read by columns."""
    return jax.lax.optimization_barrier(x.T.ravel()).reshape(x.shape[::-1])


def _bfloat16(x: Float32[Array, ...]) -> BFloat16[Array, ...]:
    """Rounded to the nearest, ties to even, as x.astype(bfloat16), which takes 2.4 times as long on a CPU. ∞
    stays ∞, and NaN the NaN that arithmetic makes."""
    bits = jax.lax.bitcast_convert_type(x, jnp.uint32)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return jax.lax.bitcast_convert_type(nearest.astype(jnp.uint16), jnp.bfloat16)


def _batched(
    factors: tuple[Array, Array], axes: tuple[int | None, int | None], *, transposed: bool, precision: str
) -> tuple[Array, int]:
    (x, W), (x_axis, W_axis) = factors, axes
    if x_axis is not None and W_axis is None:  # one matrix for all: the new axis joins the rows
        x = jnp.moveaxis(x, x_axis, 0)
        return _product.bind(x, W, transposed=transposed, precision=precision), 0
    each = partial(_forward, transposed=transposed, precision=precision, dot=_dot)
    return jax.vmap(each, (x_axis, W_axis))(x, W), 0


def _abstract(x: Array, W: Array, *, transposed: bool, precision: str) -> jax.core.ShapedArray:
    return jax.core.ShapedArray((*x.shape[:-1], W.shape[0 if transposed else 1]), x.dtype)


_product = Primitive("product")
_product.def_impl(jax.jit(_product.bind, static_argnames=("transposed", "precision")))
_product.def_abstract_eval(_abstract)
mlir.register_lowering(_product, mlir.lower_fun(partial(_forward, dot=_dot), multiple_results=False))
mlir.register_lowering(
    _product, mlir.lower_fun(partial(_forward, dot=_dot_on_cpu), multiple_results=False), platform="cpu"
)
ad.defbilinear(_product, _input_gradient, _weight_gradient)
batching.primitive_batchers[_product] = _batched
