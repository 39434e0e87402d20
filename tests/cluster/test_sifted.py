"""Rows that a model does not take are told apart from those that it takes, each with why."""

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.cluster.sifted import sifted
from lowerbound.data.schema import described
from lowerbound.data.tables import columns_of
from lowerbound.runs import RunFolder


@pytest.fixture(scope="module")
def taken(run):
    return RunFolder.read(run)


def with_cells(table, **cells):
    """Rows of a table in which some cells hold something else."""
    columns = table.slice(0, 8).to_pydict()
    for name, (row, value) in cells.items():
        if isinstance(value, str):  # as a column of a file of text then is
            columns[name] = [*map(str, columns[name])]
        columns[name][row] = value
    return columns_of([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])


@pytest.mark.parametrize(
    ("column", "value", "why", "impossible"),
    [
        ("weight", np.inf, "expected finite numbers, found inf in column 'weight'", False),
        ("weight", None, "expected finite numbers, found nan in column 'weight'", False),
        ("weight", 1e39, "expected numbers that fit into float32, found 1e+39 in column 'weight'", False),
        ("weight", "heavy", "expected numbers, found 'heavy' in column 'weight'", False),
        ("color", "mauve", "expected one of the 3 values that the column had, found 'mauve'", True),
    ],
)
def test_a_row_is_refused_and_the_others_are_as_without_it(taken, table, column, value, why, impossible):
    found = sifted(taken.model, taken.schema, with_cells(table, **{column: (3, value)}))
    assert found.numbers.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert list(found.refused) == [3]
    assert why in found.refused[3]
    assert found.impossible.tolist() == [row == 3 and impossible for row in range(8)]
    x = taken.schema.encode(table.slice(0, 8))
    assert np.array_equal(found.rows.x, x[found.numbers])


def test_a_table_without_a_column_is_refused_whole(taken, table):
    with pytest.raises(lb.DataError, match="found no 'weight'"):
        sifted(taken.model, taken.schema, columns_of(table.drop(["weight"])))


def test_no_row_may_be_left(taken, table):
    none = sifted(
        taken.model, taken.schema, columns_of(table.slice(0, 2).set_column(1, "color", [["x", "y"]]))
    )
    assert none.rows is None
    assert sorted(none.refused) == [0, 1]
    assert np.isnan(none.spread(None, 3)).all()
    assert none.spread(None, 3).shape == (2, 3)


def test_a_row_outside_the_support_is_impossible():
    bits = np.random.default_rng(0).integers(0, 2, (40, 3))
    schema, rows = described(bits)
    x = bits.astype(float)
    x[2, 1], x[5, 0] = 0.5, 2
    found = sifted(build(rows, latent_dim=1, width=4).model, schema, columns_of(x))
    assert found.numbers.tolist() == [i for i in range(40) if i not in (2, 5)]
    assert np.flatnonzero(found.impossible).tolist() == [2, 5]
    assert found.refused[5] == "expected for the likelihood values in {0, 1}, found 2 in column 0"


def test_whole_numbers_that_no_device_holds_are_refused():
    counts = np.random.default_rng(0).poisson(3, (60, 2))
    schema, rows = described(counts)
    counts[[4, 9], [0, 1]] = 2**40
    found = sifted(build(rows, latent_dim=1, width=4).model, schema, columns_of(counts))
    assert sorted(found.refused) == [4, 9]
    assert found.refused[9] == "expected whole numbers that fit into 32 bits, found 1099511627776 in column 1"
