"""How x travels: the functions that are handed all rows of a table while `lowerbound fit` runs.

`python docs/travel.py > docs/travel.svg` fits a small table and notes, in order, each function of the library
that receives all of its training rows; docs/architecture.md shows the picture.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

ROWS = 1009  # a number that nothing else has


class Visit(NamedTuple):
    """A function that was handed the rows, and in what form."""

    folder: str
    function: str
    form: str


def visits_of(action: Callable[[], Any]) -> list[Visit]:
    """The functions that are handed all rows while `action` runs, each once, in order."""
    found: dict[tuple[str, str], Visit] = {}

    def look(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        code = frame.f_code
        if event != "call" or not module.startswith("lowerbound.") or code.co_name.startswith("<"):
            return
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        forms = [form for name in arguments if (form := form_of(frame.f_locals.get(name)))]
        if forms:
            _, folder, *_ = module.split(".")
            place = (module, code.co_qualname)
            found.setdefault(place, Visit(folder, code.co_qualname.removesuffix(".__init__"), forms[0]))

    sys.setprofile(look)
    try:
        action()
    finally:
        sys.setprofile(None)
    return list(found.values())


def form_of(value: Any) -> str:
    """The rows' form in an argument; empty where it does not hold all of them."""
    if isinstance(value, np.ndarray) and value.ndim == 2 and len(value) == ROWS:
        return f"{value.dtype} array"
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray) and len(value[0]) == ROWS:
        return "columns"
    kind = type(value)
    if kind.__module__.startswith("pyarrow") and kind.__name__ == "Table" and value.num_rows == ROWS:
        return "Arrow table"
    if kind.__module__.startswith("lowerbound.") and kind.__name__ in ("Source", "Rows", "Columns", "Feed"):
        return kind.__name__
    return ""


def fitted() -> list[Visit]:
    """The visits of one `lowerbound fit`."""
    from lowerbound.cli import main

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for name, rows in (("train", ROWS), ("test", 53)):
            table = rng.normal(size=(rows, 3))
            np.savetxt(f"{folder}/{name}.csv", table, delimiter=",", header="a,b,c", comments="")
        words = f"fit {folder}/train.csv --test {folder}/test.csv --out {folder}/run --epochs 1 --width 8"
        return visits_of(lambda: main([*words.split(), "--validation", "0", "--no-baselines"]))


if __name__ == "__main__":
    for visit in fitted():
        print(*visit, sep="\t")
