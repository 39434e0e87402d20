"""Files by a pattern, and the pieces that they are read in."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

import lowerbound as lb
from lowerbound.archive.records import AS_FOUND
from lowerbound.cluster import portions as module
from lowerbound.cluster.portions import files_of, portions


def rows_of(portion, carry=()):
    """The columns of a portion's batches, one below the other, those that are carried along too."""
    batches = list(portion.batches(AS_FOUND, list, carry))
    carried = pa.concat_tables([batch.carried for batch in batches])
    found = [batch.columns for batch in batches]
    return [np.concatenate(column) for column in zip(*(each.arrays for each in found), strict=True)], carried


def test_a_pattern_a_folder_and_a_file_name_files_in_order(tmp_path):
    for name in ("b.csv", "a.parquet", "_SUCCESS", ".hidden.csv", "notes.md", "sub/c.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {data: [path.name for path in files_of(f"{tmp_path}/{data}")] for data in ("", "*.csv", "**/*.*")}
    assert found == {
        "": ["a.parquet", "b.csv"],
        "*.csv": ["b.csv"],
        "**/*.*": ["a.parquet", "b.csv", "c.npy"],
    }
    assert files_of(f"{tmp_path}/notes.md") == [tmp_path / "notes.md"]  # refused when it is read
    with pytest.raises(FileNotFoundError, match=r"\*\.orc: expected files of tables, found none"):
        files_of(f"{tmp_path}/*.orc")


def test_a_row_group_is_a_portion_and_its_rows_are_those_of_the_file(files, table):
    found = portions(f"{files}/*.parquet")
    assert [(p.path.name, p.row_group, p.first, p.rows) for p in found] == [
        ("a.parquet", 0, 0, 130),
        ("a.parquet", 1, 130, 130),
        ("a.parquet", 2, 260, 40),
        ("b.parquet", 0, 0, 200),
        ("c.parquet", 0, 0, 100),
    ]
    (who, color, *_), carried = rows_of(found[1], ("weight",))
    assert who.tolist() == table.column("who").slice(130, 130).to_pylist()
    assert color.tolist() == table.column("color").slice(130, 130).to_pylist()
    assert carried.column("weight").equals(table.column("weight").slice(130, 130))
    with pytest.raises(lb.DataError, match=r"a\.parquet: expected one column 'size' to carry along"):
        rows_of(found[1], ("size",))


def test_an_array_is_cut_and_arrow_is_read_batch_after_batch(tmp_path, table, monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 40)
    monkeypatch.setattr(module, "_BATCH", 16)
    x = np.arange(200).reshape(100, 2)
    np.save(tmp_path / "x.npy", x)
    found = portions(f"{tmp_path}/x.npy")
    assert [(p.first, p.rows) for p in found] == [(0, 40), (40, 40), (80, 20)]
    assert np.array_equal(np.concatenate([np.stack(rows_of(p)[0], axis=1) for p in found]), x)
    some = table.slice(0, 50)
    feather.write_feather(some, tmp_path / "t.feather", chunksize=20)
    with pa.OSFile(f"{tmp_path}/t.arrow", "wb") as sink, pa.ipc.new_stream(sink, some.schema) as stream:
        stream.write_table(some)
    for name in ("t.feather", "t.arrow"):
        (portion,) = portions(f"{tmp_path}/{name}")
        assert next(portion.batches(AS_FOUND, list)).columns.length == 16
        assert rows_of(portion)[0][3].tolist() == some.column("weight").to_pylist()
