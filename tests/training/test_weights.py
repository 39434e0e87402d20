"""Rows that count more than others: a weight of 2 as a row twice, 0 as no row, and relative to their mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.rows import Rows
from lowerbound.training.devices import block_of
from lowerbound.training.division import Division
from lowerbound.training.feed import Batch, WholeFeed
from lowerbound.training.run import Run


@pytest.mark.thorough
def test_the_gradient_of_a_row_of_weight_2_is_that_of_the_row_twice(model, rows):
    """Exactly, where both have the same noise: that of the row's number."""
    run = Run.of(model, population=3, total_steps=1)

    @jax.jit
    def gradient(batch):
        def value(parameters):
            return run.mean_objective(parameters, batch, jax.random.key(0), jnp.asarray(0), None)[0]

        return jax.value_and_grad(value)(lb.trainable(model))

    x = jnp.asarray(rows[:2], float)
    weights = block_of(Rows(rows[:2]).weighted([2.0, 1.0]), np.arange(2)).weight
    np.testing.assert_allclose(weights, [4 / 3, 2 / 3], rtol=1e-6)
    twice = gradient(Batch(x[jnp.array([0, 0, 1])], None, jnp.array([0, 0, 1])))
    weighted = gradient(Batch(x, None, jnp.arange(2), weights))
    for a, b in zip(jax.tree.leaves(weighted), jax.tree.leaves(twice), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.thorough
def test_a_batch_has_the_weights_of_its_rows():
    weight = np.arange(1.0, 9.0)
    x = weight[:, None].astype(np.float32)
    feed = WholeFeed(block_of(Rows(x).weighted(10 * weight), np.arange(8)), 4)
    batch = feed.batch(jax.random.key(0), jnp.asarray(0), jnp.asarray(0))
    np.testing.assert_allclose(batch.weight, batch.x[:, 0] / weight.mean(), rtol=1e-6)
    assert feed.shapes.weight.shape == (4,)


def test_a_row_of_weight_0_neither_trains_nor_chooses(model, rows):
    weight = np.arange(len(rows)) % 2
    division = Division.of(model, Rows(rows).weighted(weight), None, 0.5, jax.random.key(0))
    for numbers in (division.train_rows, division.held_rows):
        assert len(numbers)
        assert (numbers % 2 == 1).all()
    held = Rows(rows).weighted(weight)
    assert (Division.of(model, rows, None, held, jax.random.key(0)).held_rows % 2 == 1).all()


@pytest.mark.thorough
def test_weights_are_relative_and_say_what_is_learned(model, rows):
    """Of rows that are 0 throughout and rows that are 1, the heavier are likelier; ten times all weights is
    the same run, to float32, and weights that are one are the run without any."""
    x = np.repeat([[0] * rows.shape[1], [1] * rows.shape[1]], 32, axis=0)
    weight = np.repeat([1.0, 9.0], 32)
    options = {"epochs": 40, "batch_size": 32, "learning_rate": 0.02}
    results = [lb.fit(model, Rows(x).weighted(w), **options) for w in (weight, 10 * weight)]
    first, second = ([r["validation_bound"] for r in result.history] for result in results)
    np.testing.assert_allclose(first, second, rtol=1e-4)
    z = np.zeros((1, 2))
    assert lb.decode(results[0].model, z).mean() > 0.7
    alike = lb.fit(model, Rows(x).weighted(np.full(64, 3.0)), **options).history
    plain = lb.fit(model, x, **options).history
    np.testing.assert_allclose([r["bound"] for r in alike], [r["bound"] for r in plain], rtol=1e-4)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], r"weight: expected a number for each of 128 rows, found shape \(1,\)"),
        (np.r_[np.ones(127), -1], "weight: expected finite numbers of at least 0, found -1.0 in row 127"),
        (np.r_[np.nan, np.ones(127)], "found nan in row 0"),
        (np.zeros(128), "expected a weight above 0 for some row, found zeros alone"),
    ],
)
def test_wrong_weights_are_named(weight, message):
    with pytest.raises(lb.DataError, match=message):
        Rows(np.zeros((128, 1))).weighted(weight)


@pytest.mark.thorough
def test_a_penalty_on_a_batch_takes_none(model, rows):
    with pytest.raises(ValueError, match=r"TotalCorrelation: q\(z\) is that of rows that count alike"):
        lb.fit(
            model,
            Rows(rows).weighted(np.ones(len(rows))),
            objective=lb.TotalCorrelation(weight=1.0),
            epochs=1,
        )
