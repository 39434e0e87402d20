"""Tables in memory: what Python users hand in."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

from lowerbound.data.tables import as_table, columns_of

DATA = {"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]}
ROWS = [[1, 0.5, 1], [2, 1.5, 0]]


@pytest.mark.parametrize(
    "x",
    [np.array(ROWS), ROWS, tuple(map(tuple, ROWS)), np.asfortranarray(ROWS), np.ma.array(ROWS)],
    ids=["array", "lists", "tuples", "fortran", "unmasked"],
)
def test_arrays_and_lists_have_no_names(x):
    table, columns = as_table(x)
    assert table.tolist() == ROWS
    assert table.dtype == np.float32
    assert columns is None


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_data_frames_have_names(library):
    frame = pytest.importorskip(library)
    table, columns = as_table(getattr(frame, "table" if library == "pyarrow" else "DataFrame")(DATA))
    assert table.tolist() == ROWS
    assert table.dtype == np.float32
    assert columns == ("a", "b", "c")


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
@pytest.mark.parametrize(
    ("column", "error", "place"),
    [
        (["x", "y"], TypeError, "found 'x' in row 0, column 'b'"),
        ([0.5, np.nan], ValueError, "found nan in row 1, column 'b'"),
        ([np.inf, 0.5], ValueError, "found inf in row 0, column 'b'"),
        ([1, None], ValueError, "found nan in row 1, column 'b'"),
        ([True, None], ValueError, "found nan in row 1, column 'b'"),
        ([0.5, 1e300], ValueError, r"fit into float32, found 1e\+300 in row 1, column 'b'"),
        (np.array(["2020-01-01"] * 2, "datetime64[ms]"), TypeError, "found dates in column 'b'"),
    ],
)
def test_what_is_wrong_in_a_frame_has_its_place(library, column, error, place):
    frame = pytest.importorskip(library)
    x = getattr(frame, "table" if library == "pyarrow" else "DataFrame")({"a": [1, 2], "b": column})
    with pytest.raises(error, match=place):
        as_table(x, "X")


def test_the_index_of_pandas_is_not_data_and_numbers_are_no_names():
    pandas = pytest.importorskip("pandas")
    table, columns = as_table(pandas.DataFrame({"a": [1, 2]}, index=[7, 8]))
    assert table.tolist() == [[1], [2]]
    assert columns == ("a",)
    assert as_table(pandas.DataFrame(ROWS))[1] is None
    nullable = pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64")})
    with pytest.raises((TypeError, ValueError), match="in row 1, column 'a'"):
        as_table(nullable)


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ({"a": pa.array([0, 255], "uint8")}, "uint8"),
        ({"a": pa.array([0, 255], "uint8"), "b": pa.array([-1, 1], "int8")}, "int16"),
        ({"a": [1, 2]}, "int32"),
        ({"a": [True, False]}, "bool"),
        ({"a": [0.1, 0.2], "b": [True, False]}, "float32"),
        ({"a": pa.array([0.5, 1], "float32"), "b": pa.array([1, 2], "int8")}, "float32"),
        ({"a": pa.array([Decimal("0.5"), Decimal("2")])}, "float32"),
    ],
)
def test_columns_meet_in_the_least_type_that_holds_them(columns, dtype):
    table, _ = as_table(pa.table(columns))
    assert table.dtype == dtype


def test_a_record_batch_is_a_table():
    batch = pa.RecordBatch.from_pydict(DATA)
    assert as_table(batch)[0].tolist() == ROWS


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[1, 2], [3]], ValueError, "expected rows of one length, found 2 values in row 0 and 1 in row 1"),
        ([[1, "a"], [2, "3"]], TypeError, "expected numbers, found 'a' in row 0, column 1"),
        (np.array([[1, {}]], object), TypeError, r"expected numbers, found {} \(dict\) in row 0, column 1"),
        (np.array([[1, 2]], object), TypeError, r"expected numbers, found 1 \(int\) in row 0, column 0"),
        ([[1j]], TypeError, "found complex numbers"),
        ([[np.nan]], ValueError, "found nan in row 0, column 0"),
        ([], ValueError, "expected rows"),
        (np.ones((0, 2)), ValueError, "at least one row"),
        ([1, 2], ValueError, r"shape \(n, d\), found shape \(2,\)"),
        ({"a": [1]}, TypeError, "found Python objects"),
        (np.ma.array([[1, 2]], mask=[[0, 1]]), ValueError, "found nan in row 0, column 1"),
        (pa.table({}), ValueError, "found none .columns: 0."),
        (pa.table({"a": [2**40]}), ValueError, "fit into int32, found 1099511627776 in row 0, column 'a'"),
    ],
)
def test_anything_else_is_refused_in_one_line(x, error, message):
    with pytest.raises(error, match=message) as caught:
        as_table(x, "X")
    assert str(caught.value).startswith("X: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_array", "dok_array"])
def test_sparse_is_made_dense_where_that_is_small(form):
    x = np.array([[0, 3], [1, 0]])
    make = getattr(scipy.sparse, form)
    np.testing.assert_array_equal(as_table(make(x))[0], x)
    with pytest.raises(TypeError, match=r"at most 1\.07 GB, found a sparse one of 1000000 × 2000"):
        as_table(make((10**6, 2000)))


RECORDS = [{"a": 1, "b": "x"}, {"a": 2.5, "b": None}, {"b": "y"}]


def test_records_and_structured_arrays_have_names():
    read = columns_of(RECORDS)
    assert read.names == ("a", "b")
    np.testing.assert_array_equal(read.arrays[0], [1, 2.5, np.nan])
    assert read.arrays[1].tolist() == ["x", None, "y"]
    structured = np.array([(1, 0.5, "x"), (2, 1.5, "y")], [("n", int), ("z", float), ("s", "U3")])
    read = columns_of(structured)
    assert read.names == ("n", "z", "s")
    assert [array.tolist() for array in read.arrays] == [[1, 2], [0.5, 1.5], ["x", "y"]]


def test_what_is_masked_is_missing():
    x = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    np.testing.assert_array_equal(as_table(x, missing=True)[0], [[1, np.nan], [3, 4]])


def test_a_lazy_frame_is_collected():
    polars = pytest.importorskip("polars")
    assert as_table(polars.LazyFrame(DATA))[0].tolist() == ROWS


def test_names_of_several_levels_or_types_are_text():
    pandas = pytest.importorskip("pandas")
    levels = pandas.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", "")])
    assert columns_of(pandas.DataFrame([[1, 2, 3]], columns=levels)).names == ("a.1", "a.2", "b")
    assert columns_of(pandas.DataFrame([[1, 2]], columns=["a", 0])).names == ("a", "0")


def test_sparse_columns_of_pandas_are_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": pandas.arrays.SparseArray([0, 0, 3]), "b": [1, 2, 3]})
    assert as_table(frame)[0].tolist() == [[0, 1], [0, 2], [3, 3]]
