"""The command line with rows of which memory has no room."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from lowerbound.cli import main
from lowerbound.runs import RunFolder

from .calls import FAST

OPTIONS = ["--latent-dim", "1", "--epochs", "2", "--width", "8", *FAST, "--samples", "10"]
MEMORY = ["--memory", "1KB"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two files of bits, and a run that was trained on them from a file of encoded rows."""
    folder = tmp_path_factory.mktemp("memory")
    random = np.random.default_rng(0)
    for part in range(2):
        columns = {name: random.integers(0, 2, 800) for name in ("a", "b", "c")}
        parquet.write_table(pa.table(columns), folder / f"{part}.parquet")
    data = str(folder / "*.parquet")
    assert main(["fit", data, "--out", str(folder / "run"), *OPTIONS, *MEMORY, "--test", "0.1"]) == 0
    return folder, data


@pytest.mark.slow
def test_a_run_of_rows_beyond_memory_keeps_back_what_it_reports_on(run):
    folder, _ = run
    found = RunFolder.read(folder / "run")
    assert found.provenance.data.rows == 1440
    assert found.provenance.split.train_rows + found.provenance.split.validation_rows == 1440
    assert found.metrics.n_rows == 160
    assert "of 1,440 rows" in found.metrics.baselines["independent"].note
    assert [path.name for path in (folder / "run" / "cache").glob("*/rows.npy")] == ["rows.npy"]


def scored(folder, data, capsys, *options):
    capsys.readouterr()
    assert main(["score", str(folder / "run"), data, *FAST, "--samples", "10", *options]) == 0
    return capsys.readouterr()


@pytest.mark.slow
def test_rows_beyond_memory_have_the_scores_that_they_have_in_it(run, capsys):
    folder, data = run
    within, beyond = (scored(folder, data, capsys, *options) for options in ((), MEMORY))
    assert beyond.out == within.out
    assert len(beyond.out.splitlines()) == 1601


@pytest.mark.thorough
def test_look_says_of_how_many_rows_it_found_what(run, tmp_path, capsys):
    _, data = run
    assert main(["look", data, *MEMORY, "--cache", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 1600
    (note,) = said["notes"]
    assert note.startswith("kinds, copies and quantiles are from 1,000 of 1,600 rows, drawn at random")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cache", "rows"], "--cache rows: goes with --memory, found none"),
        (["--memory", "much"], "memory: expected a size such as \"2 GB\", found 'much'"),
    ],
)
def test_what_is_no_size_is_refused_before_anything_is_read(options, words, capsys):
    assert main(["look", "nowhere.csv", *options]) == 2
    assert words in capsys.readouterr().err
