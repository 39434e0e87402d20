"""Tables through the command line: columns and labels by name, and one number for a row."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.cli import main
from lowerbound.cli.console import Progress

from .calls import FAST

OPTIONS = ["--latent-dim", "1", "--epochs", "3", "--width", "8", *FAST, "--samples", "10", "--no-baselines"]
RNG = np.random.default_rng(0)
ROWS = np.stack([RNG.normal(size=80), RNG.normal(1000, 30, size=80)], axis=1).astype(np.float32)


def write_csv(path, names, columns):
    lines = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    """A table with a column of labels, and the run of it."""
    folder = tmp_path_factory.mktemp("flowers")
    species = [("setosa", "iris")[i % 2] for i in range(80)]
    data = write_csv(folder / "flowers.csv", ["a", "species", "b"], [ROWS[:, 0], species, ROWS[:, 1]])
    assert main(["fit", data, "--out", str(folder / "run"), "--labels", "species", *OPTIONS]) == 0
    return folder


def scores(capsys, *call):
    capsys.readouterr()
    assert main(["score", *map(str, call), *FAST, "--samples", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    return np.array([line.split(",")[0] for line in lines], float)


@pytest.mark.thorough
def test_a_row_has_one_number_however_it_comes_in(flowers, tmp_path, capsys):
    """From Python, in a table, in one of another order of columns, and in a file that is mapped."""
    loaded = lb.log_evidence(lb.load(flowers / "run"), ROWS, method="importance", samples=10).log_prob
    permuted = write_csv(tmp_path / "permuted.csv", ["b", "a"], ROWS[:, ::-1].T)
    np.save(tmp_path / "rows.npy", ROWS)
    for data in (flowers / "flowers.csv", permuted, tmp_path / "rows.npy"):
        np.testing.assert_allclose(scores(capsys, flowers / "run", data), loaded, rtol=1e-5)


@pytest.mark.thorough
def test_a_column_that_is_kept_from_an_offset_has_one_number_too(tmp_path, capsys):
    """Seconds since 1970 beside a reading: the loaded model takes the table's own units and its names, to the
    bit as the command line does, and what it generates is in those units."""
    x = np.stack([1.7e9 + np.sort(RNG.uniform(0, 600, 80)), RNG.normal(size=80)], axis=1)
    data = write_csv(tmp_path / "readings.csv", ["seconds", "reading"], x.T)
    assert main(["fit", data, "--out", str(tmp_path / "run"), *OPTIONS]) == 0
    assert (
        main(["score", str(tmp_path / "run"), data, *FAST, "--samples", "10", "--out", f"{tmp_path}/s.npy"])
        == 0
    )
    scored = np.load(tmp_path / "s.npy")[:, 0]
    model, table = lb.load(tmp_path / "run"), lb.read(data)
    np.save(tmp_path / "rows.npy", x)
    for rows in (x, table, table.select([1, 0]), np.load(tmp_path / "rows.npy", mmap_mode="r")):
        np.testing.assert_array_equal(
            lb.log_evidence(model, rows, method="importance", samples=10).log_prob, scored
        )
    assert (np.abs(lb.sample(model, 20, key=0)[:, 0] - 1.7e9) < 3000).all()
    assert len(np.unique(lb.reconstruct(model, x)[:, 0])) > 40


@pytest.mark.parametrize("verb", ["score", "evaluate", "encode"])
def test_the_column_of_labels_is_known_again(flowers, tmp_path, verb, capsys):
    options = {
        "evaluate": ["--no-diagnosis", *FAST, "--samples", "10", "--json"],
        "score": [*FAST, "--samples", "10"],
    }
    out = ["--out", str(tmp_path / "codes.png")] if verb == "encode" else []
    call = [verb, str(flowers / "run"), str(flowers / "flowers.csv"), *options.get(verb, []), *out]
    assert main(call) == 0
    if verb == "evaluate":
        assert json.loads(capsys.readouterr().out)["rows_trained_on"] == 65


@pytest.mark.thorough
def test_the_columns_of_a_test_file_are_taken_by_name(tmp_path, capsys):
    train = write_csv(tmp_path / "train.csv", ["a", "b"], ROWS[:70].T)
    test = write_csv(tmp_path / "test.csv", ["b", "a"], ROWS[70:, ::-1].T)
    assert main(["fit", train, "--test", test, "--out", str(tmp_path / "run"), *OPTIONS, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    expected = lb.log_evidence(lb.load(tmp_path / "run"), ROWS[70:], method="importance", samples=10)
    assert found["log_likelihood"] == pytest.approx(expected.mean, rel=1e-5)
    narrow = write_csv(tmp_path / "narrow.csv", ["a"], [ROWS[70:, 0]])
    assert main(["fit", train, "--test", narrow, "--out", str(tmp_path / "other"), *OPTIONS]) == 2
    assert "found no 'b'" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_progress_ends_at_the_number_that_is_reported(flowers, monkeypatch, capsys):
    told = []
    monkeypatch.setattr(Progress, "scoring", lambda _, record: told.append(record["log_prob"]))
    call = ["evaluate", str(flowers / "run"), str(flowers / "flowers.csv"), *FAST, "--samples", "10"]
    assert main([*call, "--no-diagnosis", "--json"]) == 0
    assert told[-1] == pytest.approx(json.loads(capsys.readouterr().out)["log_likelihood"], rel=1e-9)


@pytest.mark.slow
def test_a_held_out_count_above_the_training_rows_is_named_and_the_rest_reported(tmp_path, capsys):
    counts = RNG.binomial(10, 0.4, size=(60, 3))
    np.save(tmp_path / "train.npy", counts[:50])
    np.save(tmp_path / "test.npy", np.concatenate([counts[50:], [[0, 20, 0]]]))
    call = ["fit", f"{tmp_path}/train.npy", "--test", f"{tmp_path}/test.npy", "--out", f"{tmp_path}/run"]
    assert main([*call, *OPTIONS, "--likelihood", "binomial"]) == 1
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["rows_not_finite"] == [10]
    assert "found 20 in row 10, column 1" in capsys.readouterr().err


def test_samples_bear_the_names_of_the_columns(flowers, tmp_path):
    assert main(["sample", str(flowers / "run"), "-n", "3", "--out", str(tmp_path / "new.csv")]) == 0
    assert (tmp_path / "new.csv").read_text().splitlines()[0] == '"a","b"'


def test_a_verb_is_a_few_lines_over_the_library():
    for path in (Path(lb.__file__).parent / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                lines = node.end_lineno - node.body[0].lineno + 1
                assert lines <= 40, f"{path.name}: {node.name} has a body of {lines} lines"


@pytest.mark.slow
def test_a_held_out_row_of_a_level_that_no_row_had_does_not_lose_the_run(tmp_path, capsys):
    """It has probability 0 and is named, as in `score`; a row of probability 0 has no code."""
    colors = ["red", "blue"] * 20
    data = write_csv(tmp_path / "x.csv", ["color", "b"], [colors, RNG.normal(size=40)])
    test = write_csv(tmp_path / "test.csv", ["color", "b"], [["red", "pink"], [0.5, 0.25]])
    run = tmp_path / "run"
    assert main(["fit", data, "--test", test, "--out", str(run), *OPTIONS]) == 1
    said = capsys.readouterr()
    assert "found 'pink' in row 1, column 'color'" in said.err
    assert "not finite for row 1 (counted from 0)" in said.out
    assert "nan" not in said.out
    assert json.loads((run / "metrics.json").read_text())["rows_not_finite"] == [1]
    log_prob = scores(capsys, run, test)
    assert np.isfinite(log_prob[0])
    assert log_prob[1] == -np.inf
    assert main(["encode", str(run), test, "--out", str(tmp_path / "z.npy")]) == 2
    assert "expected one of the 2 values that the column had, found 'pink'" in capsys.readouterr().err
    narrow = write_csv(tmp_path / "narrow.csv", ["color"], [["red", "blue"]])
    assert main(["fit", data, "--test", narrow, "--out", str(tmp_path / "none"), *OPTIONS]) == 2
    assert not (tmp_path / "none").exists()
