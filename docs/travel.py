"""How x travels: the functions that are handed all rows of a table while `lowerbound fit` runs.

`python docs/travel.py docs/travel.svg` fits a small table, notes in order each function of the library that
receives all of its training rows, and draws them, a lane a folder; docs/architecture.md shows the picture.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

ROWS = 1009  # a number that nothing else has
# The folders and files that rows pass, from what knows least to what knows most.
LANES = ("data", "assembly", "families", "training", "inference", "runs", "workflow")
COLOURS = {"table": "#8a6d3b", "numbers": "#1f6f8b", "Rows": "#2e7d4f", "on the device": "#7b3f8c"}
# Of the library's values that hold rows, what the picture calls them.
HOLDERS = {"Columns": "table", "Source": "table", "Rows": "Rows", "Feed": "on the device"}


class Visit(NamedTuple):
    """A function that was handed the rows, in which folder, and in what form."""

    folder: str
    function: str
    form: str


def visits_of(action: Callable[[], Any]) -> list[Visit]:
    """The functions that are handed all rows while `action` runs, each once, in order."""
    found: dict[tuple[str, str], Visit] = {}

    def look(frame: FrameType, event: str, _: Any) -> None:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        name = code.co_qualname.removesuffix(".__init__")
        if event != "call" or not module.startswith("lowerbound.") or "<" in name or "._" in f".{name}":
            return
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        forms = [form for each in arguments if (form := form_of(frame.f_locals.get(each)))]
        if forms:
            found.setdefault((module, name), Visit(module.split(".")[1], name, forms[0]))

    sys.setprofile(look)
    try:
        action()
    finally:
        sys.setprofile(None)
    return list(found.values())


def form_of(value: Any) -> str:
    """The rows' form in an argument; empty where it does not hold all of them."""
    if isinstance(value, np.ndarray) and value.ndim == 2 and len(value) == ROWS:
        return "numbers"
    kind = type(value)
    if kind.__module__.startswith("pyarrow") and kind.__name__ == "Table" and value.num_rows == ROWS:
        return "table"
    return HOLDERS.get(kind.__name__, "") if kind.__module__.startswith("lowerbound.") else ""


def fitted() -> list[Visit]:
    """The visits of one `lowerbound fit`, until what was trained is measured."""
    from lowerbound.cli import main

    rng = np.random.default_rng(0)
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, quiet[0], quiet[1]:
        for name, rows in (("train", ROWS), ("test", 53)):
            table = rng.normal(size=(rows, 3))
            np.savetxt(f"{folder}/{name}.csv", table, delimiter=",", header="a,b,c", comments="")
        words = f"fit {folder}/train.csv --test {folder}/test.csv --out {folder}/run --epochs 1 --width 8"
        visits = visits_of(lambda: main([*words.split(), "--validation", "0", "--no-baselines"]))
    ends = [i for i, visit in enumerate(visits) if (visit.folder, visit.function) == ("workflow", "evaluate")]
    return [visit for visit in visits[: ends[0]] if visit.folder in LANES]


def draw(visits: Sequence[Visit], path: Path) -> None:
    """A lane a folder, a line a function, joined in the order in which they were called."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    mpl.rcParams["svg.hashsalt"] = "travel"
    figure = Figure(figsize=(9.5, 0.27 * len(visits) + 1.3), layout="constrained")
    axes = figure.subplots()
    places = [(LANES.index(visit.folder), i) for i, visit in enumerate(visits)]
    axes.plot(*zip(*places, strict=True), color="#bbbbbb", linewidth=1, zorder=1)
    for visit, (lane, line) in zip(visits, places, strict=True):
        axes.scatter(lane, line, s=36, color=COLOURS[visit.form], zorder=2)
        axes.annotate(visit.function, (lane, line), (7, -3), textcoords="offset points", fontsize=8)
    axes.set(xlim=(-0.3, len(LANES)), ylim=(len(visits) - 0.4, -0.8), yticks=[])
    axes.set_xticks(range(len(LANES)), LANES)
    axes.xaxis.tick_top()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    dots = [Line2D([], [], marker="o", linestyle="", color=colour) for colour in COLOURS.values()]
    axes.legend(dots, COLOURS, title="the rows are", loc="lower right", frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(fitted(), Path(sys.argv[1]))
