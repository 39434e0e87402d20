"""What an example costs `fit`, and what memory, as a table grows: from 10⁴ to 10⁷ rows of 50 columns, and
from 10 to 10⁴ columns of 10⁴ rows (Linux only); MLPs of 64-64, 10 latents, a Gaussian likelihood, batch 256.

    python benchmarks/growth.py ROWS COLUMNS     # one size, in this process; prints a line of JSON
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

__all__ = ["growth"]

ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
COLUMNS = (10, 100, 1000, 10_000)
EXAMPLES = 2_000_000  # at least, in a measured run


def growth() -> list[dict[str, Any]]:
    """Each size in a process of its own, whose peak of memory is its own."""
    sizes = [(n, 50) for n in ROWS] + [(10_000, d) for d in COLUMNS]
    return [
        json.loads(subprocess.check_output([sys.executable, __file__, *map(str, size)])) for size in sizes
    ]


def measured(rows: int, columns: int) -> dict[str, Any]:
    from library import TABLE, model_of, rows_of

    import lowerbound as lb

    network = replace(TABLE, columns=columns)
    x, model = rows_of(network, rows), model_of(network)
    base = _peak()
    epochs = max(1.0, max(100_000, min(EXAMPLES, EXAMPLES * 50 / columns)) / rows)

    def run(epochs: float) -> float:
        begin = time.perf_counter()
        lb.fit(model, x, epochs=epochs, batch_size=256, patience=None)
        return time.perf_counter() - begin

    run(256 / rows)  # compile
    seconds = min(run(epochs) for _ in range(3 if rows <= 1_000_000 else 2))
    return {
        "rows": rows,
        "columns": columns,
        "epochs": epochs,
        "seconds_an_example": seconds / (0.9 * rows * epochs),  # a tenth chooses the best model
        "data_gb": x.nbytes / 1e9,
        "peak_before_fit_gb": base,
        "peak_gb": _peak(),
    }


def _peak() -> float:
    # Not getrusage's, which a child process inherits.
    status = Path("/proc/self/status").read_text("utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e6


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:3]))))
