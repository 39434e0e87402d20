"""Frames whose holes are filled are the frames that they were: types, names, index, and all observed."""

import numpy as np
import pyarrow
import pytest

from lowerbound.estimator.filled import filled_frame, indexed

HOLE, NONE = np.array([False, True, False]), np.zeros(3, bool)
LARGE = 2**60 + 1  # which a float64 rounds
CELLS = {
    "level": (["a", None, "b"], np.array(["a", "b", "b"], object)),
    "text": (["x", None, "y"], np.array(["x", "x", "y"], object)),
    "truth": ([True, None, False], np.array([True, True, False], object)),
    "large": ([LARGE, None, 3], np.array([LARGE, 2, 3], float)),
    "count": ([1, None, 3], np.array([1, 2.5, 3])),
    "small": ([1.5, None, 2], np.array([1.5, 0.25, 2])),
    "whole": ([1, 2, 3], np.zeros(3)),
}
FILLED = [new for _, new in CELLS.values()]
HOLES = [HOLE] * 6 + [NONE]
EXPECTED = {
    "level": ["a", "b", "b"],
    "text": ["x", "x", "y"],
    "truth": [True, True, False],
    "large": [LARGE, 2, 3],
    "count": [1, 2.5, 3],  # a mean that is no count
    "small": [1.5, 0.25, 2],
    "whole": [1, 2, 3],
}


def filled(frame, form):
    return filled_frame(frame, form, range(len(CELLS)), FILLED, HOLES)


def test_of_pandas():
    pandas = pytest.importorskip("pandas")
    types = {
        "level": "category",
        "truth": "object",
        "large": "Int64",
        "count": "Int64",
        "small": "float32",
        "whole": "int8",
    }
    columns = {name: pandas.Series(old, dtype=types.get(name)) for name, (old, _) in CELLS.items()}
    frame = pandas.DataFrame(columns).set_axis([7, 5, 9])
    result = filled(frame, "pandas")
    assert result.to_dict("list") == EXPECTED
    assert result.index.tolist() == [7, 5, 9]
    kept = ["level", "text", "large", "small", "whole"]
    assert (result.dtypes[kept] == frame.dtypes[kept]).all()
    assert (result.dtypes["truth"], result.dtypes["count"]) == (np.bool_, np.float64)
    assert frame["small"].isna().sum() == 1  # what was handed in is as it was
    assert indexed(result.reset_index(drop=True), frame).index.tolist() == [7, 5, 9]
    unknown = np.array(["a", "c", "b"], object)
    other = filled_frame(frame, "pandas", [0], [unknown], [HOLE])
    assert other["level"].tolist() == ["a", "c", "b"]


def test_of_polars():
    polars = pytest.importorskip("polars")
    types = {"level": polars.Categorical, "small": polars.Float32, "whole": polars.Int8}
    frame = polars.DataFrame({name: old for name, (old, _) in CELLS.items()}, schema_overrides=types)
    for given in (frame, frame.lazy()):
        result = filled(given, "polars")
        assert result.to_dict(as_series=False) == EXPECTED
        assert result.schema == {**frame.schema, "count": polars.Float64}


def test_of_pyarrow():
    types = {"level": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), "small": pyarrow.float32()}
    columns = {name: pyarrow.array(old) for name, (old, _) in CELLS.items()}
    frame = pyarrow.table({name: each.cast(types.get(name, each.type)) for name, each in columns.items()})
    result = filled(frame, "pyarrow")
    assert result.to_pydict() == EXPECTED
    for name in CELLS:
        expected = pyarrow.float64() if name == "count" else frame.schema.field(name).type
        assert result.schema.field(name).type == expected


def test_columns_are_taken_in_the_order_that_is_asked_for():
    frame = pyarrow.table({"a": [1.0, None], "b": [None, 2.0], "c": [0, 0]})
    holes = [np.array([True, False]), np.array([False, True])]
    result = filled_frame(frame, "pyarrow", [1, 0], [np.full(2, 8.0), np.full(2, 9.0)], holes)
    assert result.to_pydict() == {"b": [8.0, 2.0], "a": [1.0, 9.0]}
