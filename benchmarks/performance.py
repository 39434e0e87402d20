"""Measure workloads, keep their figures in docs/performance.json, and draw the tables and the picture of
docs/performance.md anew.

    python benchmarks/performance.py [--rounds 5] [--page] [WORKLOAD ...]

By default all workloads, which take about an hour on two cores; `--page` measures nothing. What a
workload's programs are stands in the docstring of its function.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from convolution import convolution
from evidence import evidence
from growth import growth
from page import write_page
from quality import quality
from rounds import Timed, machine
from startup import commands, digits
from steps import aevb, iwae, table
from use import encoding, generation

FIGURES = Path(__file__).parent.parent / "docs" / "performance.json"

TIMED: dict[str, Callable[[int], Timed]] = {
    "aevb-20": lambda rounds: aevb(20, 500, rounds),
    "aevb-100": lambda rounds: aevb(100, 200, rounds),
    "aevb-1000": lambda rounds: aevb(1000, 30, rounds),
    "convolution-28x28x1": partial(convolution, (28, 28, 1), 50),
    "convolution-32x32x3": partial(convolution, (32, 32, 3), 30),
    "table": table,
    "iwae-50": iwae,
    "evidence": evidence,
    "encoding": encoding,
    "generation": generation,
    "startup": commands,
    "digits": digits,
}
CURVES: dict[str, Callable[[], Any]] = {"growth": growth, "quality": quality}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*TIMED, *CURVES]
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each program, in turn")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page anew")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.workloads) - set(names)):
        parser.error(f"WORKLOAD: expected some of {', '.join(names)}; found {', '.join(unknown)}")
    figures = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    here = machine()
    of_device = figures.setdefault("cpu" if here["device"] == "cpu" else "gpu", {})
    for name in [] if arguments.page else arguments.workloads or names:
        begin = time.perf_counter()
        if name in TIMED:
            found = TIMED[name](arguments.rounds)
            kept = asdict(found)
            reference = "lowerbound" if "lowerbound" in found.seconds else next(iter(found.seconds))
            lines = found.lines(reference)
        else:
            kept = {"found": CURVES[name]()}
            if not kept["found"]:
                continue
            lines = [f"  {entry}" for entry in kept["found"]]
        print(f"{name} ({time.perf_counter() - begin:.0f} s)", *lines, sep="\n", flush=True)
        of_device[name] = kept | {"machine": here, "date": time.strftime("%Y-%m-%d")}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    write_page(figures, FIGURES.with_suffix(".md"))


if __name__ == "__main__":
    main()
