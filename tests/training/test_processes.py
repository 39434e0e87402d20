"""Several processes are one: the same rows in the same order, the same parameters; none outlives another."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lowerbound.training.processes import any_process, join, together, writes

HERE = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def begun(processes, folder, epochs, stop=1e9):
    """So many processes that train one model together."""
    folder.mkdir(exist_ok=True)
    port = free_port()

    def one(process):
        words = [port, processes, process, folder, epochs, stop]
        command = [sys.executable, str(HERE / "one_of_several.py"), *map(str, words)]
        with (folder / f"log{process}").open("w") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=HERE.parents[1])

    return [one(process) for process in range(processes)]


def trained(processes, folder, epochs=12, stop=1e9):
    """The state and the digest of a run of so many processes."""
    for process in begun(processes, folder, epochs, stop):
        assert process.wait(timeout=280) == 0, (folder / "log0").read_text()
    with np.load(folder / "state.npz") as kept:
        state = [kept[name] for name in kept.files]
    return state, re.search(r"digest (\w+)", (folder / "log0").read_text())[1]


def apart(state, other):
    """The greatest difference between two states."""
    return max(
        float(np.abs(a.astype(float) - b.astype(float)).max())
        for a, b in zip(state, other, strict=True)
        if np.isfinite(a.astype(float)).all()
    )


def test_one_process_is_alone():
    assert writes()
    assert any_process(True)
    assert not any_process(False)
    with together(), pytest.raises(ValueError, match="ours"), together():
        raise ValueError("ours")
    with pytest.raises(ValueError, match="processes: expected with the other two"):
        join("127.0.0.1:1")
    with pytest.raises(ValueError, match="process: expected 0 to 1, found 2"):
        join("127.0.0.1:1", 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [8])
def test_a_step_sends_the_gradients_and_nothing_else(devices):
    """The products of networks too: none of them makes a device send its rows."""
    command = [sys.executable, str(HERE / "sent_in_a_step.py"), str(devices)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    parameters = found.pop("parameters")
    for sent in found.values():
        assert set(sent) == {"all-reduce"}
        assert parameters <= sent["all-reduce"] <= parameters + 100


@pytest.mark.slow
class TestSeveral:
    def test_they_train_as_one_and_repeat_to_the_bit(self, tmp_path):
        alone, _ = trained(1, tmp_path / "1")
        two, digest = trained(2, tmp_path / "2")
        _, same = trained(2, tmp_path / "2again")
        four, _ = trained(4, tmp_path / "4")
        assert digest == same
        assert 0 < apart(alone, two) < 1e-5
        assert apart(alone, four) < 1e-5

    def test_a_run_goes_on_with_another_number_of_them(self, tmp_path):
        alone, _ = trained(1, tmp_path / "1")
        trained(2, tmp_path / "n", stop=30)
        trained(1, tmp_path / "n", stop=60)
        last, _ = trained(4, tmp_path / "n")
        assert apart(alone, last) < 1e-5

    @pytest.mark.parametrize(("processes", "victim"), [(2, 0), (2, 1), (4, 2)])
    def test_one_that_dies_ends_the_others_within_a_minute(self, tmp_path, processes, victim):
        running = begun(processes, tmp_path / "run", epochs=1e6)
        try:
            while "step" not in (log := (tmp_path / "run" / "log0")).read_text():
                assert running[0].poll() is None, log.read_text()
                time.sleep(0.2)
            running[victim].send_signal(signal.SIGKILL)
            killed = time.monotonic()
            for process, one in enumerate(running):
                if process != victim:
                    assert one.wait(timeout=60) != 0
                    text = (tmp_path / "run" / f"log{process}").read_text()
                    # Of the coordinator XLA itself says it, and ends the process.
                    expected = f"process {victim} of {processes} has died" if victim else "leader task"
                    assert expected in text or "the coordinator, has died" in text
            assert time.monotonic() - killed < 60
        finally:
            for one in running:
                one.kill()

    def test_a_step_of_64_devices_sends_no_more(self):
        test_a_step_sends_the_gradients_and_nothing_else(64)
