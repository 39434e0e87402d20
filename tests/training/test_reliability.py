"""What `docs/reliability.md` promises, by brute force: every kind of run stopped everywhere, processes killed
at any moment, files harmed, disks that are full, cannot be written, or go away.

`LOWERBOUND_KILLS` is how many processes are killed, 200 where it is not set."""

import json
import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import lowerbound as lb
from lowerbound.archive.generations import Generations

from .conftest import small_model
from .stops import calls, crash, digests

HERE = Path(__file__).parent


def script(name, *arguments, **environment):
    """What a script of this folder prints, as JSON."""
    command = [sys.executable, "-W", "ignore", str(HERE / name), *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert found.returncode == 0, found.stderr[-2000:]
    return json.loads(found.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_a_run_that_is_stopped_anywhere_ends_in_the_same_bits(tmp_path, devices):
    """Five stops × four kinds of source × three kinds of run × two precisions, resumed by another process,
    whose sets are in another order."""
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    before = script("matrix.py", "stopped", tmp_path, **flags, PYTHONHASHSEED="1")
    after = script("matrix.py", "resumed", tmp_path, **flags, PYTHONHASHSEED="2")
    assert before["devices"] == after["devices"] == devices
    whole, resumed = before["found"], after["found"]
    assert len(resumed) == 120
    differing = [name for name, found in resumed.items() if found != whole[name.rpartition(", ")[0]]]
    assert differing == []
    controls = [name for name in whole if name.endswith("another bit")]
    assert len(controls) == 6
    for name in controls:
        (state, history), others = whole[name], whole[name.replace("another bit", "memory")]
        assert state != others[0]
        assert history != others[1]


@pytest.mark.slow
def test_a_process_may_be_killed_at_any_moment(tmp_path):
    kills = int(os.environ.get("LOWERBOUND_KILLS", "200"))
    told = script("killed.py", tmp_path, kills)
    assert told["kills"] == kills
    assert told["runs"] > 0
    assert told["in training"] > kills / 3
    assert (told["other bits"], told["damaged"], told["lost"]) == (0, 0, 0)
    assert told["seconds"] < 2.0  # an interval of 0.2 s, half a second's call, and the writing


def truncated(path, chance):
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def flipped(path, chance):
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize(("harm", "times"), [(truncated, 300), (flipped, 2000)])
def test_whatever_is_done_to_the_files_of_a_checkpoint_is_found(rows, tmp_path, harm, times):
    for _ in range(2):
        with calls(3), crash(saved=2, after=3):
            lb.fit(small_model(), rows, checkpoint=lb.Checkpoint(tmp_path), resume=True)
    generations, chance = Generations(tmp_path, 2), random.Random(0)
    newest, before = generations.paths()
    files = {path: path.read_bytes() for path in sorted(newest.iterdir())}
    for i in range(times):
        path = [*files][i % len(files)]
        harm(path, chance)
        found, damaged = generations.newest()
        assert (found.path, [one.path for one in damaged]) == (before, [newest]), path
        path.write_bytes(files[path])
    assert generations.newest()[0].path == newest


@pytest.fixture
def disk(tmp_path):
    """A disk of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    as_root("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder)
    yield folder
    as_root("umount", "-l", folder)


@pytest.fixture
def fixed(tmp_path):
    """A folder in which nothing can be made or removed, by root either, once it is held so."""
    folder = tmp_path / "fixed"
    (folder / "run").mkdir(parents=True)
    yield folder
    as_root("chattr", "-i", folder / "run")


def as_root(*command):
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"needs the right to {command[0]}")


def filled(folder):
    """Take all that is left of a disk."""
    with suppress(OSError), (folder / "other").open("ab", buffering=0) as stream:
        while stream.write(bytes(512)):
            pass


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "harm", "repair", "why"),
    [
        ("disk", filled, lambda folder: (folder / "other").unlink(), "No space left on device"),
        (
            "fixed",
            lambda folder: as_root("chattr", "+i", folder / "run"),
            lambda folder: as_root("chattr", "-i", folder / "run"),
            "Operation not permitted|File exists",  # what was half written cannot be removed either
        ),
    ],
)
def test_what_cannot_be_written_costs_no_more_than_the_checkpoints(rows, request, kind, harm, repair, why):
    """From the second record of three on, when there are checkpoints: the newest stays and is whole, training
    ends where it would, and the run goes on from there once the disk is repaired."""
    folder = request.getfixturevalue(kind)
    options = {"model": small_model(), "x": rows, "epochs": 9, "batch_size": 32}
    saved = {"checkpoint": lb.Checkpoint(folder / "run", every=1e-9)}
    records = []

    def later(record):
        records.append(record)
        if len(records) >= 2:
            harm(folder)

    with calls(3):
        whole = digests(lb.fit(**options))
        with pytest.warns(lb.TrainingWarning, match=rf"run: [\d,]+ bytes could not be written \({why}\)"):
            assert digests(lb.fit(**options, **saved, callbacks=[later])) == whole
        found, damaged = Generations(folder / "run", 2).newest()
        assert found is not None
        assert damaged == []
        repair(folder)
        assert digests(lb.fit(**options, **saved, resume=True)) == whole
