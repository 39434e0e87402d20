"""How a person says that a table is read, and that later verbs read as `fit` did."""

import json

import numpy as np
import pytest

from lowerbound.cli import main
from lowerbound.runs import RunFolder

from .calls import FAST

OPTIONS = ["--latent-dim", "1", "--epochs", "2", "--width", "8", *FAST, "--samples", "10", "--no-baselines"]
TABLE = "id,a,b\n1,2,x\n2,-9999,y\n3,5,x\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return str(path)


@pytest.mark.parametrize(
    ("options", "names", "holes"),
    [
        (["--drop", "id", "--missing-values", ",NA,-9999", "--labels", "b"], ["a"], 1),
        (["--columns", "b,1", "--missing-values", "-9999"], ["b", "a"], 1),
        (["--header", "no", "--columns", "2"], ["x2"], 0),
    ],
)
def test_look_reads_as_it_is_told(table, options, names, holes, capsys):
    assert main(["look", table, "--json", *options]) == 0
    columns = json.loads(capsys.readouterr().out)["schema"]["columns"]
    assert [column["name"] for column in columns] == names
    assert sum(column["holes"] for column in columns) == holes


def test_what_was_decided_is_said(tmp_path, capsys):
    (tmp_path / "x.csv").write_text(",a,b\n0,1,x\n1,2,y\n")
    assert main(["look", f"{tmp_path}/x.csv"]) == 0
    assert "numbers of rows left out, the column without a name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--drop", "size"], "expected the column 'size' that --drop names, found 3 columns: 'id', 'a', 'b'"),
        (["--header", "perhaps"], "'yes', 'no'"),
    ],
)
def test_a_wrong_option_is_one_line(table, options, message, capsys):
    assert main(["look", table, *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_later_verbs_read_as_fit_did(tmp_path, capsys):
    """A file without a header, with numbers of rows, codes and a first line that looks like names."""
    rng = np.random.default_rng(0)
    rows = [f"{i},{rng.choice([-9999, 2.5, 3.5])},{rng.choice(['u', 'v'])}" for i in range(60)]
    (tmp_path / "x.data").write_text("\n".join(rows) + "\n")
    said = ["--header", "no", "--drop", "0", "--missing-values", ",-9999"]
    assert main(["fit", f"{tmp_path}/x.data", "--out", f"{tmp_path}/run", *said, *OPTIONS]) == 0
    run = RunFolder.read(tmp_path / "run")
    assert run.reading.header is False
    assert run.reading.drop == ("0",)
    assert run.provenance.data.columns == 2
    for name in ("x.data", "narrow.data"):  # with the column that was left out, and without
        (tmp_path / "narrow.data").write_text("\n".join(row.split(",", 1)[1] for row in rows) + "\n")
        call = ["evaluate", f"{tmp_path}/run", f"{tmp_path}/{name}", *FAST, "--samples", "10"]
        capsys.readouterr()
        assert main([*call, "--no-diagnosis", "--json"]) == 0
        metrics = json.loads(capsys.readouterr().out)
        assert (metrics["n_rows"], metrics["rows_not_finite"]) == (60, [])
        # Of rows of so few values that equal ones are no leak, as many are known again as repeat.
        assert metrics["rows_repeated"] == 60
