"""A folder of parts: the bits of one call, whatever the parts are, and what is done stays done."""

import csv
import json
import os
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv as text
from pyarrow import parquet

import lowerbound as lb
from lowerbound.cluster import portions
from lowerbound.cluster.maps import Encode, Impute, Score
from lowerbound.cluster.parts import write_parts
from lowerbound.runs import RunFolder

from .conftest import whole

FEW = {"method": "importance", "samples": 10}


def stamps(out):
    """When each file of a folder was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.iterdir()}


def test_rows_stand_in_order_with_their_numbers_and_a_manifest_says_where(
    run, files, table, tmp_path, monkeypatch
):
    monkeypatch.setattr(portions, "_BATCH", 50)
    parts = write_parts(Encode(run), f"{files}/*.parquet", tmp_path / "out")
    found, source = whole(tmp_path / "out"), RunFolder.read(run)
    codes = lb.encode(source.model, source.rows(table).rows)
    assert np.array_equal(np.stack(found.select(["z0", "z1"]).columns, axis=1), codes)
    assert found.column("who").to_pylist() == table.column("who").to_pylist()  # carried: it names the rows
    assert found.column("row").to_pylist() == [*range(300), *range(200), *range(100)]
    assert [(part.row_group, part.first_row, part.rows) for part in parts[:3]] == [
        (0, 0, 130), (1, 130, 130), (2, 260, 40),
    ]  # fmt: skip
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert [part["part"] for part in manifest["parts"]] == [f"part-0000{i}.parquet" for i in range(5)]
    assert (manifest["what"], manifest["rows"], manifest["refused"]) == ("encode", 600, 0)
    assert not (tmp_path / "out" / "_refused.csv").exists()


@pytest.mark.thorough
def test_scores_in_parts_have_the_bits_of_the_whole(run, files, table, tmp_path):
    write_parts(Score(run, **FEW), f"{files}/*.parquet", tmp_path / "out")
    found, source = whole(tmp_path / "out"), RunFolder.read(run)
    evidence = lb.log_evidence(source.model, source.rows(table).rows, **FEW)
    for name in ("log_prob", "standard_error", "effective_sample_size"):
        assert np.array_equal(np.array(found.column(name)), getattr(evidence, name))


def test_what_is_done_stays_and_what_is_missing_or_broken_is_done_again(run, files, tmp_path):
    out, told = tmp_path / "out", []
    write_parts(Encode(run), str(files), out)
    before, expected = stamps(out), whole(out)
    (out / "part-00001.parquet").unlink()
    broken = (out / "part-00003.parquet").read_bytes()
    (out / "part-00003.parquet").write_bytes(broken[:-20])
    (out / ".part-00001.parquet.1.partial").write_bytes(b"half")
    write_parts(Encode(run), str(files), out, callbacks=[told.append])
    after = stamps(out)
    assert {name for name in before if before[name] != after[name]} == {
        "part-00001.parquet", "part-00003.parquet", "_manifest.json",
    }  # fmt: skip
    assert before.keys() == after.keys()
    assert whole(out).equals(expected)
    assert [(record.parts, record.of, record.found, record.rows) for record in told] == [
        (2, 5, 3, 130), (4, 5, 3, 330),
    ]  # fmt: skip


def test_a_part_of_a_file_that_was_written_anew_is_done_again(run, table, tmp_path):
    out = tmp_path / "out"
    for name, rows in {"a": table.slice(0, 9), "b": table.slice(9, 9), "c": table.slice(18, 9)}.items():
        parquet.write_table(rows, tmp_path / f"{name}.parquet")
    data = f"{tmp_path}/?.parquet"
    write_parts(Encode(run), data, out)
    before = stamps(out)
    parquet.write_table(table.slice(100, 5), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").unlink()
    write_parts(Encode(run), data, out)
    assert sorted(stamps(out)) == ["_manifest.json", "part-00000.parquet", "part-00001.parquet"]
    assert stamps(out)["part-00000.parquet"] == before["part-00000.parquet"]
    assert whole(out).column("who").to_pylist()[9:] == table.column("who").slice(100, 5).to_pylist()


def test_parts_of_another_call_are_not_mixed_with_these(run, files, tmp_path):
    out, data = tmp_path / "out", f"{files}/c.parquet"
    write_parts(Encode(run), data, out)
    before = stamps(out)
    for other in (Encode(run, seed=1), Encode(run, unseen="refuse")):
        with pytest.raises(
            FileExistsError, match=r"out: expected an empty folder, or parts of this very call"
        ):
            write_parts(other, data, out)
    with pytest.raises(FileExistsError, match="found part-00000"):
        write_parts(Encode(run), data, out, carry=["children"])
    assert stamps(out) == before
    write_parts(Encode(run), data, out, carry=["children"], overwrite=True)
    assert whole(out).column_names == ["row", "children", "z0", "z1", "refused"]
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"found thesis\.tex"):
        write_parts(Encode(run), data, out)
    write_parts(Encode(run), data, out, overwrite=True)
    assert (out / "thesis.tex").read_text() == "years of work"


def test_refused_rows_have_a_list_and_their_place_among_the_others(run, files, table, tmp_path):
    cells = table.slice(0, 40).to_pydict()
    cells["color"][3], cells["weight"][17] = "mauve", float("inf")
    odd = pa.table(cells)
    parquet.write_table(odd.slice(0, 10), tmp_path / "a.parquet")
    text.write_csv(odd.slice(10), tmp_path / "b.csv")
    write_parts(Encode(run), f"{tmp_path}/[ab].*", tmp_path / "out")
    with (tmp_path / "out" / "_refused.csv").open(newline="") as file:
        listed = [(os.path.basename(row["file"]), row["row"], row["why"]) for row in csv.DictReader(file)]
    assert listed == [
        (
            "a.parquet",
            "3",
            "expected one of the 3 values that the column had, found 'mauve' in column 'color'",
        ),
        ("b.csv", "7", "expected finite numbers, found inf in column 'weight'"),
    ]
    found = whole(tmp_path / "out")
    codes = lb.encode(RunFolder.read(run).model, RunFolder.read(run).rows(table.slice(0, 40)).rows)
    others = np.delete(np.arange(40), [3, 17])
    assert np.array_equal(np.stack(found.select(["z0", "z1"]).columns, axis=1)[others], codes[others])
    assert found.column("z0").take([3, 17]).null_count == 2
    assert found.column("who").to_pylist() == table.column("who").slice(0, 40).to_pylist()


@pytest.mark.thorough
def test_a_row_of_probability_0_has_log_prob_minus_infinity(run, table, tmp_path):
    cells = table.slice(0, 5).to_pydict()
    cells["color"][1], cells["weight"][2] = "mauve", None
    parquet.write_table(pa.table(cells), tmp_path / "a.parquet")
    row_map = Score(run, calibration=np.array([-9.0, -8.0, -7.0]), **FEW)
    write_parts(row_map, f"{tmp_path}/a.parquet", tmp_path / "out")
    found = whole(tmp_path / "out").to_pydict()
    assert found["log_prob"][1] == -np.inf
    assert (found["log_prob"][2], found["p_value"][1], found["p_value"][2]) == (None, 0.25, None)
    assert found["standard_error"][1] is None


@pytest.mark.thorough
def test_holes_are_filled_with_the_bits_of_one_call_in_types_that_are_the_same(run, table, tmp_path):
    cells = table.to_pydict()
    for name, rows in {"color": (0, 300), "children": (1, 301), "weight": (2, 302, 303)}.items():
        for row in rows:
            cells[name][row] = None
    holed = pa.table(cells)
    parquet.write_table(holed, tmp_path / "a.parquet", row_group_size=150)
    write_parts(Impute(run, samples=50), f"{tmp_path}/a.parquet", tmp_path / "out")
    write_parts(Impute(run, samples=50), f"{tmp_path}/a.parquet", tmp_path / "out")
    found = whole(tmp_path / "out")
    assert found.column_names == ["row", *table.column_names, "refused"]
    assert found.schema.field("children").type == pa.float64()
    source = RunFolder.read(run, with_holes=True)
    x = lb.impute(source.model, source.rows(holed).rows, samples=50, mean=True)
    new = source.schema.in_own_units(x) if source.schema.numeric else source.schema.restored(x)
    for name, rows in {"color": (0, 300), "weight": (2, 302, 303)}.items():
        expected = new[table.column_names.index(name)][[*rows]].tolist()
        assert found.column(name).take([*rows]).to_pylist() == expected
    assert found.column("weight").null_count == 0
    assert (
        found.column("weight").take([0, 1, 3]).to_pylist()
        == table.column("weight").take([0, 1, 3]).to_pylist()
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["refined", "auto"])
def test_each_rung_of_the_ladder_gives_a_row_its_number_in_any_part(run, table, tmp_path, method):
    some = table.slice(0, 70)
    parquet.write_table(some, tmp_path / "a.parquet", row_group_size=33)
    write_parts(Score(run, samples=100, method=method), f"{tmp_path}/a.parquet", tmp_path / "out")
    source = RunFolder.read(run)
    evidence = lb.log_evidence(source.model, source.rows(some).rows, samples=100, method=method)
    assert np.array_equal(np.array(whole(tmp_path / "out").column("log_prob")), evidence.log_prob)


def test_wrong_calls_are_refused_before_any_work(run, files, table, tmp_path):
    renamed = table.slice(0, 3).append_column("row", [[1, 2, 3]])
    parquet.write_table(renamed, tmp_path / "a.parquet")
    with pytest.raises(lb.DataError, match="expected columns that are not called row or refused"):
        write_parts(Encode(run), f"{tmp_path}/a.parquet", tmp_path / "out", carry=["row"])
    with pytest.raises(ValueError, match="takes no missing values; fit with unseen='missing'"):
        write_parts(Encode(run, unseen="missing"), str(files), tmp_path / "out")
    parquet.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    with pytest.raises(lb.DataError, match="at least one row, found none"):
        write_parts(Encode(run), f"{tmp_path}/none.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(NotADirectoryError, match=r"a\.parquet: expected a folder to write parts into"):
        write_parts(Encode(run), str(files), tmp_path / "a.parquet")


def test_a_row_map_is_told_from_another_by_its_model_and_its_options(run, tmp_path):
    score = Score(run, **FEW)
    others = [
        replace(score, **{name: value}) for name, value in {"seed": 1, "samples": 11, "chains": 3}.items()
    ]
    prints = [each.fingerprint for each in (score, *others, Encode(run))]
    assert len({*prints}) == 5
    assert replace(score).fingerprint == score.fingerprint
    (tmp_path / "run").mkdir()
    for name in ("model.safetensors", "schema.json"):
        (tmp_path / "run" / name).write_bytes((run / name).read_bytes())
    assert replace(score, folder=tmp_path / "run").fingerprint == score.fingerprint
    with (tmp_path / "run" / "model.safetensors").open("ab") as file:
        file.write(b" ")
    assert replace(score, folder=tmp_path / "run").fingerprint != score.fingerprint
