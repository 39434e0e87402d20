"""Record batches in, record batches out, with the bits of one process."""

import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.runs import RunFolder


def test_batches_of_a_pandas_frame_are_encoded_with_the_bits_of_one_process(run, table):
    frame = table.to_pandas()
    function = lb.cluster.mapped(run, "encode", carry=["who"])
    batches = [pa.RecordBatch.from_pandas(frame[start : start + 70]) for start in range(0, len(frame), 70)]
    results = list(function(iter(batches)))
    assert [len(each) for each in results] == [len(each) for each in batches]
    found = pa.Table.from_batches(results)
    assert found.schema == function.schema(batches[0].schema)
    source = RunFolder.read(run)
    assert np.array_equal(
        np.stack(found.columns[1:3], axis=1), lb.encode(source.model, source.rows(frame).rows)
    )
    assert found.column("who").to_pylist() == frame["who"].tolist()


def test_columns_that_are_not_the_models_may_hold_anything(run, table):
    some = table.slice(0, 4).append_column("clicks", [[[1], [], [2, 3], None]])
    (found,) = lb.cluster.mapped(run, "encode", carry=["clicks"])(some.to_batches())
    assert found.column("clicks").to_pylist() == [[1], [], [2, 3], None]
    assert found.column("refused").null_count == 4


def test_it_is_a_few_words_until_rows_come(run, table):
    function = lb.cluster.mapped("nowhere", "score", samples=10)
    assert function.options == (("samples", 10),)
    with pytest.raises(FileNotFoundError, match="nowhere: expected a saved model"):
        list(function(table.to_batches()))
    with pytest.raises(ValueError, match="what: expected score, encode, impute, found 'sample'"):
        lb.cluster.mapped(run, "sample")
    with pytest.raises(TypeError, match="sample"):
        lb.cluster.mapped(run, "encode", samples=10)
    with pytest.raises(lb.DataError, match="expected a column 'id' to carry along"):
        list(lb.cluster.mapped(run, "encode", carry=["id"])(table.to_batches()))


def test_no_row_is_lost_where_there_is_none_and_where_all_are_refused(run, table):
    function = lb.cluster.mapped(run, "encode", carry=["who"])
    odd = table.slice(0, 2).set_column(1, "color", [["x", "y"]])
    none = pa.RecordBatch.from_pylist([], table.schema)
    found = pa.Table.from_batches(function([none, *odd.to_batches()]))
    assert found.column("who").to_pylist() == ["p00000", "p00001"]
    assert found.column("refused").null_count == 0
