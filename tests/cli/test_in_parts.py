"""Verbs over many files: --out names a folder."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.datasets import load_digits

import lowerbound as lb
from lowerbound.cli import main

from .calls import FAST

X = load_digits().data[:50]


@pytest.fixture
def arrays(tmp_path):
    """Rows of digits in two files; the second holds one that is none."""
    odd = X[30:].copy()
    odd[4, 20] = np.nan
    for name, x in {"b": odd, "a": X[:30]}.items():
        np.save(tmp_path / f"{name}.npy", x)
    return tmp_path


def test_a_pattern_and_a_folder_become_parts(arrays, untrained, capsys):
    expected = lb.encode(lb.load(untrained), X.astype(np.uint8))
    for data, out in ((f"{arrays}/*.npy", "codes"), (f"{arrays}", "codes/")):
        assert main(["encode", str(untrained), data, "--out", f"{arrays}/{out}", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"out": f"{arrays}/codes", "parts": 2, "rows": 50, "refused": 1}
    parts = [parquet.read_table(arrays / "codes" / f"part-0000{i}.parquet") for i in range(2)]
    table = pa.concat_tables([part.replace_schema_metadata() for part in parts])
    found = np.stack(table.select(["z0", "z1"]).columns, axis=1)
    others = np.arange(50) != 34
    assert np.array_equal(found[others], expected[others])
    assert np.isnan(found[34]).all()
    listed = (arrays / "codes" / "_refused.csv").read_text().splitlines()
    assert listed[1:] == [f'{arrays}/b.npy,4,"expected finite numbers, found nan in column 20"']


@pytest.mark.thorough
def test_codes_in_parts_are_fitted_to_the_rows_where_steps_are_said(arrays, run_folder):
    call = ["encode", str(run_folder), f"{arrays}/a.npy", "--out", f"{arrays}/codes", "--steps", "3"]
    assert main(call) == 0
    found = parquet.read_table(arrays / "codes" / "part-00000.parquet").select(["z0", "z1"])
    expected = lb.encode(lb.load(run_folder), X[:30].astype(np.uint8), steps=3)
    assert np.array_equal(np.stack(found.columns, axis=1), expected)


@pytest.mark.thorough
def test_scores_have_p_values_where_usual_rows_are_named(arrays, run_folder, tmp_path, capsys):
    usual = ["--calibration", "digits:test", *FAST, "--samples", "10"]
    call = ["score", str(run_folder)]
    assert main([*call, f"{arrays}/a.npy", "--out", f"{tmp_path}/scores", *usual]) == 0
    assert "wrote" in capsys.readouterr().err
    assert main([*call, f"{arrays}/a.npy", "--out", f"{tmp_path}/scores.npy", *usual]) == 0
    found = parquet.read_table(tmp_path / "scores" / "part-00000.parquet")
    log_prob, *_, p_values = np.load(tmp_path / "scores.npy").T
    assert np.array_equal(found.column("log_prob"), log_prob)
    assert np.array_equal(found.column("p_value"), p_values)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("encode RUN nowhere/*.npy --out new", "nowhere/*.npy: expected files of tables, found none"),
        ("encode RUN digits --out new", "digits: expected files of tables, found none"),
        (
            "encode RUN a.npy --out full",
            "full: expected an empty folder, or parts of this very call, found thesis.tex",
        ),
        (
            "impute RUN a.npy --out new --draws 3",
            "--out: a folder takes means alone; leave out --draws",
        ),
        ("score RUN a.npy --out new --unseen missing", "takes no missing values; fit with"),
        ("score RUN a.npy --out new --id name", "a.npy: expected one column 'name', found none"),
    ],
)
def test_a_wrong_call_is_one_line_and_writes_no_part(arrays, untrained, monkeypatch, capsys, call, message):
    monkeypatch.chdir(arrays)
    (arrays / "full").mkdir()
    (arrays / "full" / "thesis.tex").write_text("years of work")
    assert main(call.replace("RUN", str(untrained)).split()) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in last
    assert not list(arrays.glob("**/part-*"))
