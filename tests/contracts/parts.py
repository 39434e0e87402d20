"""Each part by its name, what it asks for beside it, and rows for it."""

import numpy as np
import pytest

from lowerbound.parts import BLOCKS, COUNTS, LEVELED, POSITIVE, REAL, TABLE, UNIT, names

ROWS, COLUMNS, LATENTS = 24, 4, 3
RNG = np.random.default_rng(0)
# Rows in the set that a likelihood is over.
DATA = {
    "": RNG.integers(0, 9, (ROWS, COLUMNS)),
    REAL: RNG.normal(5, 2, (ROWS, COLUMNS)),
    POSITIVE: RNG.lognormal(1, 1, (ROWS, COLUMNS)),
    UNIT: RNG.uniform(0.01, 0.99, (ROWS, COLUMNS)),
    "values in {0, 1}": RNG.integers(0, 2, (ROWS, COLUMNS)),
    LEVELED: RNG.integers(0, 9, (ROWS, COLUMNS)),
    COUNTS: RNG.negative_binomial(1, 0.1, (ROWS, COLUMNS)),
}
OVER = {row.name: row.over for row in TABLE if row.over and not row.called}
# What else a part asks for: a prior over the posterior's set, or a posterior over the prior's; a gradient
# that needs no path through z.
CODES = {"gradient": "vimco", "prior": "uniform-codes"}
BESIDE = {
    "bernoulli": CODES,
    "categorical": CODES,
    "uniform-codes": {"posterior": next(iter(names("posterior", over=BLOCKS)))},
    "uniform-sphere": {"posterior": next(iter(names("posterior", over="unit vectors")))},
}


def named(place, name):
    """The options that name a part in a place, and whatever it asks for."""
    options = {place: name, **(BESIDE.get(name, {}) if place != "likelihood" else {})}
    if place == "posterior" and OVER[name] != REAL:
        options.setdefault("prior", "standard-prior")
    return options


def data_for(options):
    return DATA[OVER.get(options.get("likelihood"), "")]


def every_part(*, soon=()):
    """Each name in each place; all are slow but the priors `soon`."""
    assert set(soon) <= set(names("prior"))
    cases = [
        pytest.param(
            named(place, name),
            id=name,
            marks=[] if place == "prior" and name in soon else [pytest.mark.slow],
        )
        for place in ("likelihood", "posterior", "prior")
        for name in names(place)
    ]
    return pytest.mark.parametrize("options", cases)
