"""A run that was saved goes on to the same bits; what befalls its checkpoints is said, and it trains on."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lowerbound as lb
from lowerbound.archive.generations import Generations, remove
from lowerbound.archive.lock import locked
from lowerbound.training import loop, saver
from lowerbound.training.standing import Chunk, Standing
from lowerbound.training.state import State

from ..tables import cases
from .conftest import small_model
from .stops import calls, crash, digests

# A chunk is 3 epochs, 26 steps, and so 9 calls; the end of training is after step 51.
OPTIONS = {"epochs": 6, "batch_size": 32}


def fit(rows, folder=None, **options):
    options = {"model": small_model(), "x": rows, **OPTIONS, **options}
    if folder is not None:
        options = {"checkpoint": lb.Checkpoint(folder, every="1 h"), **options}
    with calls(3):
        return lb.fit(**options)


@pytest.fixture(scope="module")
def whole(rows):
    """What a run comes to that nothing stops."""
    return digests(fit(rows))


@pytest.fixture
def folder(rows, tmp_path):
    """Of a run that crashed amid an epoch."""
    with crash(saved=4, after=6):
        fit(rows, tmp_path)
    return tmp_path


# Amid an epoch, at a chunk's end, in the next, in the last.
@pytest.mark.parametrize("saved", cases([1, 9, 10, 17], fast=[9]))
def test_a_run_that_crashed_ends_where_an_uninterrupted_one_does(rows, tmp_path, whole, saved):
    with crash(saved=saved, after=saved):
        fit(rows, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert digests(fit(rows, tmp_path, resume=True)) == whole


def test_it_goes_on_from_there_and_does_not_begin_again(rows, folder):
    with mock.patch.object(loop, "advance", wraps=loop.advance) as advance:
        fit(rows, folder, resume=True)
    assert advance.call_count == 18 - 4


def test_a_run_that_has_ended_is_given_back_without_a_step(rows, tmp_path, whole):
    assert digests(fit(rows, tmp_path)) == whole
    with mock.patch.object(loop, "advance", wraps=loop.advance) as advance:
        assert digests(fit(rows, tmp_path, resume=True)) == whole
    assert advance.call_count == 0


def test_one_that_patience_has_ended_stays_so_and_goes_on_with_more(rows, tmp_path):
    options = {"epochs": 60, "learning_rate": 0.0}
    ended = fit(rows, tmp_path, patience=5, **options)
    assert (ended.stopped, len(ended.history)) == ("patience", 3)
    assert digests(fit(rows, tmp_path, patience=5, resume=True, **options)) == digests(ended)
    more = fit(rows, tmp_path, patience=8, resume=True, **options)
    assert digests(more) == digests(fit(rows, patience=8, **options))


def test_where_nothing_is_saved_it_begins(rows, tmp_path, whole):
    assert digests(fit(rows, tmp_path / "new", resume=True)) == whole


def test_checkpoints_are_not_written_over(rows, folder):
    with pytest.raises(FileExistsError, match=r"holds checkpoints .* 00000001; go on .* resume=True"):
        fit(rows, folder)
    assert (folder / "00000001").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda: {"key": 1}, "expected the key of the call .* found another key"),
        (lambda: {"precision": "bfloat16"}, "found another precision"),
        (lambda: {"batch_size": 31}, "found another batch_size"),
        (lambda: {"objective": lb.ELBO(beta=2.0)}, "found another objective"),
        (lambda: {"validation": 0.2}, "found another validation"),
        (
            lambda: {"model": small_model(width=8)},
            r"another model: posterior.network.weights.0 is float32\[6,16\] in the",
        ),
        (
            lambda: {
                "model": eqx.tree_at(
                    lambda m: m.prior, small_model(), lb.Fixed(lb.LearnedPrior(lb.DiagonalGaussian(2)))
                )
            },
            "found another model",
        ),
    ],
)
def test_another_run_is_refused_with_the_first_difference(rows, folder, change, what):
    with pytest.raises(ValueError, match=f"resume: .*{what}"):
        fit(rows, folder, resume=True, **change())


def test_what_is_damaged_is_passed_over_loudly_for_the_one_before(rows, tmp_path, whole):
    with crash(saved=2, after=3):
        fit(rows, tmp_path)
    with crash(saved=2, after=3):
        fit(rows, tmp_path, resume=True)
    path = tmp_path / "00000002" / "standing.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(
        lb.TrainingWarning, match=r"00000002 is not whole \(standing.*: going on from .*00000001"
    ):
        result = fit(rows, tmp_path, resume=True)
    assert digests(result) == whole


def test_where_none_is_whole_the_run_does_not_begin_again(rows, folder):
    (folder / "00000001" / "standing.safetensors").unlink()
    with pytest.raises(ValueError, match=r"expected one that is whole, found none: .*no such file"):
        fit(rows, folder, resume=True)
    assert (folder / "00000001").exists()


def test_what_cannot_be_written_is_said_and_training_goes_on(rows, folder, whole):
    full = OSError(errno.ENOSPC, "No space left on device")
    message = (
        r"checkpoint: .*: [\d,]{5,} bytes could not be written \(No space .*00000001, stays, and training"
    )
    with (
        mock.patch.object(Generations, "write", side_effect=full),
        pytest.warns(lb.TrainingWarning, match=message),
    ):
        result = fit(rows, folder, resume=True)
    assert digests(result) == whole
    assert [path.name for path in Generations(folder, 1).paths()] == ["00000001"]


def test_a_folder_that_is_removed_is_said_and_training_goes_on(rows, tmp_path, whole):
    with pytest.warns(lb.TrainingWarning, match="could not be written .*there is none before it"):
        result = fit(rows, tmp_path / "a", callbacks=[lambda record: remove(tmp_path / "a")])
    assert digests(result) == whole


def test_what_is_no_fault_of_a_disk_is_raised(rows, tmp_path):
    wrong = mock.patch.object(Standing, "to_bytes", side_effect=ZeroDivisionError)
    with wrong, pytest.raises(ZeroDivisionError):
        fit(rows, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_saved_at_the_end_of_the_call_and_takes_its_course(rows, tmp_path, whole, number):
    """The look at the validation rows, which Ctrl-C then makes for the result, is no part of it."""
    heard, advance = [], loop.advance

    def pressed(*arguments):
        if int(arguments[1].step) == 6:
            os.kill(os.getpid(), number)
        return advance(*arguments)

    pressed.lower = advance.lower
    before = signal.signal(number, lambda *_: heard.append(number))
    try:
        with (
            mock.patch.object(loop, "advance", pressed),
            pytest.warns(lb.TrainingWarning, match="at step 9 .* saved in"),
        ):
            result = fit(rows, tmp_path)
    finally:
        signal.signal(number, before)
    assert (result.stopped, int(result.state.step)) == ("interrupted", 9)
    assert heard == ([number] if number == signal.SIGTERM else [])
    assert digests(fit(rows, tmp_path, resume=True)) == whole


def test_sigterm_is_left_alone_where_nothing_is_saved(rows):
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    seen = []
    fit(rows, callbacks=[lambda record: seen.append(signal.getsignal(signal.SIGTERM))])
    assert seen == [signal.SIG_DFL] * 2


def test_two_runs_do_not_share_a_folder(rows, tmp_path):
    with locked(tmp_path), pytest.raises(BlockingIOError, match=rf"another process .*pid {os.getpid()}"):
        fit(rows, tmp_path)


@pytest.mark.thorough
def test_validation_rows_that_were_left_out_stay_out(tmp_path):
    """One of them has a bound of −∞ by float32: models are compared on the others, before and after."""
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    held = x[:10].copy()
    held[3, 1] = 1e30
    z, p = lb.DiagonalGaussian(1), lb.DiagonalGaussian(3)
    k1, k2 = jax.random.split(jax.random.key(0))
    model = lb.VAE(
        lb.StandardNormal(1),
        lb.Conditional(lb.MLP(3, z.size, width=4, key=k1), z),
        lb.Conditional(lb.MLP(1, p.size, width=4, key=k2), p),
    )
    options = {"model": model, "validation": held, "batch_size": 20, "epochs": 12}  # a chunk is 7 calls
    with pytest.warns(lb.TrainingWarning, match="row 3"):
        whole = digests(fit(x, **options))
    with pytest.warns(lb.TrainingWarning, match="row 3"), crash(saved=9, after=10):
        fit(x, tmp_path, **options)
    assert digests(fit(x, tmp_path, resume=True, **options)) == whole  # and nothing is said again


@pytest.mark.thorough
def test_more_epochs_at_a_rate_of_its_own_are_those_of_the_longer_run(rows, tmp_path):
    options = {"optimizer": optax.adam(1e-3), "validation": 0}
    fit(rows, tmp_path, **options)
    longer = fit(rows, tmp_path, resume=True, **{**options, "epochs": 9}).state
    once = fit(rows, **{**options, "epochs": 9}).state
    for a, b in zip(jax.tree.leaves(longer), jax.tree.leaves(once), strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_software_is_said(rows, folder):
    with (
        mock.patch.object(saver, "software", return_value={"jax": "0.0.1", "devices": "1"}),
        pytest.warns(lb.TrainingWarning, match="was made with jax .*, now 0.0.1: .* not to the same bits"),
    ):
        fit(rows, folder, resume=True)


def test_a_standing_is_read_as_it_was_written_whatever_its_arrays_are():
    """Typed keys and 16 bits, which files do not have; and numbers that JSON does not have."""
    weights = {"w": jnp.asarray([1.5, -0.0], jnp.bfloat16)}
    three = jnp.asarray(3)
    state = State(
        parameters=weights,
        optimizer=(jax.random.key(7), None),
        average=weights,
        running={"bound": jnp.asarray(0.5)},
        step=three,
        epoch=three,
        position=three,
        key=jnp.asarray([1, 2], jnp.uint32),
        finite={"bound": jnp.asarray(True)},
        best=weights,
        best_objective=jnp.asarray(-jnp.inf),
        best_step=three,
        origin={"x": jnp.asarray([3, 4], jnp.uint32)},
    )
    history = ({"step": 1, "bound": -np.inf, "kl": 0.1 + 0.2},)
    standing = Standing(state, history, Chunk(2, {"bound": 1e-300}, 0.5), np.asarray([4]), 7)
    fresh = replace(state, step=jnp.asarray(0), optimizer=(jax.random.key(0), None))
    again, _ = Standing.of_bytes(standing.to_bytes(), "a", fresh)
    assert (list(again.history), again.chunk, again.at_once) == (list(history), standing.chunk, 7)
    assert list(again.left_out) == [4]
    for was, now in zip(jax.tree.leaves(state), jax.tree.leaves(again.state), strict=True):
        assert was.dtype == now.dtype
        assert jnp.array_equal(was, now)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"folder": 3}, TypeError, "Checkpoint.folder: expected the name of a folder, found 3"),
        ({"folder": "a", "every": 0}, ValueError, "Checkpoint.every: expected seconds above 0 .* found 0"),
        ({"folder": "a", "every": "5 weeks"}, ValueError, "Checkpoint.every: .* found '5 weeks'"),
        ({"folder": "a", "every": None}, TypeError, "Checkpoint.every: .* found None"),
        (
            {"folder": "a", "keep": 0},
            ValueError,
            "Checkpoint.keep: expected a whole number, at least 1, found 0",
        ),
        ({"folder": "a", "keep": 1.5}, ValueError, "Checkpoint.keep: .* found 1.5"),
    ],
)
def test_a_wrong_checkpoint_says_what_was_expected(arguments, error, message):
    with pytest.raises(error, match=message):
        lb.Checkpoint(**arguments)


def test_resume_without_a_checkpoint_is_refused(rows):
    with pytest.raises(ValueError, match="resume: expected a checkpoint as well, found none"):
        lb.fit(small_model(), rows, resume=True)


@pytest.mark.slow
def test_what_a_run_is_known_by_is_the_same_in_every_process(tmp_path):
    """The order of sets, and where objects lie in memory, are not."""
    script = Path(__file__).with_name("origins.py")
    told = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        found = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, env=environment, check=True
        )
        told.append(json.loads(found.stdout))
    assert told[0] == told[1]
    assert len({json.dumps(origin["model"]) for origin in told[0].values()}) == len(told[0]) > 4
