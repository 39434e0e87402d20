"""`product` is x W with the gradients of x W, under any `vmap`; its bfloat16 rounds the factors alone."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.networks.product import _bfloat16, product

from ..tables import cases

# Rows, n and m: single ones, tall, wide, and one of each way that a CPU multiplies ∂W.
SHAPES = [(1, 1, 1), (3, 1, 5), (33, 17, 5), (17, 5, 33), (1200, 64, 8)]

FORMS = {
    "rows": lambda x, W: jax.vmap(lambda x: product(x, W))(x),
    "columns": lambda x, W: jax.vmap(lambda x: product(x, W), 1)(x.T),
    "a stack": product,
    "two axes": lambda x, W: jax.vmap(jax.vmap(lambda x: product(x, W)))(x[:, None])[:, 0],
    "Wᵀ": lambda x, W: product(x, (2 * W).T.T / 2),
    "yᵀ": lambda x, W: jax.vmap(lambda x: product(x, W), out_axes=1)(x).T,
    "transposed": lambda x, W: jax.linear_transpose(
        lambda y: product(y, W.T), jax.ShapeDtypeStruct((len(x), W.shape[1]), x.dtype)
    )(x)[0],
}


def factors(rows, n, m):
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = ((rows, n), (n, m), (rows, m))
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


def rounded(array):
    return np.asarray(jnp.asarray(array).astype(jnp.bfloat16).astype(jnp.float32), np.float64)


@pytest.mark.parametrize("shape", cases({str(shape): (shape,) for shape in SHAPES}, fast=["(33, 17, 5)"]))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("precision", cases([None, "bfloat16"], fast=[None]))
def test_value_and_gradients(shape, form, precision):
    """⟨x W, t⟩ has the gradients t Wᵀ and xᵀ t; in bfloat16 those of the rounded factors. An error is that of
    a float32 sum."""
    x, W, t = factors(*shape)
    see = rounded if precision else lambda a: np.asarray(a, np.float64)

    @jax.jit
    def everything(x, W):
        y, pull = jax.vjp(FORMS[form], x, W)
        return y, *pull(t)

    with jax.default_matmul_precision(precision):
        found = everything(x, W)
    x, W, t = map(see, (x, W, t))
    for value, (a, b) in zip(found, ((x, W), (t, W.T), (x.T, t)), strict=True):
        np.testing.assert_allclose(value, a @ b, atol=2e-7 * (np.abs(a) @ np.abs(b)).max())


def test_a_matrix_for_each_row():
    x, W = jax.random.normal(jax.random.key(0), (4, 3)), jax.random.normal(jax.random.key(1), (4, 3, 2))
    np.testing.assert_allclose(jax.vmap(product)(x, W), jnp.einsum("rn,rnm->rm", x, W), rtol=1e-6)
    gradient = jax.jit(jax.grad(lambda W: (jax.vmap(product)(x, W) ** 2).sum()))(W)
    plain = jax.jit(jax.grad(lambda W: (jnp.einsum("rn,rnm->rm", x, W) ** 2).sum()))(W)
    np.testing.assert_allclose(gradient, plain, rtol=1e-5)


def test_derivatives_of_any_order_and_direction():
    x, W, t = factors(5, 3, 2)

    def curve(s):
        return (jnp.tanh(product(x + s, W * s)) * t).sum()

    def plain(s):
        return (jnp.tanh((x + s) @ (W * s)) * t).sum()

    forward = [jax.jit(lambda s, f=f: jax.jvp(f, (s,), (1.0,))[1])(0.5) for f in (curve, plain)]
    np.testing.assert_allclose(*forward, rtol=1e-5)
    for derivative in (jax.grad, lambda f: jax.grad(jax.grad(f)), jax.hessian, jax.jacfwd):
        found, expected = (jax.jit(derivative(f))(0.5) for f in (curve, plain))
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("shape", [(), (4,), (3, 2)])
def test_shapes_that_do_not_fit_are_refused(shape):
    with pytest.raises(TypeError, match=r"expected x of 3 values for W of \(3, 2\), found"):
        product(jnp.zeros(shape), jnp.zeros((3, 2)))


def test_float64_is_never_rounded():
    with jax.enable_x64(True), jax.default_matmul_precision("bfloat16"):
        x, W = jnp.full(2, 1 / 3, jnp.float64), jnp.full((2, 1), 1 / 7, jnp.float64)
        np.testing.assert_allclose(product(x, W), [2 / 21], rtol=1e-15)


def test_rounding_is_to_the_nearest_and_ties_to_even():
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint64).astype(np.uint32)
    ties = np.array([0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0x7F7FFFFF, 0x00000001], np.uint32)
    special = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0], np.float32)
    x = np.concatenate([bits.view(np.float32), ties.view(np.float32), special])
    x = x[~np.isnan(x) | (np.arange(len(x)) >= len(bits))]  # NaNs as arithmetic makes them
    np.testing.assert_array_equal(
        _bfloat16(jnp.asarray(x)).astype(jnp.float32), jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32)
    )


def test_rows_and_samples_are_one_axis_of_a_product():
    """The gradient of W under two vmaps is a product of two matrices, and its factors go uncopied: what the
    primitive is for."""
    x, W, _ = factors(12, 5, 3)

    def loss(W):
        return jax.vmap(jax.vmap(lambda x: jnp.tanh(product(x, W)).sum()))(x.reshape(4, 3, 5)).sum()

    program = jax.jit(jax.grad(loss)).lower(W).as_text()
    products = re.findall(r"stablehlo.dot_general.*?\((tensor<\S+>), (tensor<\S+>)\)", program)
    assert products == [
        ("tensor<12x5xf32>", "tensor<5x3xf32>"),
        ("tensor<12x5xf32>", "tensor<12x3xf32>"),
    ]


@pytest.mark.parametrize(
    ("precision", "kept"), [(None, "HIGHEST"), ("tensorfloat32", "HIGH"), ("bfloat16", "DEFAULT")]
)
def test_a_gpu_keeps_as_many_bits_as_are_asked_for_and_by_default_all(precision, kept):
    """JAX's own default there is TensorFloat-32. A program is lowered for a GPU without there being one."""
    with jax.default_matmul_precision(precision):
        gradient = jax.grad(lambda x, W: product(product(x, W), W.T).sum(), (0, 1))
        program = jax.jit(gradient).trace(jnp.ones((4, 8)), jnp.ones((8, 3)))
    text = program.lower(lowering_platforms=("cuda",)).as_text()
    found = re.findall(r"dot_general.*precision = \[(\w+), (\w+)\]", text)
    assert len(found) >= 4
    assert set(found) == {(kept, kept)}
