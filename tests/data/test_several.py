"""Several files are one source."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import lowerbound as lb
from lowerbound.archive.records import Reading
from lowerbound.data.sources import open_source
from lowerbound.data.sources.opening import batches_of


def written(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return str(folder / "*.csv")


def test_files_are_read_in_the_order_of_their_names_by_a_pattern_or_a_folder(tmp_path):
    pattern = written(tmp_path, b="n,s\n3,z\n", a="n,s\n1,x\n2,y\n")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".a.csv.crc").touch()
    for name in (pattern, str(tmp_path)):
        assert lb.read(name).to_pydict() == {"n": [1, 2, 3], "s": ["x", "y", "z"]}
    assert open_source(pattern).x.shape == (3, 2)


def test_each_file_has_its_own_dialect_and_order_of_columns(tmp_path):
    pattern = written(tmp_path, a="n,s\n1,x\n", b="s;n\ny;2,5\n")
    assert lb.read(pattern).to_pydict() == {"n": [1.0, 2.5], "s": ["x", "y"]}


def test_a_code_that_is_text_in_one_file_is_text_in_all(tmp_path):
    pattern = written(tmp_path, a="zip,n\n08001,1\n00702,2\n", b="zip,n\nA1,3\n")
    assert lb.read(pattern).column("zip").to_pylist() == ["08001", "00702", "A1"]


def test_text_reads_in_batches_as_it_does_whole(tmp_path):
    text = (
        'a;day;at;who;"said; so";much;yes\n'
        ' 1;2004-03-10;11:34; Ann ;"x; y";1.234,5;true\n'
        '?;2004-03-11 10:00:00;09:00;Bob;"two\nlines";2;false\n'
        "-7;;23:59:30;NA;?;3,25;true\n"
    )
    (tmp_path / "x.csv").write_text(text)
    one = lb.read(str(tmp_path / "x.csv"))
    several = lb.read(str(tmp_path / "x*.csv"))
    assert several.to_pydict() == one.to_pydict()
    assert several.schema.types == one.schema.types


@pytest.mark.parametrize("blanks", ["1  2.5\n 3 4\n", "# title\na b\n1 2.5\n3 4\n"])
def test_text_that_is_cut_at_blanks_reads_in_batches_too(blanks, tmp_path):
    (tmp_path / "x.txt").write_text(blanks)
    assert lb.read(str(tmp_path / "*.txt")) == lb.read(str(tmp_path / "x.txt"))


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("n\n3\n", "expected the columns of .*a.csv, found no 's'"),
        ("n,s,t\n3,x,y\n", "expected the columns of .*a.csv, found 't' besides; leave out what .*"),
    ],
)
def test_the_first_file_with_other_columns_is_named(second, words, tmp_path):
    pattern = written(tmp_path, a="n,s\n1,x\n", b=second)
    with pytest.raises(lb.DataError, match=f"b.csv: {words}$"):
        lb.read(pattern)


def test_a_column_of_another_type_is_refused_with_its_file(tmp_path):
    parquet.write_table(pa.table({"n": [1, 2]}), tmp_path / "a.parquet")
    parquet.write_table(pa.table({"n": ["x"]}), tmp_path / "b.parquet")
    words = "b.parquet: expected numbers in column 'n', as the files before it .*, found text in column 'n'$"
    with pytest.raises(lb.DataError, match=words):
        lb.read(str(tmp_path / "*.parquet"))


def test_a_dictionary_has_the_levels_of_all_files(tmp_path):
    for name, levels in (("a", ["x", "y"]), ("b", ["z", "x"])):
        table = pa.table({"s": pa.array(levels).dictionary_encode(), "n": [1, 2]})
        parquet.write_table(table, tmp_path / f"{name}.parquet")
    assert lb.read(str(tmp_path)).column("s").to_pylist() == ["x", "y", "z", "x"]


def test_arrays_of_other_rows_are_refused_with_their_file(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3)))
    np.save(tmp_path / "b.npy", np.zeros((2, 4)))
    with pytest.raises(lb.DataError, match=r"b.npy: expected rows of 3, as in .*a.npy, found 4$"):
        open_source(str(tmp_path / "*.npy"))


def test_images_in_several_files_stay_images(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", x)
    source = open_source(str(tmp_path / "*.npy"))
    assert source.image_shape == (3, 4)
    np.testing.assert_array_equal(source.x, np.tile(x.reshape(2, 12), (2, 1)))


def test_a_pattern_without_a_file_and_files_of_two_formats_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file has such a name"):
        open_source(str(tmp_path / "*.csv"))
    written(tmp_path, a="n\n1\n")
    np.save(tmp_path / "b.npy", np.zeros((2, 1)))
    with pytest.raises(lb.DataError, match=r"b.npy: expected delimited text, as .*a.csv is, found .npy$"):
        open_source(str(tmp_path / "*"))


def test_a_ragged_line_in_batches_is_named_with_its_line(tmp_path):
    pattern = written(tmp_path, a="a,b\n1,2\n", b="a,b\n1,2\n3\n")
    with pytest.raises(lb.DataError, match=r"b.csv: expected 2 cells in each line, .* found 1 in line 3"):
        open_source(pattern)


def test_batches_know_their_rows_where_the_format_says(tmp_path):
    parquet.write_table(pa.table({"n": [1, 2]}), tmp_path / "a.parquet")
    np.save(tmp_path / "a.npy", np.zeros((5, 1)))
    written(tmp_path, a="n\n1\n")
    found = {end: batches_of(str(tmp_path / f"*.{end}"), Reading()).rows for end in ("parquet", "npy", "csv")}
    assert found == {"parquet": 2, "npy": 5, "csv": None}
