"""encode, reconstruct, score, sample and evaluate: what they write is what the functions return."""

import json

import equinox as eqx
import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

import lowerbound as lb
from lowerbound.archive import unfinished
from lowerbound.cli import main
from lowerbound.cli.console import Progress
from lowerbound.data.sources import open_source

from .calls import FAST


def table(path):
    if path.suffix == ".npy":
        return np.load(path), None
    reader = pyarrow.csv.read_csv if path.suffix == ".csv" else pyarrow.parquet.read_table
    found = reader(path)
    return np.stack([column.to_numpy() for column in found.columns], axis=1), found.column_names


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("verb", "ending", "options", "names"),
    [
        ("encode", ".npy", [], ["z0", "z1"]),
        ("encode", ".csv", [], ["z0", "z1"]),
        ("reconstruct", ".parquet", [], [f"x{i}" for i in range(64)]),
        (
            "score",
            ".csv",
            [*FAST, "--samples", "40"],
            ["log_prob", "standard_error", "effective_sample_size", "k_hat"],
        ),
    ],
)
def test_a_table_holds_what_the_function_returns(run_folder, tmp_path, verb, options, names, ending):
    out = tmp_path / f"out{ending}"
    assert main([verb, str(run_folder), "digits", *options, "--out", str(out)]) == 0
    found, columns = table(out)
    assert columns in (None, names)
    model, x = lb.load(run_folder), open_source("digits:test").x
    if verb == "score":
        evidence = lb.log_evidence(model, x, method="importance", samples=40)
        expected = np.stack([getattr(evidence, name) for name in names], axis=1)
    else:
        expected = getattr(lb, verb)(model, x)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("verb", ["encode", "reconstruct"])
def test_codes_are_fitted_to_the_rows_where_steps_are_said(run_folder, tmp_path, verb):
    out = tmp_path / "out.npy"
    assert main([verb, str(run_folder), "digits", "--steps", "3", "--out", str(out)]) == 0
    function, model, x = getattr(lb, verb), lb.load(run_folder), open_source("digits:test").x
    np.testing.assert_allclose(np.load(out), function(model, x, steps=3), rtol=1e-6)
    assert np.abs(np.load(out) - function(model, x)).max() > 0.01


@pytest.mark.thorough
def test_scores_have_p_values_where_rows_calibrate(run_folder, tmp_path, capsys):
    """Of the calibration rows themselves they are their ranks; rows that trained are refused."""
    call = ["score", str(run_folder), "digits:test", *FAST, "--samples", "10", "--out", f"{tmp_path}/s.npy"]
    assert main([*call, "--calibration", "digits:test"]) == 0
    log_prob, *_, p = np.load(tmp_path / "s.npy").T
    np.testing.assert_allclose(p, lb.conformal_p_values(log_prob, log_prob), rtol=1e-6)
    capsys.readouterr()
    assert main([*call, "--overwrite", "--calibration", "digits:train"]) == 2
    assert "1,437 of 1,437 that are among the training or validation rows" in capsys.readouterr().err


def test_without_out_scores_go_to_standard_output(untrained, capsys):
    assert main(["score", str(untrained), "digits", *FAST, "--samples", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "log_prob,standard_error,effective_sample_size,k_hat"
    assert len(lines) == 361


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("verb", "ending", "signature"),
    [("encode", ".png", b"\x89PNG"), ("reconstruct", ".svg", b"<?xml"), ("sample", ".pdf", b"%PDF")],
)
def test_a_picture_is_drawn(run_folder, tmp_path, verb, ending, signature):
    out = tmp_path / f"out{ending}"
    data = [] if verb == "sample" else ["digits"]
    assert main([verb, str(run_folder), *data, "--out", str(out)]) == 0
    assert out.read_bytes().startswith(signature)


@pytest.mark.thorough
def test_json_says_what_was_written(run_folder, tmp_path, capsys):
    out = tmp_path / "codes.npy"
    assert main(["encode", str(run_folder), "digits", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "rows": 360, "columns": 2}


@pytest.mark.slow
def test_two_models_are_compared_on_the_same_rows(run_folder, tmp_path, capsys):
    other = tmp_path / "other"
    call = ["fit", "digits", "--latent-dim", "1", "--out", str(other), "--epochs", "3", "--width", "16"]
    assert main([*call, *FAST, "--samples", "10", "--no-baselines"]) == 0
    capsys.readouterr()
    assert (
        main(
            [
                "evaluate",
                str(run_folder),
                str(other),
                "digits",
                *FAST,
                "--samples",
                "10",
                "--no-diagnosis",
                "--json",
            ]
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    x = open_source("digits:test").x
    a, b = (
        lb.log_evidence(lb.load(f), x, method="importance", samples=10).log_prob for f in (run_folder, other)
    )
    paired = found["differences"][str(other)]
    assert paired["difference"] == pytest.approx((a - b).mean(), abs=1e-5)
    assert paired["standard_error"] == pytest.approx((a - b).std(ddof=1) / np.sqrt(360), rel=1e-4)
    assert found["models"][str(other)]["baselines"] == {}


@pytest.mark.thorough
def test_columns_are_matched_by_name_and_labels_may_be_one_of_them(tmp_path, capsys):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 80))
    train, later = tmp_path / "train.csv", tmp_path / "later.csv"
    rows = np.stack([a, b], axis=1)
    lines = [f"{x},{'cat' if i % 2 else 'dog'},{y}" for i, (x, y) in enumerate(rows.tolist())]
    train.write_text("\n".join(["a,kind,b", *lines]) + "\n")
    np.savetxt(later, rows[:, [1, 0]], delimiter=",", header="b,a", comments="")
    out = tmp_path / "run"
    options = [
        "--labels",
        "kind",
        "--latent-dim",
        "1",
        "--epochs",
        "3",
        "--width",
        "8",
        *FAST,
        "--samples",
        "10",
    ]
    assert main(["fit", str(train), "--out", str(out), *options]) == 0
    scores = []
    for data, labels in ((train, ["--labels", "kind"]), (later, [])):
        assert main(["score", str(out), str(data), *labels, *FAST, "--samples", "10"]) == 0
        scores.append(capsys.readouterr().out.split("log_prob", 1)[1])
    assert scores[0] == scores[1]
    np.savetxt(later, rows[:, [1]], delimiter=",", header="b", comments="")
    assert main(["score", str(out), str(later)]) == 2
    assert "expected the columns that the model has, found no 'a'" in capsys.readouterr().err


@pytest.mark.slow
def test_an_earlier_runs_baselines_are_not_scored_as_this_ones(tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "baselines.safetensors").write_bytes(b"an earlier run's")
    call = ["fit", "digits", "--latent-dim", "1", "--out", str(out), "--epochs", "3", "--width", "16"]
    assert main([*call, *FAST, "--samples", "10", "--no-baselines", "--overwrite"]) == 0
    assert main(["evaluate", str(out), "digits", *FAST, "--samples", "10", "--no-diagnosis"]) == 0


@pytest.mark.thorough
def test_an_evaluation_that_was_interrupted_goes_on_where_it_was(run_folder, monkeypatch, capsys):
    """A first call is stopped after 64 of 360 rows; the second begins there and prints the same numbers."""
    call = ["evaluate", str(run_folder), "digits", *FAST, "--samples", "50", "--no-diagnosis", "--json"]
    assert main(call) == 0
    whole = json.loads(capsys.readouterr().out)
    scored = []

    def stop(self, record):
        scored.append(record["rows"])
        if record["rows"] >= 64:
            raise KeyboardInterrupt

    monkeypatch.setattr(unfinished, "_INTERVAL", 0.0)
    monkeypatch.setattr(Progress, "scoring", stop)
    assert main(call) == 130
    monkeypatch.setattr(Progress, "scoring", lambda _, record: scored.append(record["rows"]))
    assert main(call) == 0
    assert scored[:3] == [32, 64, 96]
    again = json.loads(capsys.readouterr().out)
    assert again["log_likelihood"] == whole["log_likelihood"]
    assert not (run_folder / "evidence.unfinished").exists()


@pytest.mark.thorough
def test_rows_whose_evidence_is_not_finite_are_named_and_the_status_is_1(run_folder, tmp_path, capsys):
    """An encoder that overflows where a pixel is inked that is blank in most rows."""
    x = open_source("digits:test").x
    pixel = int(np.argmin(np.where((x >= 8).sum(0) > 0, (x > 0).sum(0), 360)))
    first = lambda m: m.posterior.network.network.weights[0]  # noqa: E731
    model = eqx.tree_at(first, lb.load(run_folder), replace_fn=lambda w: w.at[pixel].set(3e37))
    lb.save(model, tmp_path / "broken")
    expected = np.flatnonzero(
        ~np.isfinite(lb.log_evidence(model, x, method="importance", samples=5).log_prob)
    )
    assert 0 < len(expected) < 300
    assert (
        main(["evaluate", str(tmp_path / "broken"), "digits", *FAST, "--samples", "5", "--no-diagnosis"]) == 1
    )
    out = capsys.readouterr().out
    assert f"is not finite for row{'s' * (len(expected) > 1)} {expected[0]}" in out
    assert "log p(x), this model" in out


@pytest.mark.slow
def test_evaluate_says_what_is_wrong_with_a_model_and_what_to_change(tmp_path, capsys):
    """400 epochs without an early stop: the training rows are memorised, and the encoder is off on others."""
    run_folder = tmp_path / "run"
    options = ["--epochs", "400", "--patience", "400", "--validation", "0", "--no-baselines", *FAST]
    assert main(["fit", "digits", "--latent-dim", "10", "--out", str(run_folder), *options]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(run_folder), "digits", *FAST, "--samples", "10"]) == 0
    out = capsys.readouterr().out
    assert "amortisation gap: " in out
    assert "Try: " in out
    assert main(["evaluate", str(run_folder), "digits", *FAST, "--samples", "10", "--json"]) == 0
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    assert {"collapsed dimensions", "memorised rows"} <= {verdict["name"] for verdict in verdicts}


@pytest.mark.thorough
def test_compressed_rows_come_back(run_folder, tmp_path, capsys):
    file, out = tmp_path / "digits.lbz", tmp_path / "digits.npy"
    assert main(["compress", str(run_folder), "digits", "--out", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["columns"], told["bytes"]) == (360, 64, file.stat().st_size)
    assert told["bits_per_dim"] == pytest.approx(8 * file.stat().st_size / (360 * 64))
    assert main(["decompress", str(run_folder), str(file), "--out", str(out)]) == 0
    np.testing.assert_array_equal(np.load(out), open_source("digits:test").x)
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["decompress", str(run_folder), str(file), "--out", str(out), "--overwrite"]) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .splitlines()[-1]
        .startswith(f"lowerbound: {file}: file: no compressed")
    )
