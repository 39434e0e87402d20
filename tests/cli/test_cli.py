"""The command line as a user meets it: what it writes, and one line for what is wrong."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from lowerbound.cli import main

from .calls import FAST

QUICK = ["--epochs", "3", "--width", "16", *FAST, "--samples", "10"]


@pytest.mark.thorough
def test_fit_writes_what_it_says(run_folder):
    names = {path.name for path in run_folder.iterdir()}
    pictures = {"bound", "reconstructions", "samples", "sample-means", "latents", "manifold"}
    assert {f"{name}.png" for name in pictures} < names
    assert {
        "model.safetensors",
        "provenance.json",
        "rows.safetensors",
        "metrics.json",
        "history.jsonl",
        "baselines.safetensors",
    } < names
    metrics = json.loads((run_folder / "metrics.json").read_text())
    keys = "elbo log_likelihood log_likelihood_standard_error samples bits_per_dim measure n_rows n_dims"
    assert set(f"{keys} seconds examples_per_second baselines".split()) <= set(metrics)
    assert metrics["n_rows"] == 360
    assert metrics["rows_trained_on"] == 0
    assert metrics["rows_that_chose_the_model"] == 0
    assert metrics["elbo"] <= metrics["log_likelihood"]
    assert metrics["bits_per_dim"] == pytest.approx(-metrics["log_likelihood"] / 64 / np.log(2))
    for baseline in metrics["baselines"].values():
        expected = metrics["log_likelihood"] - baseline["log_likelihood"]
        assert baseline["difference"] == pytest.approx(expected, abs=1e-4)
        assert baseline["difference_standard_error"] > 0
    lines = (run_folder / "history.jsonl").read_text().splitlines()
    assert all("bound" in json.loads(line) for line in lines)
    provenance = json.loads((run_folder / "provenance.json").read_text())
    assert provenance["data"]["source"] == "digits:train"
    assert provenance["split"] == {"train_rows": 1293, "validation_rows": 144}
    assert provenance["command"].startswith("lowerbound")


@pytest.mark.thorough
def test_evaluate_knows_the_rows_that_trained_the_model(run_folder, capsys):
    assert (
        main(
            [
                "evaluate",
                str(run_folder),
                "digits:train",
                *FAST,
                "--samples",
                "10",
                "--no-diagnosis",
                "--json",
            ]
        )
        == 0
    )
    metrics = json.loads(capsys.readouterr().out)
    # Rows of digits:train that equal another one of it are counted wherever they stand.
    assert metrics["rows_trained_on"] == 1293
    assert metrics["rows_that_chose_the_model"] == 144
    assert (
        main(["evaluate", str(run_folder), "digits:train", *FAST, "--samples", "10", "--no-diagnosis"]) == 0
    )
    assert "1293 of these rows trained the model: this is no held-out figure" in capsys.readouterr().out


@pytest.mark.thorough
def test_evaluate_prints_the_keys_of_metrics_json(run_folder, capsys):
    assert (
        main(["evaluate", str(run_folder), "digits", *FAST, "--samples", "10", "--no-diagnosis", "--json"])
        == 0
    )
    out = json.loads(capsys.readouterr().out)
    stored = json.loads((run_folder / "metrics.json").read_text())
    assert set(out) == set(stored)
    same = [key for key in out if key not in ("seconds", "examples_per_second")]
    assert {key: out[key] for key in same} == {key: stored[key] for key in same}


@pytest.mark.thorough
def test_sample_writes_an_array_or_a_picture(run_folder, tmp_path):
    assert main(["sample", str(run_folder), "-n", "7", "--out", str(tmp_path / "x.npy")]) == 0
    x = np.load(tmp_path / "x.npy")
    assert x.shape == (7, 64)
    assert set(np.unique(x)) <= set(range(17))  # observations, not means
    assert main(["sample", str(run_folder), "--mean", "--out", str(tmp_path / "m.npy")]) == 0
    assert (np.load(tmp_path / "m.npy") % 1 != 0).any()
    assert main(["sample", str(run_folder), "--out", str(tmp_path / "x.png")]) == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_file_of_grey_images_is_binarised_once_asked_and_remembered(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "grey.npz", x=rng.integers(0, 256, (120, 4, 4)).astype(np.uint8), y=np.arange(120))
    data, out = f"{tmp_path}/grey.npz:x", str(tmp_path / "run")
    options = [*QUICK, "--latent-dim", "1", "--test", "0.25", "--binarize", "dynamic"]
    assert main(["fit", data, "--out", out, *options]) == 0
    assert main(["evaluate", out, data, *FAST, "--samples", "5", "--no-diagnosis", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out.split("\n{", 1)[-1].join(["{", ""]))
    assert "binarised at random" in metrics["measure"]
    assert metrics["n_rows"] == 120
    assert metrics["rows_trained_on"] == 81  # of 90, less a tenth that chose the model
    assert metrics["rows_that_chose_the_model"] == 9


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    np.save(folder / "nan.npy", np.full((20, 3), np.nan))
    np.save(folder / "grey.npy", np.full((20, 3), 128, np.uint8))
    np.save(folder / "half.npy", np.full((20, 3), 0.5))
    np.save(folder / "wide.npy", np.ones((20, 5)))
    np.save(folder / "pickle.npy", np.array([None]), allow_pickle=True)
    np.save(folder / "one.npy", np.ones((1, 3)))
    np.save(folder / "negative.npy", np.array([[3, 0], [-1, 2], [1, 1], [0, 0]] * 5))
    (folder / "inf.csv").write_text("a,b\n1,2\n3,inf\n")
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").write_text("years of work")
    return folder


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("fit", "Missing argument 'DATA'"),
        ("fti digits", "No such command 'fti'"),
        ("fit digits --out new --epocs 3", "No such option: --epocs"),
        ("fit digits --out new --epochs three", "Invalid value for '--epochs'"),
        ("fit digits --out full", "the folder is not empty; take another, or pass --overwrite"),
        ("fit digits --out nan.npy", "expected a folder, found a file"),
        ("fit digits --out nan.npy/run", "nan.npy cannot be written"),
        ("fit one.npy --out new", "expected at least 2 rows, one to train on and one to report on; found 1"),
        ("fit negative.npy --out new --likelihood binomial", "whole numbers from 0 to 3, found -1 in row"),
        ("fit digits --out new --network conf", "the nearest is 'conv'"),
        ("fit inf.csv --out new", "inf.csv: expected finite numbers, found inf in row 1"),
        ("fit digits --out new --latent-dim 0", "latent_dim: expected at least 1, found 0"),
        ("fit digits --out new --epochs -1", "epochs: expected a number above 0, or None, found -1"),
        ("fit digits --out new --samples 1", "Invalid value for '--samples'"),
        ("fit digits --out new --likelihood bernouli", "the nearest is 'bernoulli'"),
        ("fit digits --out new --objective elob", "the nearest is 'elbo'"),
        ("fit digits --out new --test 2", "a share between 0 and 1, found 2"),
        ("fit nowhere.npy --out new", "nowhere.npy: no such file"),
        ("fit nan.npy --out new", "found nan in row 0, column 0"),
        ("fit pickle.npy --out new", "pickle, which could run code and is not loaded"),
        ("fit grey.npy --out new --likelihood bernoulli", "found 128 in row 0, column 0; binarise"),
        ("fit half.npy --out new --likelihood beta-binomial", "whole numbers from 0 to 1, found 0.5"),
        ("evaluate nowhere digits", "expected a saved model, found no model.safetensors there"),
        ("evaluate RUN wide.npy", "wide.npy: expected 64 columns, as the model has, found 5"),
        (
            "sample RUN --out new.gif",
            "expected an ending of .npy, .csv, .parquet, .png, .svg, .pdf, found .gif",
        ),
        ("sample RUN --out nan.npy", "the file exists"),
        ("encode RUN digits --out new.npy --steps -1", "Invalid value for '--steps'"),
        ("sample RUN --out new.npy -n 0", "expected n of at least 1, found 0"),
        ("sample RUN --out no/where.npy", "no folder"),
    ],
)
def test_a_wrong_call_is_one_line_with_status_2_and_writes_nothing(
    broken, untrained, monkeypatch, capsys, call, message
):
    monkeypatch.chdir(broken)
    before = sorted(broken.rglob("*"))
    assert main(call.replace("RUN", str(untrained)).split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("lowerbound: ")
    assert message in last
    assert "Traceback" not in captured.err
    assert sorted(broken.rglob("*")) == before
    assert (broken / "full" / "thesis.tex").read_text() == "years of work"


@pytest.mark.slow
def test_a_run_that_is_not_finite_is_kept_and_fails(tmp_path, capsys):
    options = ["--learning-rate", "1e30", "--no-baselines", "--out", str(tmp_path / "run"), *QUICK]
    assert main(["fit", "digits", *options]) == 1
    assert "is not finite" in capsys.readouterr().err
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_the_module_is_the_command_and_help_has_an_example():
    out = subprocess.run(
        [sys.executable, "-m", "lowerbound", "fit", "--help"],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"},
    ).stdout  # fmt: skip
    assert "Example: lowerbound fit digits" in out
