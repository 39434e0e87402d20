"""What it costs to train by several processes of one machine in place of one process with as many threads.

    python benchmarks/processes.py --processes 2           # in turn, several times; prints medians
    python benchmarks/processes.py --processes 2 --shared  # each process may use the cores of all

Else each process is held to a core of its own, and the one process to as many cores together; the model is of
784-200-20, batches of 128 and of 1,024 rows in memory. The rate is of the last epochs, when all is compiled.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys

STEPS = 2000


def one(port: str, processes: int, process: int, batch: int, cores: str) -> None:
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    import numpy as np
    from stream import WIDTH, model_of

    import lowerbound as lb
    from lowerbound.training.processes import join

    if processes > 1:
        join(f"127.0.0.1:{port}", processes, process)
    x = (np.random.default_rng(0).random((20 * batch, WIDTH)) < 0.2).astype(np.uint8)
    result = lb.fit(model_of(WIDTH), x, epochs=STEPS / 20, batch_size=batch, validation=0)
    before, *last = result.history[len(result.history) // 2 :]
    if process == 0:
        seconds = sum(record["seconds"] for record in last)
        print((last[-1]["step"] - before["step"]) * batch / seconds)


def rate(batch: int, cores: list[list[int]]) -> float:
    """Rows a second of so many processes as there are lists of cores."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [
        subprocess.Popen(
            [sys.executable, __file__, "--one", str(port), str(len(cores)), str(process), str(batch), words],
            stdout=subprocess.PIPE,
            text=True,
        )
        for process, words in enumerate(",".join(map(str, own)) for own in cores)
    ]
    said = [process.communicate()[0] for process in running]
    return float(said[0].split()[-1])  # Gloo says something before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--one", nargs=5)
    options = parser.parse_args()
    if options.one:
        port, processes, process, batch, cores = options.one
        one(port, int(processes), int(process), int(batch), cores)
        return
    n = options.processes
    all_cores = [*range(n)]
    of_each = [all_cores] * n if options.shared else [[core] for core in all_cores]
    for batch in (128, 1024):
        together, apart = [], []
        for _ in range(options.repeats):
            together.append(rate(batch, [all_cores]))
            apart.append(rate(batch, of_each))
        a, b = statistics.median(together), statistics.median(apart)
        print(f"batches of {batch}: {a:,.0f} rows/s by one process, {b:,.0f} by {n}: {b / a:.2f}", flush=True)


if __name__ == "__main__":
    main()
