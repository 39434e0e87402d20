"""What a training step costs here and in other libraries, used as their documentation says (`peers.py`)."""

from __future__ import annotations

from functools import partial

from by_hand import by_hand, products
from library import AEVB, TABLE, rows_of, steps_of
from peers import by_numpyro, by_pyro, by_pythae, by_torch
from rounds import Timed, timed

import lowerbound as lb

__all__ = ["aevb", "iwae", "table"]


def aevb(batch: int, steps: int, rounds: int) -> Timed:
    """784-500-20-500-784, tanh, Bernoulli, 60,000 grey rows binarised anew at each step."""
    x = rows_of(AEVB, 60_000)
    makers = {
        "products": partial(products, x, batch),
        "by hand": partial(by_hand, x, batch),
        "lowerbound": partial(steps_of, AEVB, x, batch),
        "lowerbound bfloat16": partial(steps_of, AEVB, x, batch, precision="bfloat16"),
        "numpyro": partial(by_numpyro, x, AEVB, batch),
        "torch": partial(by_torch, x, AEVB, batch),
        "torch bfloat16": partial(by_torch, x, AEVB, batch, autocast=True),
        "pyro": partial(by_pyro, x, AEVB, batch, jit=False),
        "pyro, jit": partial(by_pyro, x, AEVB, batch, jit=True),
        "pythae": partial(by_pythae, x, AEVB, batch, steps),
    }
    return timed(makers, "step", steps, rounds)


def table(rounds: int) -> Timed:
    """50 columns, 64-64, 10 latents, Gaussian with a scale from the network, batch 256, 100,000 rows."""
    x = rows_of(TABLE, 100_000)
    makers = {
        "lowerbound": partial(steps_of, TABLE, x, 256),
        "lowerbound bfloat16": partial(steps_of, TABLE, x, 256, precision="bfloat16"),
        "numpyro": partial(by_numpyro, x, TABLE, 256),
        "torch": partial(by_torch, x, TABLE, 256),
        "torch bfloat16": partial(by_torch, x, TABLE, 256, autocast=True),
        "pyro": partial(by_pyro, x, TABLE, 256, jit=False),
        "pyro, jit": partial(by_pyro, x, TABLE, 256, jit=True),
        "pythae": partial(by_pythae, x, TABLE, 256, 300),
    }
    return timed(makers, "step", 300, rounds)


def iwae(rounds: int) -> Timed:
    """The AEVB network, batch 100, 50 samples, IWAE's bound."""
    x, objective = rows_of(AEVB, 10_000), lb.IWAE(samples=50)
    makers = {
        "lowerbound": partial(steps_of, AEVB, x, 100, objective),
        "lowerbound bfloat16": partial(steps_of, AEVB, x, 100, objective, "bfloat16"),
        "torch": partial(by_torch, x, AEVB, 100, samples=50),
        "torch bfloat16": partial(by_torch, x, AEVB, 100, samples=50, autocast=True),
    }
    return timed(makers, "step", 8, rounds)
