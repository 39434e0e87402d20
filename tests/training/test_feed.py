"""The feed is a function of (seed, epoch, position), and a step is a function of (run, state, batch)."""

import equinox as eqx
import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.rows import Rows
from lowerbound.training import loop, step
from lowerbound.training.devices import block_of
from lowerbound.training.feed import WholeFeed
from lowerbound.training.plan import Plan, steps_of

from .conftest import small_model

N, BATCH = 50, 16


def feed_of(x, batch_size=BATCH):
    return WholeFeed(block_of(Rows(x), np.arange(len(x))), batch_size)


@eqx.filter_jit
def batch_of(feed, seed, epoch, position):
    return feed.batch(jax.random.key(seed), epoch, position)


def numbers(feed, seed, epoch, position):
    return np.asarray(batch_of(feed, *map(jnp.asarray, (seed, epoch, position))).numbers)


def test_batches_run_on_and_every_epoch_has_each_row_once():
    feed = feed_of(np.arange(N)[:, None])
    taken = np.concatenate([numbers(feed, 0, *divmod(step * BATCH, N)) for step in range(25)])  # 8 epochs
    epochs = taken.reshape(8, N)
    assert (np.sort(epochs) == np.arange(N)).all()
    assert (epochs[0] != epochs[1]).any()


def test_a_batch_is_a_function_of_seed_epoch_and_position():
    feed = feed_of(np.arange(N)[:, None])
    place = (3, 2, 40)
    assert (numbers(feed, *place) == numbers(feed, *place)).all()
    for other in [(4, 2, 40), (3, 3, 40)]:
        assert (numbers(feed, *place) != numbers(feed, *other)).any()
    # The same place, however it is written: position 40 of epoch 2 is position −10 of epoch 3.
    assert (numbers(feed, *place) == numbers(feed, 3, 3, 40 - N)).all()


def test_a_batch_holds_the_rows_of_its_numbers_and_their_conditions():
    x = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
    rows = np.arange(10, N)
    feed = WholeFeed(block_of(Rows(x, 2 * x), rows), BATCH)
    batch = batch_of(feed, 0, jnp.asarray(0), jnp.asarray(0))
    np.testing.assert_array_equal(batch.x, x[rows][batch.numbers])
    np.testing.assert_array_equal(batch.given, 2 * x[rows][batch.numbers])
    like = lambda leaf: (leaf.shape, leaf.dtype)  # noqa: E731
    assert jax.tree.map(like, batch) == jax.tree.map(like, feed.shapes)


def arrays(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(lb.trainable(model))]


def test_another_block_of_the_same_size_compiles_nothing(model, rows):
    """The data are an argument of the compiled loop."""
    compiled = []
    listen = lambda event, *_, **__: "backend_compile" in event and compiled.append(event)  # noqa: E731
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        first = lb.fit(model, rows, epochs=2, batch_size=29)  # of no other test
        assert compiled
        compiled.clear()
        second = lb.fit(model, 1 - rows, epochs=2, batch_size=29)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not compiled
    assert any((a != b).any() for a, b in zip(arrays(first.model), arrays(second.model), strict=True))


class TestCalls:
    """How many steps a compiled call makes is a static fact, and the weights do not depend on it."""

    def test_the_weights_do_not_depend_on_it(self, model, rows, monkeypatch):
        options = {"epochs": 6, "batch_size": 32}
        whole = lb.fit(model, rows, **options)
        monkeypatch.setattr(loop, "steps_of_a_call", lambda *_: 7)
        parts = lb.fit(model, rows, **options)
        for a, b in zip(arrays(whole.model), arrays(parts.model), strict=True):
            np.testing.assert_array_equal(a, b)
        assert [r["step"] for r in whole.history] == [r["step"] for r in parts.history]

    def test_it_is_so_many_that_a_call_has_about_so_many_operations(self, monkeypatch):
        """A step of two MLPs is little more than its products, 6 operations a weight and row."""
        seen = []
        monkeypatch.setattr(loop, "steps_of_a_call", lambda *a: seen.append(step.steps_of_a_call(*a)) or 5)
        wide = small_model(6, width=1024)
        x = np.random.default_rng(0).integers(0, 2, (300, 6))
        lb.fit(wide, x, epochs=0.1, batch_size=100, validation=0)
        products = 6 * 100 * sum(array.size for array in arrays(wide))
        assert 0.2 < seen[0] * products / step.OF_A_CPU <= 1.2


def test_chunks_are_the_fewest_whole_epochs_of_twenty_steps():
    plan = Plan(rows=1293, batch_size=128, epochs=396)
    ends, end = [], 0
    while end < plan.total_steps:
        end = plan.end_of_chunk(end)
        ends.append(end)
    assert ends[-1] == plan.total_steps == 4001
    epochs = np.array(ends[:-1]) * 128 / 1293
    np.testing.assert_allclose(epochs, 2 * np.arange(1, len(ends)), atol=128 / 1293)
    assert Plan(rows=60_000, batch_size=128, epochs=2).end_of_chunk(0) == 469


@pytest.mark.parametrize(
    ("n", "batch_size", "epochs", "validation"),
    [(300, 15, None, 0.1), (300, 500, None, 0.1), (299, 64, 2.5, 0.25), (20, 7, 3, 0.0)],
)
def test_the_steps_that_a_schedule_is_made_for_are_those_of_fit(
    n, batch_size, epochs, validation, monkeypatch
):
    """Those that an estimator and the command line have their warm-up from: of the rows that are trained on,
    and of batches that are no larger than these."""

    class BegunError(Exception):
        pass

    def begin(model, *, total_steps, **options):
        raise BegunError(total_steps)

    monkeypatch.setattr("lowerbound.training.fit.Run.of", begin)
    options = {"batch_size": batch_size, "epochs": epochs, "validation": validation}
    with pytest.raises(BegunError) as begun:
        lb.fit(small_model(6), np.random.default_rng(0).integers(0, 2, (n, 6)), **options)
    assert begun.value.args == (steps_of(n, batch_size, epochs, validation),)


def test_numbers_that_are_none_are_refused_before_a_schedule_is_made():
    for options, message in (
        ((0, None, 0.1), "batch_size: expected a whole number above 0, found 0"),
        ((10, -1, 0.1), "epochs: expected a number above 0, or None, found -1"),
        ((10, 1, 1.5), "validation: expected a share"),
    ):
        with pytest.raises(ValueError, match=message):
            steps_of(100, *options)


@pytest.mark.parametrize(("look_every", "step"), [(0.25, 150), (1, 600), (2.5, 1500), (1e-9, 1)])
def test_looks_are_as_many_epochs_apart_as_is_said(look_every, step):
    """And no nearer than a step; the last is at the end."""
    plan, ends = Plan(rows=60_000, batch_size=100, epochs=3.1, look_every=look_every), [0]
    while ends[-1] < plan.total_steps:
        ends.append(plan.end_of_chunk(ends[-1]))
    assert set(np.diff(ends[:-1])) == {step}
    assert ends[-1] == plan.total_steps == 1860
