"""`impute`, and `sample --given`: tables of levels and numbers in, tables without holes out."""

import csv

import numpy as np
import pytest

from lowerbound.cli import main

from .calls import FAST

OPTIONS = ["--latent-dim", "1", "--epochs", "2", "--width", "8", *FAST, "--samples", "10", "--no-baselines"]
RNG = np.random.default_rng(0)
N = 80


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A table with holes, and the run of it."""
    folder = tmp_path_factory.mktemp("people")
    rows = [
        [
            RNG.choice(["red", "green", "blue"]),
            f"{RNG.normal(70, 10):.3f}",
            RNG.integers(0, 4),
            f"{i}.5",
            f"p{i:02d}",
        ]
        for i in range(N)
    ]
    rows[0][0] = rows[1][1] = rows[2][2] = ""
    lines = [",".join(map(str, row)) for row in [["color", "weight", "children", "time", "who"], *rows]]
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    assert main(["fit", f"{folder}/people.csv", "--out", f"{folder}/run", *OPTIONS]) == 0
    return folder


def imputed(people, out, *options):
    call = ["impute", f"{people}/run", f"{people}/people.csv", "--samples", "20", *options]
    assert main([*call, "--out", str(out)]) == 0
    return read(out)


@pytest.mark.thorough
def test_holes_are_filled_and_the_rest_is_as_it_was(people, tmp_path):
    before, after = read(people / "people.csv"), imputed(people, tmp_path / "filled.csv")
    assert list(after[0]) == list(before[0])
    for old, new in zip(before, after, strict=True):
        for name, cell in old.items():
            if cell:
                assert new[name] == cell if name in ("color", "who") else float(new[name]) == float(cell)
    assert after[0]["color"] in {"red", "green", "blue"}
    assert 30 < float(after[1]["weight"]) < 110


@pytest.mark.thorough
def test_intervals_and_probabilities_stand_behind_their_columns(people, tmp_path):
    rows = imputed(people, tmp_path / "intervals.csv", "--intervals", "0.8")
    assert list(rows[0])[:5] == ["color", "color_probability", "weight", "weight_lower", "weight_upper"]
    assert "time_lower" not in rows[0]  # no hole
    assert float(rows[1]["weight_lower"]) < float(rows[1]["weight"]) < float(rows[1]["weight_upper"])
    assert rows[0]["weight_lower"] == rows[0]["weight_upper"] == rows[0]["weight"]
    assert 1 / 3 <= float(rows[0]["color_probability"]) < 1
    assert float(rows[1]["color_probability"]) == 1


@pytest.mark.thorough
def test_intervals_move_by_rows_that_calibrate(people, tmp_path, capsys):
    plain = imputed(people, tmp_path / "plain.csv", "--intervals", "0.8")
    rows = imputed(
        people, tmp_path / "moved.csv", "--intervals", "0.8", "--calibration", f"{people}/people.csv"
    )
    assert list(rows[0]) == list(plain[0])
    assert rows[1]["weight"] == plain[1]["weight"]
    assert rows[1]["weight_lower"] != plain[1]["weight_lower"]
    call = ["impute", f"{people}/run", f"{people}/people.csv", "--out", f"{tmp_path}/x.csv"]
    assert main([*call, "--calibration", f"{people}/people.csv"]) != 0
    assert "--calibration: is of intervals; give --intervals" in capsys.readouterr().err


@pytest.mark.thorough
def test_rows_carry_their_names(people, tmp_path, capsys):
    """The column of text that never repeats; another that is asked for; none where there is none."""
    call = [f"{people}/run", f"{people}/people.csv"]
    assert main(["encode", *call, "--out", f"{tmp_path}/z.csv"]) == 0
    assert [row["who"] for row in read(tmp_path / "z.csv")] == [f"p{i:02d}" for i in range(N)]
    assert main(["encode", *call, "--id", "time", "--out", f"{tmp_path}/t.csv"]) == 0
    assert [float(row["time"]) for row in read(tmp_path / "t.csv")] == [i + 0.5 for i in range(N)]
    capsys.readouterr()
    assert main(["score", *call, "--method", "importance", "--samples", "4"]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.startswith("who,log_prob,")
    assert first.startswith("p00,")
    assert main(["encode", *call, "--id", "size", "--out", f"{tmp_path}/no.csv"]) == 2
    assert "expected one column 'size', found none" in capsys.readouterr().err


@pytest.mark.thorough
def test_a_run_of_rows_without_holes_fills_them_too(tmp_path):
    rows = [f"{a:.4f},{b:.4f}" for a, b in RNG.normal(size=(40, 2))]
    (tmp_path / "whole.csv").write_text("\n".join(["a,b", *rows]) + "\n")
    (tmp_path / "holed.csv").write_text("a,b\n0.5,\n,1.5\n")
    assert main(["fit", f"{tmp_path}/whole.csv", "--out", f"{tmp_path}/run", *OPTIONS]) == 0
    call = ["impute", f"{tmp_path}/run", f"{tmp_path}/holed.csv", "--samples", "20"]
    assert main([*call, "--out", f"{tmp_path}/filled.csv"]) == 0
    first, second = read(tmp_path / "filled.csv")
    assert (float(first["a"]), float(second["b"])) == (0.5, 1.5)
    assert all(-5 < float(cell) < 5 for cell in (first["b"], second["a"]))


@pytest.mark.thorough
def test_draws_stand_one_below_the_other(people, tmp_path):
    rows = imputed(people, tmp_path / "draws.csv", "--draws", "3")
    assert len(rows) == 3 * N
    assert [row["draw"] for row in rows[::N]] == ["0", "1", "2"]
    assert len({rows[1 + N * draw]["weight"] for draw in range(3)}) == 3


@pytest.mark.slow
def test_rows_are_drawn_given_columns(people, tmp_path, capsys):
    call = ["sample", f"{people}/run", "-n", "20", "--out", f"{tmp_path}/new.csv"]
    assert main([*call, "--given", "color=green", "--given", "time=3.5"]) == 0
    assert "samples of z are effective" in capsys.readouterr().err
    rows = read(tmp_path / "new.csv")
    assert {(row["color"], float(row["time"])) for row in rows} == {("green", 3.5)}
    assert len({row["weight"] for row in rows}) == 20
    for given, message in {
        "color=pink": "expected one of blue, green, red, found 'pink' in column 'color'",
        "size=3": "expected columns of the model (color, weight, children, time, who), found 'size'",
        "color": "--given: expected COLUMN=VALUE, found 'color'",
    }.items():
        assert main([*call, "--overwrite", "--given", given]) == 2
        assert message in capsys.readouterr().err


def test_draws_have_no_intervals(tmp_path, capsys):
    options = ["--out", f"{tmp_path}/x.csv", "--draws", "2", "--intervals", "0.9"]
    assert main(["impute", str(tmp_path), "digits", *options]) == 2
    assert "leave one of them out" in capsys.readouterr().err


@pytest.mark.slow
def test_a_copy_that_contradicts_does_not_lose_the_file_and_a_count_above_all_the_score(tmp_path, capsys):
    """A row in which a copy disagrees is filled by its original, said; a count that the model has no mass on
    scores −∞, the others what they would."""
    rows = [f"{'ab'[i % 2]},{'xy'[i % 2]},{RNG.normal():.3f}" for i in range(80)]
    (tmp_path / "x.csv").write_text("\n".join(["one,two,x", *rows]) + "\n")
    (tmp_path / "new.csv").write_text("one,two,x\na,y,\nb,y,0.5\n")
    assert main(["fit", f"{tmp_path}/x.csv", "--out", f"{tmp_path}/run", *OPTIONS]) == 0
    call = ["impute", f"{tmp_path}/run", f"{tmp_path}/new.csv", "--samples", "20"]
    assert main([*call, "--out", f"{tmp_path}/filled.csv"]) == 0
    assert "goes by the column that is copied" in capsys.readouterr().err
    first, second = read(tmp_path / "filled.csv")
    assert (first["one"], first["two"], second["x"]) == ("a", "y", "0.5")
    assert np.isfinite(float(first["x"]))

    grades = RNG.integers(0, 6, (60, 3))
    np.save(tmp_path / "grades.npy", grades)
    np.save(tmp_path / "more.npy", np.concatenate([[[0, 9, 1]], grades[:3]]))
    assert main(["fit", f"{tmp_path}/grades.npy", "--out", f"{tmp_path}/g", *OPTIONS]) == 0
    capsys.readouterr()
    call = ["score", f"{tmp_path}/g", f"{tmp_path}/more.npy", "--method", "importance", "--samples", "4"]
    assert main([*call, "--out", f"{tmp_path}/s.csv"]) == 0
    assert "found 9 in row 0, column 1" in (said := capsys.readouterr().err)
    assert "log p(x) is −∞ for 1 row" in said
    log_prob = [float(row["log_prob"]) for row in read(tmp_path / "s.csv")]
    assert log_prob[0] == -np.inf
    assert np.isfinite(log_prob[1:]).all()
