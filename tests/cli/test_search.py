"""`lowerbound search`: a run's latent space, from the command line."""

import json

import numpy as np
import pyarrow.csv
import pytest

from lowerbound.cli import main

QUICK = ["--method", "random", "--calls", "30"]


def test_the_best_rows_are_written_with_their_scores(untrained, tmp_path, capsys):
    out, score = tmp_path / "best.csv", "x30"
    said = [
        "search",
        str(untrained),
        "digits:train",
        "--score",
        score,
        *QUICK,
        "--log",
        str(tmp_path / "log"),
    ]
    assert main([*said, "--out", str(out)]) == 0
    assert "30 calls of the score, random" in capsys.readouterr().out
    table = pyarrow.csv.read_csv(out)
    assert table.column_names[:3] == ["score", "call", "nats"]
    scores = table["score"].to_numpy()
    assert (np.diff(scores) <= 0).all()
    assert len((tmp_path / "log").read_text().splitlines()) == 31
    assert main([*said, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"]["score"] == scores[:10].tolist()


@pytest.mark.parametrize(
    ("score", "words"), [("nothing", "score: no column 'nothing'"), ("x300", "the nearest is")]
)
def test_a_score_that_is_none_is_said(untrained, capsys, score, words):
    assert main(["search", str(untrained), "digits:train", "--score", score, *QUICK]) == 2
    assert words in capsys.readouterr().err
