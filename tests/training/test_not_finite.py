"""What is not finite is named: the step, the term, the row and the column; and the best model is kept."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import optax
import pytest

import lowerbound as lb
from lowerbound.data.rows import Rows
from lowerbound.training.devices import block_of
from lowerbound.training.feed import WholeFeed
from lowerbound.training.run import Run
from lowerbound.training.snapshot import Snapshot, copied
from lowerbound.training.state import State
from lowerbound.training.step import advance
from lowerbound.training.supply import OnDevice

D = 3


class Location(eqx.Module):
    """p(x∣z) = N(θ, 1), whatever z."""

    theta: jax.Array

    def __call__(self, z):
        return dist.Normal(self.theta, 1.0).to_event(1)


class Undefined(Location):
    """The same, with a derivative that is 0/0 at a row whose value in column 1 is 7."""

    def __call__(self, z):
        return Broken(self.theta)


class Broken(dist.Distribution):
    support = dist.constraints.independent(dist.constraints.real, 1)

    def __init__(self, theta):
        self.theta = theta
        super().__init__((), (D,))

    def sample(self, key, sample_shape=()):
        return jax.random.normal(key, (*sample_shape, D))

    def log_prob(self, x):
        away = jnp.abs(x[1] - 7.0) + 0 * self.theta.sum()
        return -0.5 * ((x - self.theta) ** 2).sum() - 1e-6 * jnp.sqrt(away)


def model_of(likelihood=Location):
    """Codes that say nothing of x, so that a row far out meets the likelihood alone."""
    return lb.VAE(
        lb.StandardNormal(1), lambda x: dist.Normal(jnp.zeros(1), 1.0).to_event(1), likelihood(jnp.zeros(D))
    )


def rows(n=200):
    return np.random.default_rng(0).normal(size=(n, D)).astype(np.float32)


def arrays(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(lb.trainable(model))]


OPTIONS = {"batch_size": 20, "epochs": 5}


def test_the_row_and_the_column_that_began_it_are_named():
    """(10³⁰)² is above float32's largest: log p(x∣z) is −∞ in column 1 of row 137 alone."""
    x = rows()
    x[137, 1] = 1e30
    message = r"at step \d+ .*log_likelihood is not finite.*it began with row 137, column 1 \(1e\+30\)"
    with pytest.warns(lb.TrainingWarning, match=message):
        result = lb.fit(model_of(), x, **OPTIONS, validation=0)
    assert result.stopped == "not finite"
    assert all(np.isfinite(array).all() for array in arrays(result.model))


def test_rows_are_numbered_as_in_x_where_some_are_held_back():
    x = rows()
    key = next(k for k in range(9) if 137 in lb.fit(model_of(), x, epochs=0.1, key=k).train_rows)
    x[137, 1] = 1e30
    with pytest.warns(lb.TrainingWarning, match="it began with row 137, column 1"):
        lb.fit(model_of(), x, **OPTIONS, key=key)


def test_the_row_whose_gradient_is_not_finite_is_named():
    """All terms of its step are finite, and all rows of the next step are not."""
    x = rows()
    x[60, 1] = 7.0
    message = r"the gradient of the step before is not finite.*it began with row 60, column 1 \(7\)"
    with pytest.warns(lb.TrainingWarning, match=message):
        result = lb.fit(model_of(Undefined), x, **OPTIONS, validation=0)
    assert result.stopped == "not finite"
    assert all(np.isfinite(array).all() for array in arrays(result.model))


@pytest.mark.thorough
def test_a_value_that_is_furthest_out_is_named_where_the_likelihood_is_no_sum_over_columns():
    family = lb.FullGaussian(D)
    model = lb.VAE(
        lb.StandardNormal(1),
        lambda x: dist.Normal(jnp.zeros(1), 1.0).to_event(1),
        lb.Conditional(lb.MLP(1, family.size, width=4, key=jax.random.key(0)), family),
    )
    x = rows()
    x[11, 2] = -1e30
    with pytest.warns(lb.TrainingWarning, match=r"it began with row 11, column 2 \(-1e\+30\)"):
        lb.fit(model, x, **OPTIONS, validation=0)


class TestValidationRows:
    """One validation row whose bound is not finite left `fit` without a best model."""

    def test_it_is_named_and_left_out(self):
        train, held = rows(), rows(50)
        held[8, 2] = -1e30
        message = r"1 validation row is not finite: row 8, column 2 \(-1e\+30\) of validation"
        with pytest.warns(lb.TrainingWarning, match=message) as said:
            result = lb.fit(model_of(), train + 3, validation=held + 3, **OPTIONS, learning_rate=0.1)
        assert len(said) == 1
        assert result.best_step > 0
        assert result.stopped == "epochs"
        assert all(np.isfinite(record["validation_bound"]) for record in result.history)
        without = lb.fit(
            model_of(),
            train + 3,
            validation=np.delete(held, 8, 0) + 3,
            **OPTIONS,
            learning_rate=0.1,
        )
        assert result.best_step == without.best_step
        for a, b in zip(arrays(result.model), arrays(without.model), strict=True):
            np.testing.assert_array_equal(a, b)
        bounds = ([r["validation_bound"] for r in one.history] for one in (result, without))
        np.testing.assert_allclose(*bounds, rtol=1e-5)

    def test_a_row_of_x_has_its_number_in_x(self):
        x = rows()
        held = lb.fit(model_of(), x, epochs=0.1).validation_rows
        x[held[4], 0] = 1e30
        with pytest.warns(lb.TrainingWarning, match=rf"row {held[4]}, column 0 \(1e\+30\) of x"):
            assert lb.fit(model_of(), x, **OPTIONS).best_step > 0

    def test_models_are_compared_on_the_same_rows(self):
        """θ leaves the data by a factor of 1.73 a step, so that the first look is the best. One row is finite
        at first, and weighs the mean down by 4·10³⁶: without it the last look would have the highest mean."""
        x, held = rows(100), rows(40)
        held[3, 0] = np.sign(x[:, 0].mean()) * 1.8e19  # whose square is just below float32's largest
        options = {"batch_size": 10, "epochs": 8, "optimizer": optax.sgd(-0.73)}
        with pytest.warns(lb.TrainingWarning, match="row 3, column 0"):
            result = lb.fit(model_of(), x, validation=held, **options)
        first, *_, last = result.history
        assert first["validation_bound"] < -1e36
        assert last["validation_bound"] > first["validation_bound"]
        assert result.best_step == first["step"]

    def test_without_any_row_that_is_finite_training_stops(self):
        held = np.full((5, D), 1e30, np.float32)
        with pytest.warns(lb.TrainingWarning, match="the bound of 5 validation rows is not finite"):
            result = lb.fit(model_of(), rows(), validation=held, **OPTIONS)
        assert result.stopped == "not finite"
        assert len(result.history) == 1


def test_steps_from_a_snapshot_are_made_again_to_the_last_bit():
    model, x = model_of(), rows()
    run = Run.of(model, population=len(x), total_steps=100)
    feed = WholeFeed(block_of(Rows(x), np.arange(len(x))), 20)
    begin = State.initial(run, lb.trainable(model), feed.shapes, jax.random.key(0))
    at = lambda step: advance((run, feed, jnp.asarray(step)), copied(begin))[0]  # noqa: E731
    snapshot = Snapshot(begin, 0).renewed(at(7))
    assert snapshot.step == 7
    again, of_gradient = snapshot.before(run, OnDevice(feed), at(31))
    assert int(again.step) == 30
    assert not of_gradient
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(at(30)), strict=True):
        np.testing.assert_array_equal(a, b)
