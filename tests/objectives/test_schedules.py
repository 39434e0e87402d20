"""Weights that rise: where they begin and end, and what they are between."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb


def at(warm_up, *steps):
    return np.asarray([warm_up(jnp.asarray(step)) for step in steps])


@pytest.mark.parametrize("shape", ["linear", "sigmoid"])
@pytest.mark.parametrize("cycles", [1, 4])
def test_it_begins_at_0_and_ends_at_its_end(shape, cycles):
    warm_up = lb.WarmUp(400, end=0.7, shape=shape, cycles=cycles)
    np.testing.assert_allclose(at(warm_up, 0, 400, 401, 10**6), [0, 0.7, 0.7, 0.7], rtol=1e-6)
    within = at(warm_up, *range(400))
    assert ((within >= 0) & (within <= 0.7 + 1e-6)).all()


def test_a_sigmoid_is_the_logistic_function_scaled_to_0_and_1():
    t = np.array([0.1, 0.5, 0.8])
    sigma = lambda u: 1 / (1 + np.exp(-u))  # noqa: E731
    expected = (sigma(12 * t - 6) - sigma(-6)) / (sigma(6) - sigma(-6))
    np.testing.assert_allclose(at(lb.WarmUp(100, shape="sigmoid"), *(100 * t)), expected, rtol=1e-4)


def test_a_cycle_rises_in_its_first_half_and_begins_again():
    np.testing.assert_allclose(
        at(lb.WarmUp(80, cycles=2), 10, 20, 39, 40, 50), [0.5, 1, 1, 0, 0.5], rtol=1e-6
    )


def test_validation_rows_are_looked_at_with_its_end():
    """What chooses the model is what is maximised in the end; the bound beside it is the bound."""
    key, latent = jax.random.key(0), lb.DiagonalGaussian(2)
    model = lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(3, latent.size, width=8, key=key), latent),
        lb.Conditional(lb.MLP(2, 3, width=8, key=key), lb.Bernoulli(3)),
    )
    x = jnp.array([0.0, 1.0, 1.0])
    rising, (risen, terms) = (
        lb.ELBO(beta=beta).with_terms(model, x, key) for beta in (lb.WarmUp(100, end=0.2), 0.2)
    )
    assert risen > terms["bound"]
    np.testing.assert_array_equal(rising[0], risen)
    np.testing.assert_array_equal(rising[1]["bound"], terms["bound"])


def test_a_model_kept_below_its_end_is_told_of_and_one_that_was_meant_to_end_there_is_not():
    assert "stood at 0.49" in lb.ELBO(beta=lb.WarmUp(100)).unfinished(50)
    assert lb.ELBO(beta=lb.WarmUp(100)).unfinished(101) is None
    assert lb.ELBO(beta=lb.WarmUp(100, end=0.5)).unfinished(101) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, r"WarmUp\.steps: .* found 0"),
        ({"steps": 9, "cycles": 0}, r"WarmUp\.cycles: .* found 0"),
        ({"steps": 9, "shape": "square"}, r"WarmUp\.shape: expected linear or sigmoid, found 'square'"),
        ({"steps": 9, "end": -1}, r"WarmUp\.end: expected at least 0, found -1"),
    ],
)
def test_what_is_wrong_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        lb.WarmUp(**options)
