"""NAdam as a value: its numbers are checked, and each does what it says."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lowerbound as lb
from lowerbound.training.optimizer import Ascent, schedule


def arrays(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(lb.trainable(model))]


def ascent(**numbers):
    """Plain gradient descent of rate 1, with these numbers in place of NAdam's."""
    fields = {"learning_rate": None, "warm_up": jnp.ones(()), "total_steps": jnp.ones(()), "clip_norm": None}
    return Ascent(optax.sgd(1.0), **{**fields, "averaging": None, **numbers})


@pytest.mark.parametrize("limit", [None, 2.0, 5.0, 100.0])
def test_clipping_bounds_a_step(limit):
    """A step moves the parameters by the gradient, of norm 5 here, or by the limit in its direction."""
    parameters, gradient = (
        {"a": jnp.zeros(1), "b": jnp.zeros(1)},
        {"a": jnp.full(1, 3.0), "b": jnp.full(1, 4.0)},
    )
    rule = ascent(clip_norm=None if limit is None else jnp.asarray(limit))
    moved, _ = rule.climbed(parameters, gradient, rule.transformation.init(parameters), jnp.asarray(0))
    shrunk = min(1.0, (limit or 100.0) / 5)
    np.testing.assert_allclose([moved["a"][0], moved["b"][0]], [-3 * shrunk, -4 * shrunk], rtol=1e-6)


def test_a_gradient_whose_square_is_beyond_float32_is_clipped_in_its_direction():
    parameters = {"a": jnp.zeros(1), "b": jnp.zeros(1)}
    rule = ascent(clip_norm=jnp.asarray(2.0))
    gradient = {"a": jnp.full(1, 3e30), "b": jnp.full(1, -4e30)}
    moved, _ = rule.climbed(parameters, gradient, rule.transformation.init(parameters), jnp.asarray(0))
    np.testing.assert_allclose([moved["a"][0], moved["b"][0]], [-1.2, 1.6], rtol=1e-6)


def test_averaging_is_the_exponential_mean_whose_window_grows_with_the_run():
    """The decay is min(0.5, (t + 1)/(t + 5)): 1/5, 2/6, 3/7, and 0.5 from t = 3 on."""
    rule, average, expected = ascent(averaging=jnp.asarray(0.5)), jnp.asarray(7.0), 7.0
    for t in range(12):
        average = rule.averaged(average, jnp.asarray(float(t)), jnp.asarray(t))
        decay = min(0.5, (t + 1) / (t + 5))
        expected = decay * expected + (1 - decay) * t
    assert float(average) == pytest.approx(expected, rel=1e-6)
    assert ascent().averaged(None, jnp.zeros(()), jnp.asarray(0)) is None


@pytest.mark.thorough
def test_the_average_is_what_is_evaluated_and_returned(model, rows):
    options = {"epochs": 3, "batch_size": 100, "validation": 0}
    last, mean = (lb.fit(model, rows, **options, optimizer=lb.NAdam(averaging=a)) for a in (None, 0.5))
    for a, b in zip(*(jax.tree.leaves(r.state.parameters) for r in (last, mean)), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(arrays(mean.model), jax.tree.leaves(mean.state.average), strict=True):
        np.testing.assert_array_equal(a, b)
    behind = [np.abs(a - w).sum() for a, w in zip(arrays(mean.model), arrays(last.model), strict=True)]
    whole = [np.abs(v - w).sum() for v, w in zip(arrays(model), arrays(last.model), strict=True)]
    assert 0 < sum(behind) < sum(whole)


def test_the_rate_warms_up_linearly_and_falls_to_0():
    factors = np.array([schedule(jnp.asarray(t), 20.0, 100.0) for t in range(101)])
    np.testing.assert_allclose(factors[:20], (np.arange(20) + 1) / 20, rtol=1e-6)
    assert factors[60] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0, abs=1e-6)


def test_the_short_cut_and_the_value_are_one_run(model, rows):
    options = {"epochs": 2, "batch_size": 100}
    short = lb.fit(model, rows, **options, learning_rate=7e-3)
    value = lb.fit(model, rows, **options, optimizer=lb.NAdam(learning_rate=7e-3))
    for a, b in zip(arrays(short.model), arrays(value.model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_optax_transformation_is_taken_as_it_comes(model, rows):
    """An ELBO with a KL that counts for 10⁶ has a gradient far above NAdam's limit of 100."""
    options = {"epochs": 1, "batch_size": 300, "validation": 0, "optimizer": optax.sgd(1e-6)}
    result = lb.fit(model, rows, objective=lb.ELBO(beta=1e6), **options)
    moved = optax.tree.norm(jax.tree.map(jnp.subtract, arrays(result.model), arrays(model)))
    assert float(moved) > 100e-6 * 10


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        (
            {"learning_rate": -1e-3},
            ValueError,
            r"NAdam\.learning_rate: expected a number, at least 0, found -0",
        ),
        ({"learning_rate": float("nan")}, ValueError, "found nan"),
        ({"learning_rate": None}, TypeError, "found None"),
        ({"warm_up": 5}, ValueError, r"NAdam\.warm_up: expected a share of the steps, from 0 to 1, found 5"),
        (
            {"clip_norm": 0},
            ValueError,
            r"NAdam\.clip_norm: expected a number of nats above 0, or None, found 0",
        ),
        ({"clip_norm": "10"}, TypeError, "found '10'"),
        ({"averaging": 1.0}, ValueError, r"NAdam\.averaging: expected a number above 0 and below 1, or None"),
        ({"averaging": True}, TypeError, "found True"),
    ],
)
def test_each_number_is_checked(numbers, error, message):
    with pytest.raises(error, match=message):
        lb.NAdam(**numbers)


def test_fit_takes_at_most_eighteen_arguments():
    assert len(inspect.signature(lb.fit).parameters) <= 18
