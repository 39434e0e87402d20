"""A table with a column of text."""

import numpy as np
import pyarrow

from lowerbound.data.schema import Schema

WORDS = pyarrow.table({"word": ["aba", "cab", "bac", "abc"] * 5, "mass": np.linspace(0.5, 2.5, 20).tolist()})
TEXT = Schema.of(WORDS, kinds={"word": "tokens"})
