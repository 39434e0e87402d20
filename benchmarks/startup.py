"""What it costs to begin, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial

from rounds import Program, Timed, timed

__all__ = ["commands", "digits"]

FIT = (
    "from sklearn.datasets import load_digits\n"
    "from lowerbound import VariationalAutoencoder\n"
    "X = load_digits().data\n"
    "vae = VariationalAutoencoder(random_state=0).fit(X)\n"
)


def commands(rounds: int) -> Timed:
    """A bare interpreter, `import lowerbound`, and pages of help."""
    makers = {
        "bare interpreter": partial(_process, "-c", "pass"),
        "import lowerbound": partial(_process, "-c", "import lowerbound"),
        "lowerbound --help": partial(_process, "-m", "lowerbound", "--help"),
        "lowerbound fit --help": partial(_process, "-m", "lowerbound", "fit", "--help"),
        "import jax": partial(_process, "-c", "import jax, sklearn.base"),
    }
    return timed(makers, "process", 1, rounds)


def digits(rounds: int) -> Timed:
    """`VariationalAutoencoder().fit(digits)` at its defaults until early stopping or its last epoch ends it:
    nothing compiled before, and with JAX's compilation cache filled by an earlier process."""
    makers = {
        "cold": partial(_process, "-c", FIT),
        "cold, then transform": partial(_process, "-c", FIT + "vae.transform(X)"),
        "compilation cache": partial(_cached, "-c", FIT),
    }
    return timed(makers, "process", 1, rounds)


def _process(*arguments: str) -> Program:
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    return lambda number: _run(arguments, environment)


def _cached(*arguments: str) -> Program:
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": tempfile.mkdtemp(),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    return lambda number: _run(arguments, environment)


def _run(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment, check=True)
