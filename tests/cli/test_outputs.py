"""What is written beside the numbers: what rows are called."""

from pathlib import Path

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.cli.outputs import called, print_csv, write_rows
from lowerbound.data.declared import Declared
from lowerbound.data.sources import Source, open_source

NAMES = ("who", np.array(["ann", "bob, jr"], object))
TABLE = ([np.array([0.5, np.nan])], ["x"])


def test_names_stand_first_unless_they_are_there_or_have_no_room(capsys):
    for out in (None, Path("x.csv"), Path("x.parquet")):
        columns, labels = called(NAMES, TABLE, out)
        assert labels == ["who", "x"]
        assert columns[0] is NAMES[1]
    assert called(NAMES, TABLE, Path("x.npy")) == called(None, TABLE, None) == TABLE
    assert called(("x", NAMES[1]), TABLE, None) == TABLE
    print_csv(*called(NAMES, TABLE, None))
    assert capsys.readouterr().out == 'who,x\nann,0.5\n"bob, jr",nan\n'


def test_rows_of_a_table_are_called_by_its_identifier(tmp_path):
    table = tmp_path / "people.csv"
    rows = [f"{30 + i},{'ab'[i % 2]},p{i:02d}" for i in range(40)]
    table.write_text("\n".join(["age,name,who", *rows]) + "\n")
    source = open_source(str(table))
    column, names = source.row_names()
    assert (column, names.tolist()) == ("who", [f"p{i:02d}" for i in range(40)])
    column, names = source.row_names("age")
    assert (column, names.tolist()) == ("age", [*range(30, 70)])
    with pytest.raises(lb.DataError, match="'size'"):
        source.row_names("size")
    assert Source.of(np.eye(3), "x").row_names() is None


def test_images_are_called_by_their_files(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name in ("b.png", "a.png"):
        image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    source = open_source(str(tmp_path))
    column, names = source.row_names()
    assert (column, names.tolist()) == ("file", ["a.png", "b.png"])
    _, one = source.taken(np.array([1])).row_names()
    assert one.tolist() == ["b.png"]


def test_a_parquet_holds_the_columns_in_their_own_types(tmp_path):
    from pyarrow import parquet

    columns = [np.array(["low", None], object), np.array([1.0, np.nan]), np.array([0.5, 1.0])]
    types = {"level": Declared(("low", "high"), ordered=True), "count": Declared(dtype="int8")}
    write_rows(tmp_path / "x.parquet", columns, ["level", "count", "x"], types)
    written = parquet.read_table(tmp_path / "x.parquet")
    assert str(written.schema.field("level").type) == ("dictionary<values=string, indices=int32, ordered=1>")
    assert str(written.schema.field("count").type) == "int8"
    assert written.to_pylist()[0] == {"level": "low", "count": 1, "x": 0.5}
    write_rows(tmp_path / "x.csv", columns, ["level", "count", "x"], types)
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == '"low",1,0.5'
