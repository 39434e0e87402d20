"""Sampling by quantile functions: inside the support, accurate in both tails, differentiable everywhere."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

import lowerbound as lb

from ..tables import cases

BY_NAME = [
    lb.Exponential,
    lb.Weibull,
    lb.Rayleigh,
    lb.Pareto,
    lb.Kumaraswamy,
    lb.Gumbel,
    lb.Logistic,
    lb.Cauchy,
]
every_family = pytest.mark.parametrize("make", cases(BY_NAME, fast=[lb.Exponential, lb.Kumaraswamy]))

# Cells of width 2⁻²³: the first and last three numbers that u can be, and some between.
ENDS = 2.0**-24 * np.array([1, 3, 5, 1001, 100_001])
U = np.concatenate([ENDS, [0.1, 0.26, 0.4, 0.6, 0.74, 0.9], 1 - ENDS[::-1]])


def test_a_uniform_number_is_the_middle_of_a_cell():
    """So that neither end can be drawn, and F⁻¹ of a uniform distribution gives it back."""
    draws = np.asarray(lb.InverseCDF(lb.Uniform(1))(jnp.zeros(2)).sample(jax.random.key(0), (100_000,))) + 0.5
    plain = np.asarray(lb.Uniform(1)(jnp.zeros(2)).sample(jax.random.key(0), (100_000,))) + 0.5
    np.testing.assert_allclose(draws - plain, 2.0**-24, atol=2.0**-24)


@every_family
def test_quantiles_in_float32_are_those_of_float64_in_both_tails(make):
    v = np.linspace(-0.5, 0.4, make(1).size).astype(np.float32)
    single = make(1).marginals(jnp.asarray(v)).icdf(jnp.asarray(U, jnp.float32)[:, None])
    with jax.enable_x64(True):
        double = make(1).marginals(jnp.asarray(v, float)).icdf(jnp.asarray(U)[:, None])
        single, double = np.asarray(single, np.float64), np.asarray(double)
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=2e-7)


@pytest.mark.slow
@every_family
@pytest.mark.parametrize("bound", [10.0, 50.0])
def test_samples_and_their_gradients_are_finite_and_inside_at_extreme_parameters(make, bound):
    family = make(1)
    V = jnp.asarray(list(product((-bound, 0.0, bound), repeat=family.size)), jnp.float32)
    q = lambda v: family(v).base_dist.base_dist  # noqa: E731
    quantile = lambda v, u: q(v).icdf(u)[0]  # noqa: E731
    value_and_gradient = jax.vmap(jax.vmap(jax.value_and_grad(quantile), (None, 0)), (0, None))
    values, gradients = value_and_gradient(V, jnp.asarray(U, jnp.float32))
    assert np.isfinite(values).all()
    assert np.isfinite(gradients).all()
    assert family.support(np.asarray(values)[..., None]).all()
    if make is lb.Kumaraswamy:
        assert ((values > 0) & (values < 1)).all()


@pytest.mark.slow
@every_family
def test_log_density_and_gradients_are_finite_at_extreme_parameters(make):
    family = make(1)
    V = jnp.asarray(list(product((-50.0, 0.0, 50.0), repeat=family.size)), jnp.float32)
    x = jnp.asarray([[0.03], [0.9]] if make is lb.Kumaraswamy else [[1.01], [30.0]])
    value_and_gradient = jax.value_and_grad(lambda v, x: family(v).log_prob(x), (0, 1))
    found = jax.vmap(jax.vmap(value_and_gradient, (None, 0)), (0, None))(V, x)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


@every_family
def test_a_gradient_through_a_sample_is_that_of_the_quantile_function(make):
    """Of a sample whose u is known, against the difference quotient in float64."""
    with jax.enable_x64(True):
        family = make(1)
        v = jnp.linspace(-0.5, 0.4, family.size)
        sample = lambda v: family(v).sample(jax.random.key(3))[0]  # noqa: E731
        slope = [(sample(v + step) - sample(v - step)) / 2e-5 for step in 1e-5 * jnp.eye(family.size)]
        np.testing.assert_allclose(jax.grad(sample)(v), slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("log_shape", cases([-1.0, 0.0, 2.0, 2.4, 3.0, 6.0, 9.0], fast=[-1.0, 9.0]))
def test_the_variance_of_a_weibull_distribution_is_accurate_for_every_shape(log_shape):
    """λ² [Γ(1 + 2/k) − Γ(1 + 1/k)²], which in float32 cancels to 0 or less for a large k."""
    one, two = gammaln(1 + np.array([1, 2]) * np.exp(-log_shape))
    expected = np.exp(1 + 2 * one) * np.expm1(two - 2 * one)
    p = lb.Weibull(1)(jnp.array([0.5, log_shape], jnp.float32))
    assert float(p.variance[0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lb.InverseCDF(lb.FullGaussian(2)), TypeError, "independent dimensions, found FullGaussian"),
        (lambda: lb.InverseCDF(lb.Bernoulli(2)), TypeError, "expected a continuous family, found Bernoulli"),
        (lambda: lb.InverseCDF(lb.StudentT(2)), TypeError, "StudentT's have none .* use StudentT itself"),
        (lambda: lb.InverseCDF(lb.Gamma(2)), TypeError, "Gamma's have none"),
        (lambda: lb.Pareto(2, minimum=0.0), ValueError, r"Pareto\.minimum: expected a positive number"),
        (lambda: lb.Pareto(0), ValueError, "Pareto: expected a whole number of at least 1, found 0"),
        (lambda: lb.StudentT(2, degrees=-1.0), ValueError, r"StudentT\.degrees: expected a positive number"),
    ],
)
def test_what_has_no_quantile_function_or_no_parameter_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
