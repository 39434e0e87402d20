"""Tables that lack columns of a schema which a row does not need."""

import numpy as np
import pandas as pd
import pytest

import lowerbound as lb
from lowerbound.data.errors import DataError

N = 40
FRAME = pd.DataFrame(
    {
        "who": [f"row {i}" for i in range(N)],
        "x": np.arange(N) / 64,
        "only": 7,
        "none": pd.Series([None] * N, dtype=object),
        "c": ["a", "b"] * (N // 2),
    }
)
SCHEMA = lb.Schema.of(FRAME)


def test_what_is_left_out_need_not_be_there():
    x = SCHEMA.encode(FRAME[["c", "x"]])
    np.testing.assert_array_equal(x, SCHEMA.encode(FRAME))
    assert len(SCHEMA.rows(FRAME[["c", "x"]]).impossible) == 0
    assert SCHEMA.decode(x)["only"].tolist() == [7] * N


def test_what_is_encoded_need():
    with pytest.raises(DataError, match="found no 'c' in 'who', 'x', 'only', 'none'"):
        SCHEMA.encode(FRAME.drop(columns="c"))
