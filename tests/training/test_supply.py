"""Rows that are read while the device works are those that the device would have held, in the same order."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data import pieces
from lowerbound.data.rows import Rows
from lowerbound.training import supply
from lowerbound.training.devices import block_of
from lowerbound.training.feed import WholeFeed
from lowerbound.training.order import Runs, ordered
from lowerbound.training.supply import Stream

N, BATCH, SEED = 103, 8, 3


def in_order(places, n, runs, epoch=0):
    row = lambda i: ordered(jax.random.key(0), jnp.asarray(epoch), i, jnp.asarray(n), runs)  # noqa: E731
    return np.asarray(jax.jit(jax.vmap(row))(jnp.arange(places)))


class TestRuns:
    @pytest.mark.parametrize("runs", [Runs(4, 5), Runs(103, 1), Runs(200, 3)])
    def test_every_epoch_has_each_row_once(self, runs):
        epochs = in_order(3 * N, N, runs, epoch=2).reshape(3, N)
        assert (np.sort(epochs) == np.arange(N)).all()
        assert runs.length >= N or (epochs[0] != epochs[1]).any()

    def test_a_block_is_of_so_many_runs_of_neighbours(self):
        runs = Runs(5, 4)
        rows = in_order(N, N, runs)
        for block in rows[: N // 20 * 20].reshape(-1, 20):
            gaps = np.diff(np.sort(block), append=np.sort(block)[0] + N)
            assert (gaps > 1).sum() <= 4
            assert (np.sort(block) != block).any()

    def test_a_block_is_a_sample_from_all_over(self):
        """The mean number in a block has the variance of a mean of so many runs."""
        n, runs = 8000, Runs(4, 50)
        rows = jax.vmap(lambda i: ordered(jax.random.key(1), jnp.asarray(0), i, jnp.asarray(n), runs))(
            jnp.arange(n)
        )
        means = np.asarray(rows).reshape(-1, 200).mean(1)
        expected = n / np.sqrt(12) / np.sqrt(50)
        assert 0.6 < means.std() / expected < 1.4  # 40 means: an error of 11 %


@pytest.fixture
def mapped(tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (N, 6)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


class TestPieces:
    def test_rows_are_those_of_the_map_whatever_view_it_is(self, mapped, monkeypatch):
        numbers = np.random.default_rng(1).permutation(N)
        for gap, most in ((1, 1), (16, 30), (1 << 20, 1 << 20)):
            monkeypatch.setattr(pieces, "_GAP", gap)
            monkeypatch.setattr(pieces, "_MOST", most)
            np.testing.assert_array_equal(pieces.rows_of(mapped, numbers), np.asarray(mapped)[numbers])
            part = mapped[20:90]
            np.testing.assert_array_equal(
                pieces.rows_of(part, numbers[numbers < 70]), part[numbers[numbers < 70]]
            )
        np.testing.assert_array_equal(pieces.rows_of(mapped[:, :2], numbers), mapped[:, :2][numbers])
        assert len(pieces.rows_of(mapped, numbers[:0])) == 0

    def test_neighbours_are_one_read(self, mapped, monkeypatch):
        reads = []
        read = pieces._read
        monkeypatch.setattr(
            pieces, "_read", lambda file, into, at: (reads.append(len(into)), read(file, into, at))
        )
        pieces.rows_of(mapped, np.array([4, 2, 3, 5]))
        assert reads == [4 * 6]

    def test_a_file_that_became_shorter_is_named_as_such(self, mapped, tmp_path):
        with open(tmp_path / "x.npy", "r+b") as file:
            file.truncate(300)
        with pytest.raises(OSError, match="shorter than when it was opened"):
            pieces.rows_of(mapped, np.arange(N))


def batches(stream, state, steps, n):
    """The batches of these steps, of n rows an epoch."""
    for step in steps:
        place = [jnp.asarray(i, jnp.int32) for i in (step, *divmod(step * BATCH, n))]
        at = eqx.tree_at(lambda s: (s.step, s.epoch, s.position), state, place)
        feed, until = stream.after(at)
        assert until > step
        yield feed.batch(at.order_key, at.epoch, at.position)


class Whole:
    """A feed that holds all rows, as a supply."""

    def __init__(self, rows, numbers):
        self.feed = WholeFeed(block_of(rows, numbers), BATCH)

    def after(self, state):
        return self.feed, int(state.step) + 1


@pytest.fixture
def state(model):
    rows = np.zeros((N, 6), np.uint8)
    return lb.fit(model, rows, epochs=0.1, batch_size=BATCH, validation=0, key=SEED).state


class TestStream:
    @pytest.mark.thorough
    def test_batches_are_those_of_a_feed_that_holds_all_rows(self, mapped, state, monkeypatch):
        monkeypatch.setattr(supply, "_WINDOW", 5 * BATCH * 6)
        rows = Rows(np.asarray(mapped), 2 * np.asarray(mapped), weight=np.arange(1.0, N + 1))
        numbers = np.arange(N)
        stream = Stream(rows, numbers, BATCH, state.order_key)
        steps = [0, 1, 4, 5, 6, 12, 13, 30, 7, 8]
        expected = batches(Whole(rows, numbers), state, steps, N)
        for batch, same in zip(batches(stream, state, steps, N), expected, strict=True):
            jax.tree.map(np.testing.assert_array_equal, batch, same)
        stream.close()

    def test_an_epoch_of_a_file_has_each_row_once(self, mapped, state, monkeypatch):
        monkeypatch.setattr(supply, "_WINDOW", 5 * BATCH * 6)
        numbers = np.flatnonzero(np.arange(N) % 10 != 3)
        stream = Stream(Rows(mapped), numbers, BATCH, state.order_key, runs=Runs(4, 3))
        n = len(numbers)
        seen = [batch for batch in batches(stream, state, range(2 * n // BATCH + 1), n)]
        taken = np.concatenate([np.asarray(batch.numbers) for batch in seen])
        assert (np.sort(taken[:n]) == np.arange(n)).all()
        assert (np.sort(taken[n : 2 * n]) == np.arange(n)).all()
        for batch in seen:
            np.testing.assert_array_equal(batch.x, np.asarray(mapped)[numbers[np.asarray(batch.numbers)]])
        stream.close()


def parameters(result):
    return [np.asarray(leaf) for leaf in jax.tree.leaves((result.state.parameters, result.state.best))]


class TestFit:
    def test_a_file_trains_as_its_rows_in_memory_do_where_they_fit(self, model, rows, tmp_path):
        np.save(tmp_path / "x.npy", rows)
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        held, read = (lb.fit(model, x, epochs=4, batch_size=24) for x in (rows, mapped))
        for a, b in zip(parameters(held), parameters(read), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_beyond_memory_a_run_is_a_function_of_its_arguments_and_goes_on_as_one(
        self, model, rows, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(supply, "_WINDOW", 5 * 24 * 6)
        monkeypatch.setattr(supply, "PIECE", 60)
        np.save(tmp_path / "x.npy", rows)
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        options = {"batch_size": 24, "memory": 1000}
        first, again = (lb.fit(model, mapped, epochs=6, **options) for _ in range(2))
        half = lb.fit(model, mapped, epochs=3, **options)
        rest = lb.fit(model, mapped, epochs=6, resume=half.state, **options)
        in_memory = lb.fit(model, rows, epochs=6, batch_size=24)
        assert first.history[-1]["bound"] > first.history[0]["bound"]
        for a, b in zip(parameters(first), parameters(again), strict=True):
            np.testing.assert_array_equal(a, b)
        assert any((a != b).any() for a, b in zip(parameters(first), parameters(in_memory), strict=True))
        assert int(rest.state.step) == int(first.state.step)
