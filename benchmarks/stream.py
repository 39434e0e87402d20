"""Rows read from a file while the device works, beside rows in memory: rows a second, peak memory, and what
mixing by runs loses.

    python benchmarks/stream.py --gigabytes 2 20     # rows of a sparse file: rate and peak memory
    python benchmarks/stream.py --quality mnist.npz  # in blocks of a tenth and in memory: log p(x), paired

A size runs in a process of its own, of which the peak is that of its resident memory (VmHWM); with --cgroup,
a folder of the memory controller that has a limit, it is held to that. The first is of rows in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WIDTH, BATCH, STEPS = 784, 128, 2000


def model_of(width: int):
    import jax

    import lowerbound as lb

    k1, k2 = jax.random.split(jax.random.key(0))
    latent, pixels = lb.DiagonalGaussian(20), lb.Bernoulli(width)
    return lb.VAE(
        lb.StandardNormal(20),
        lb.Conditional(lb.MLP(width, latent.size, width=200, depth=1, key=k1), latent),
        lb.Conditional(lb.MLP(20, pixels.size, width=200, depth=1, key=k2), pixels),
    )


def file_of(path: Path, rows: int) -> None:
    """A `.npy` of that many rows, which take no place on the disk."""
    header = np.lib.format.header_data_from_array_1_0(np.zeros((0, WIDTH), np.uint8)) | {
        "shape": (rows, WIDTH)
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * WIDTH)


def one(path: str, memory: int, in_memory: bool) -> None:
    import lowerbound as lb

    x = np.load(path, mmap_mode=None if in_memory else "r")
    epochs, clock = STEPS * BATCH / len(x), []
    told = lambda record: clock.append(time.perf_counter())  # noqa: E731
    rates = {}
    for _ in range(2):  # the second compiles nothing
        begun = time.perf_counter()
        result = lb.fit(
            model_of(WIDTH), x, epochs=epochs, batch_size=BATCH, memory=memory, callbacks=[told],
            validation=x[:1000],
        )  # fmt: skip
        rates = {
            "rows/s": STEPS * BATCH / sum(record["seconds"] for record in result.history),
            "s": time.perf_counter() - begun,
        }
    evidence = lb.log_evidence(result.model, x[:2000], method="importance", samples=50)
    scored = float(evidence.log_prob.mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({**rates, "peak": peak, "bound": scored}))


def measured(rows: int, memory: int, in_memory: bool, group: Path | None) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        file_of(path, rows)
        command = [sys.executable, __file__, "--one", str(path), str(memory), str(int(in_memory))]
        bound = lambda: group and (group / "cgroup.procs").write_text(str(os.getpid()))  # noqa: E731
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=bound)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])


def quality(path: Path) -> None:
    """MNIST, binarised, in blocks of a tenth of the rows and in memory."""
    import lowerbound as lb

    with np.load(path) as mnist:
        x, test = ((mnist[name].reshape(-1, WIDTH) >= 128).astype(np.uint8) for name in ("x_train", "x_test"))
    with tempfile.TemporaryDirectory() as kept:
        np.save(f"{kept}/x.npy", x)
        mapped = np.load(f"{kept}/x.npy", mmap_mode="r")
        # An eighth of the memory is a block.
        ways = {"in memory": (x, "4 GB"), "blocks of a tenth": (mapped, int(8 * x.nbytes / 10))}
        found = {}
        for name, (rows, memory) in ways.items():
            result = lb.fit(model_of(WIDTH), rows, epochs=20, memory=memory)
            evidence = lb.log_evidence(result.model, test, method="importance", samples=500)
            found[name] = np.asarray(evidence.log_prob)
            print(f"{name}: {evidence.mean:.3f} ± {evidence.mean_standard_error:.3f} nats a row", flush=True)
    difference = found["blocks of a tenth"] - found["in memory"]
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    print(
        f"blocks of a tenth − in memory: {difference.mean():+.3f} ± {error:.3f} nats a row, paired over rows"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, nargs="*", default=[])
    parser.add_argument("--memory", type=float, default=0.5, help="fit's memory, in gigabytes")
    parser.add_argument("--cgroup", type=Path, help="a folder, such as /sys/fs/cgroup/memory/limited")
    parser.add_argument("--quality", type=Path)
    parser.add_argument("--one", nargs=3)
    options = parser.parse_args()
    if options.one:
        path, memory, in_memory = options.one
        one(path, int(memory), in_memory == "1")
        return
    sizes = [(0.2, True), (0.2, False), *((size, False) for size in options.gigabytes)]
    for size, in_memory in sizes if options.gigabytes else ():
        memory = int(options.memory * 1e9) if size > 1 else 10**8
        found = measured(int(size * 1e9 / WIDTH), memory, in_memory, options.cgroup)
        where, peak = "in memory" if in_memory else "from the file", found["peak"] / 1e6
        print(f"{size:g} GB {where}: {found['rows/s']:,.0f} rows/s, peak {peak:,.0f} MB", flush=True)
    if options.quality:
        quality(options.quality)


if __name__ == "__main__":
    main()
