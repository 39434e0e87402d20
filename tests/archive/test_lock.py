"""A folder is one process's at a time, and a dead process holds nothing."""

import os
import signal
import subprocess
import sys

import pytest

from lowerbound.archive.lock import locked

HOLD = "import sys, time; from pathlib import Path; from lowerbound.archive.lock import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_another_process_is_named_and_one_that_is_killed_holds_nothing(tmp_path, holder):
    with pytest.raises(BlockingIOError, match=rf"another process trains into it \(pid {holder.pid}\)"):
        locked(tmp_path).__enter__()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".lock").exists()
    with locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_it_is_let_go_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass


def test_one_that_vanished_while_it_was_held_is_no_error(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with locked(folder):
        (folder / ".lock").unlink()
        folder.rmdir()
