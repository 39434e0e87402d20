"""`fit` that is stopped, and goes on: exit status, what is said, and the same run at the end."""

import json
import os
import shutil
import signal
from unittest import mock

import numpy as np
import pytest
from safetensors.numpy import load_file

from lowerbound.cli import main
from lowerbound.training import loop

from ..training.stops import Crash, calls, crash, told
from .calls import FAST

pytestmark = pytest.mark.thorough
CALL = ["fit", "digits", "--latent-dim", "1", "--epochs", "4", "--width", "8", "--no-baselines"]
CALL = [*CALL, *FAST, "--samples", "4", "--batch-size", "100"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    with calls(5):
        assert main([*CALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that crashed."""
    folder = tmp_path_factory.mktemp("runs") / "stopped"
    with calls(5), crash(saved=4, after=6):
        main([*CALL, "--out", str(folder)])
    return folder


def measured(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    clocks = {"seconds", "examples_per_second"}
    return {name: value for name, value in metrics.items() if name not in clocks}


def same(folder, other):
    histories = (map(json.loads, (f / "history.jsonl").read_text().splitlines()) for f in (folder, other))
    files = [[load_file(f / f"{name}.safetensors") for f in (folder, other)] for name in ("model", "rows")]
    return (
        measured(folder) == measured(other)
        and told(next(histories)) == told(next(histories))
        and all(np.array_equal(a[name], b[name]) for a, b in files for name in {*a, *b})
        and {path.name for path in folder.iterdir()} == {path.name for path in other.iterdir()}
    )


def test_a_run_that_goes_on_is_the_one_that_nothing_stopped(whole, stopped, tmp_path, capsys):
    stopped = shutil.copytree(stopped, tmp_path / "run")
    command = json.loads((stopped / "checkpoints" / "begun.json").read_text())["command"]
    with calls(5), mock.patch("sys.argv", ["lowerbound", "another"]):
        assert main([*CALL, "--out", str(stopped), "--resume"]) == 0
    assert "going on from " in capsys.readouterr().err
    assert same(stopped, whole)
    assert json.loads((stopped / "provenance.json").read_text())["command"] == command
    assert main([*CALL, "--out", str(stopped), "--resume"]) == 0
    found = capsys.readouterr()
    assert "the run is whole" in found.err
    assert "log p(x), this model" in found.out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--resume", "--width", "9"], "the run began with --width 8, found 9; it goes on as it began"),
        (["--resume", "--samples", "5"], "the run began with --samples 4, found 5"),
        (["--resume", "--drop", "3"], "the run began with --drop None, found 3"),
        (
            [],
            "the folder holds a run that is not whole; go on with --resume, or begin again with --overwrite",
        ),
        (["--resume", "--overwrite"], "expected one of them, found both"),
        (["--resume", "--checkpoint-every", "soon"], "--checkpoint-every: expected seconds above 0 or text"),
    ],
)
def test_what_is_said_otherwise_is_refused(stopped, capsys, change, message):
    assert main([*CALL, "--out", str(stopped), *change]) == 2
    assert message in capsys.readouterr().err
    assert (stopped / "checkpoints" / "00000001").exists()


def test_other_rows_under_the_same_name_are_refused(tmp_path, capsys):
    data, out = tmp_path / "x.csv", str(tmp_path / "run")
    rows = np.random.default_rng(0).normal(size=(60, 2))
    call = ["fit", str(data), "--latent-dim", "1", "--width", "4", "--epochs", "40", "--no-baselines", *FAST]
    np.savetxt(data, rows, delimiter=",")
    with calls(5), crash(saved=1, after=2):
        main([*call, "--out", out])
    np.savetxt(data, rows[::-1], delimiter=",")
    assert main([*call, "--out", out, "--resume"]) == 2
    assert "rows are not those that the run began with" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_its_status_and_the_command_that_goes_on(
    tmp_path, capsys, whole, number, status
):
    advance, out = loop.advance, tmp_path / "run"

    def pressed(*arguments):
        if int(arguments[1].step) == 10:
            os.kill(os.getpid(), number)
        return advance(*arguments)

    pressed.lower = advance.lower
    argv = ["lowerbound", *CALL, "--out", str(out), "--overwrite"]
    with calls(5), mock.patch.object(loop, "advance", pressed), mock.patch("sys.argv", argv):
        try:
            found = main(argv[1:])
        except SystemExit as error:
            found = error.code
    assert found == status
    err = capsys.readouterr().err
    assert f"go on with: lowerbound {' '.join(CALL)} --out {out} --resume" in err
    assert not (out / "model.safetensors").exists()
    with calls(5):
        assert main([*CALL, "--out", str(out), "--resume"]) == 0
    assert same(out, whole)


def test_a_run_of_which_nothing_was_saved_leaves_nothing(tmp_path):
    with calls(5), mock.patch("lowerbound.workflow.fit", side_effect=Crash), pytest.raises(Crash):
        main([*CALL, "--out", str(tmp_path / "runs" / "run")])
    assert list(tmp_path.iterdir()) == []


def test_a_run_killed_in_its_evaluation_is_not_trained_again(whole, tmp_path):
    out = tmp_path / "run"
    with calls(5), mock.patch("lowerbound.workflow.evaluate", side_effect=Crash), pytest.raises(Crash):
        main([*CALL, "--out", str(out)])
    with mock.patch.object(loop, "advance", wraps=loop.advance) as advance:
        assert main([*CALL, "--out", str(out), "--resume"]) == 0
    assert advance.call_count == 0
    assert same(out, whole)
