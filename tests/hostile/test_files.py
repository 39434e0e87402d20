"""Files that are not what they seem: one error that says which file it is, and nothing else happens."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lowerbound.cli import main
from lowerbound.data.sources.images import IMAGE_ENDINGS

from . import arrays, compressed, containers, runs, texts
from .hostile import MARKER, PICKLE, content

FILES = [*containers.FILES, *arrays.FILES, *texts.FILES, *runs.FILES, *compressed.FILES]
QUICK = [file for file in FILES if not file.heavy]
HEAVY = [file for file in FILES if file.heavy]
# Extra memory and time of the processor that reading a hostile file may take at most.
# A second on a quick machine, and three on a slow one; what these files once took was minutes.
MEGABYTES, SECONDS = 500, 20.0


def looked_at(files, folder):
    """What came of each of these files, by its id; they were read one after another in one process."""
    (samples := folder / "samples").mkdir()
    runs.a_run()(samples / "run")
    for ending in (
        ".parquet",
        ".feather",
        ".orc",
        ".csv",
        ".json",
        ".jsonl",
        ".mtx",
        ".libsvm",
        ".arff",
        ".mat",
    ):
        source = Path(__file__).parent.parent / "data" / "tables" / f"trees{ending}"
        if source.exists():
            (samples / source.name).write_bytes(source.read_bytes())
    (samples / "x.npy").write_bytes(arrays.saved(np.eye(3)))
    (samples / "x.png").write_bytes(arrays.picture("PNG"))
    listed, places = [], {}
    for number, file in enumerate(files):
        (place := folder / f"{number}").mkdir()
        file.write(place / file.name)
        listed.append([file.id, file.reader, str(place / file.name)])
        places[file.id] = place
    (folder / "list.json").write_text(json.dumps(listed))
    before = {path for path in folder.rglob("*")}
    # Python and JAX would write what they compile, which is no doing of a file.
    look = Path(__file__).parent / "look.py"
    call = [sys.executable, "-B", str(look), str(folder / "list.json"), str(samples)]
    alone = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    ended = subprocess.run(call, cwd=folder, env=alone, capture_output=True, text=True, timeout=250)
    answers = {answer["id"]: answer for answer in map(json.loads, ended.stdout.splitlines())}
    new = {path for path in folder.rglob("*")} - before
    return {"answers": answers, "places": places, "new": new, "ended": ended}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    return looked_at(QUICK, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    return looked_at(HEAVY, tmp_path_factory.mktemp("heavy"))


def check(file, looked):
    answer = looked["answers"].get(file.id)
    assert answer is not None, f"the process ended: {looked['ended'].stderr[-2000:]}"
    assert answer["typed"], (answer["error"], answer["words"])
    assert "\n" not in answer["words"]
    if file.reader != "compressed":
        assert str(looked["places"][file.id]) in answer["words"]
    assert file.mentions in answer["words"]
    assert answer["seen"] == []
    assert answer["seconds"] < SECONDS


@pytest.mark.parametrize("file", QUICK, ids=lambda file: file.id)
def test_a_hostile_file_is_one_typed_error(file, quick):
    check(file, quick)


@pytest.mark.thorough
@pytest.mark.parametrize("file", HEAVY, ids=lambda file: file.id)
def test_a_bomb_is_one_typed_error(file, heavy):
    check(file, heavy)


def test_reading_them_takes_little_memory_and_leaves_nothing(quick):
    assert max(answer["megabytes"] for answer in quick["answers"].values()) < MEGABYTES
    assert quick["new"] == set()
    assert quick["ended"].returncode == 0


@pytest.mark.thorough
def test_bombs_take_little_memory_and_leave_nothing(heavy):
    assert max(answer["megabytes"] for answer in heavy["answers"].values()) < MEGABYTES
    assert heavy["new"] == set()
    assert heavy["ended"].returncode == 0


@pytest.mark.parametrize("name", ["x.npy", "x.csv.zip", "x.json"])
def test_the_command_line_says_it_in_one_line(name, tmp_path, capsys):
    content(PICKLE)(tmp_path / name)
    assert main(["look", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"lowerbound: {tmp_path / name}: expected")
    assert said.count("\n") == 1


def test_there_are_many_and_all_differ():
    assert len({file.id for file in FILES}) == len(FILES) >= 200


def test_every_ending_that_is_read_is_tried():
    tried = {file.name for file in FILES if file.about == "a pickle"}
    assert {f"x{ending}" for ending in (*containers.ENDINGS, *IMAGE_ENDINGS)} <= tried


def test_the_pickle_would_be_noticed(tmp_path, monkeypatch):
    """The control: where a pickle is loaded, a folder appears."""
    import pickle

    monkeypatch.chdir(tmp_path)
    pickle.loads(PICKLE)
    assert (tmp_path / MARKER).exists()
