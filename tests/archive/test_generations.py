"""A generation is there whole or counts as not there, wherever its writing ends and whatever befalls it."""

import errno
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from lowerbound.archive import generations as module
from lowerbound.archive.generations import Generations

CRASHES = Path(__file__).parent / "crashes.py"
OLD, NEW = ({"a.bin": bytes([n]) * 300, "b.json": b"{}"} for n in (1, 2))


@pytest.fixture
def two(tmp_path):
    """Two generations, OLD and NEW."""
    generations = Generations(tmp_path, keep=2)
    generations.write(OLD)
    generations.write(NEW)
    return generations


def test_the_newest_is_read_and_as_many_as_were_asked_for_stay(two):
    two.write({"c.bin": b""})
    found, damaged = two.newest()
    assert (found.path.name, found.files, damaged) == ("00000003", {"c.bin": b""}, [])
    assert [path.name for path in two.paths()] == ["00000003", "00000002"]


def test_files_are_forced_before_the_manifest_the_manifest_before_the_name_and_the_name_before_pruning(
    tmp_path, monkeypatch
):
    """The order in which things are done, as the operating system is asked for them."""
    done = []

    def noted(name, function, what):
        def call(*arguments):
            done.append((name, what(*arguments)))
            return function(*arguments)

        monkeypatch.setattr(module.os, name, call)

    generations = Generations(tmp_path, keep=1)
    generations.write(OLD)
    noted("fsync", os.fsync, lambda number: Path(os.readlink(f"/proc/self/fd/{number}")).name)
    noted("rename", os.rename, lambda path, _: Path(path).name)
    generations.write(NEW)
    partial = "00000002.partial"
    assert (
        done
        == [
            *(("fsync", name) for name in ("a.bin", "b.json", "manifest.json", partial)),
            ("rename", partial),
            ("fsync", tmp_path.name),
            ("rename", "00000001"),
        ][: len(done)]
    )
    assert len(done) >= 6


@pytest.mark.parametrize("call", ["fsync", "rename", "mkdir", "open", "close"])
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_what_cannot_be_written_leaves_the_earlier_ones_and_nothing_else(two, monkeypatch, call, nth):
    original, calls = getattr(os, call), []

    def full(*arguments, **named):
        calls.append(call)
        if len(calls) == nth:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        try:
            two.write({"c.bin": b"3"})
            failed = False
        except OSError as error:
            failed = error.errno == errno.ENOSPC
    found, damaged = two.newest()
    assert damaged == []
    # A name that could not be forced onto the disk may be there all the same, whole.
    assert found.files in ([NEW, {"c.bin": b"3"}] if failed else [{"c.bin": b"3"}])
    assert not list(two.folder.glob("*.partial"))


def truncated(path, random):
    path.write_bytes(path.read_bytes()[: random.randrange(path.stat().st_size)])


def flipped(path, random):
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


@pytest.mark.parametrize(("harm", "times"), [(truncated, 20), (flipped, 60)])
def test_every_truncation_and_every_flipped_bit_is_found_and_the_one_before_is_read(two, harm, times):
    chance, files = random.Random(0), sorted(two.paths()[0].iterdir())
    kept = {path: path.read_bytes() for path in files}
    for i in range(times):
        path = files[i % len(files)]
        harm(path, chance)
        found, damaged = two.newest()
        assert (found.files, [one.path.name for one in damaged]) == (OLD, ["00000002"]), path
        path.write_bytes(kept[path])
    assert two.newest()[0].files == NEW


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: (path / "a.bin").unlink(), "a.bin: no such file"),
        (lambda path: (path / "c.bin").touch(), "c.bin: a file that does not belong there"),
        (lambda path: (path / "manifest.json").unlink(), "manifest.json: no such file"),
        (lambda path: (path / "manifest.json").write_text("[]"), "expected a list of files"),
        (lambda path: (path / "manifest.json").write_text("[" * 100_000), "expected a list of files"),
        (lambda path: (path / "manifest.json").write_bytes(b" " * (1 << 21)), "expected at most 1,048,576"),
        (
            lambda path: (path / "manifest.json").write_text('{"files": {"../../x": {"bytes": 1}}}'),
            "expected the name of a file, found '../../x'",
        ),
        (
            lambda path: (path / "manifest.json").write_text('{"files": {"a.bin": {"bytes": 1e12}}}'),
            "b.json: a file that does not belong there",
        ),
    ],
)
def test_what_is_wrong_is_named(two, harm, why):
    harm(two.paths()[0])
    found, damaged = two.newest()
    assert found.files == OLD
    assert why in damaged[0].why


def test_a_link_is_not_followed(two):
    """Not even to the same content."""
    path = two.paths()[0] / "a.bin"
    path.rename(two.folder / "elsewhere")
    path.symlink_to(two.folder / "elsewhere")
    _, damaged = two.newest()
    assert "a.bin: expected a plain file, found a link" in damaged[0].why


def test_one_that_is_damaged_does_not_take_the_place_of_one_that_is_whole(two):
    (two.paths()[0] / "a.bin").write_bytes(b"")
    two.newest()
    two.write({"c.bin": b"3"})
    assert [path.name for path in two.paths()] == ["00000003", "00000001"]


def test_where_none_is_whole_all_are_named(two):
    for path in two.paths():
        (path / "a.bin").unlink()
    found, damaged = two.newest()
    assert found is None
    assert len(damaged) == 2


def test_what_was_left_half_written_is_removed(two):
    left = two.folder / "00000003.partial"
    left.mkdir()
    (left / "a.bin").touch()
    assert two.newest()[0].files == NEW
    two.write({"c.bin": b"3"})
    assert not left.exists()
    assert two.newest()[0].path.name == "00000003"


def test_a_removed_folder_is_said_and_not_made_anew(two):
    module.remove(two.folder)
    with pytest.raises(FileNotFoundError):
        two.write(NEW)
    assert two.newest() == (None, [])
    assert not two.folder.exists()


@pytest.mark.slow
def test_a_crash_after_any_call_of_the_save_path_leaves_a_whole_generation(tmp_path):
    """A child ends, without a word, after the first, second, … call that Python makes to the outside; then
    the newest generation is whole, and the next one can be written."""
    found = subprocess.run(
        [sys.executable, CRASHES, tmp_path], capture_output=True, text=True, check=True, timeout=120
    )
    told = json.loads(found.stdout)
    assert told["wrong"] == []
    assert told["crashes"] > 60
    assert 0 < told["old"] < told["crashes"]
