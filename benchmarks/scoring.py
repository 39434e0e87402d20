"""Scoring that is killed and started again: `lowerbound score` of files of rows, once without interruption
and once with kills (SIGKILL) at random moments, each followed by the same command, until it ends by itself.

    python benchmarks/scoring.py --rows 10000000 --kills 10     # under an hour; prints a line of JSON

It says how many rows a second were scored, what the kills cost, and whether rows, their order, the refused
ones and every number are what they are without a kill. Ten samples of q(z∣x) a row, an MLP of 4 units: what
is tried is the way of the rows, not the model.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import dataset, parquet

__all__ = ["scoring"]

COLUMNS = 4
# A row in so many holds what is no number, and is refused.
ODD = 997
# Seconds in which the command has not written a part yet, nearly always.
STARTING = 2.0
MODEL = ["--latent-dim", "1", "--width", "4", "--epochs", "2", "--no-baselines"]
QUICK = ["--method", "importance", "--samples", "10"]


def scoring(rows: int, kills: int, parts: int, folder: Path, seed: int = 0) -> dict[str, Any]:
    """What is measured, of so many rows in four files of so many row groups in all."""
    draw = random.Random(seed)
    made(folder, rows, parts, seed)
    command = [sys.executable, "-m", "lowerbound", "score", "run", "data/*.parquet", *QUICK, "--id", "key"]
    clock = time.perf_counter()
    subprocess.run([*command, "--out", "whole"], cwd=folder, check=True, capture_output=True)
    seconds = time.perf_counter() - clock
    clock, stopped = time.perf_counter(), 0
    while stopped < kills and not (folder / "out" / "_manifest.json").exists():
        left = parts - len(list((folder / "out").glob("part-*")))
        stopped += killed([*command, "--out", "out"], folder, draw, left // (kills - stopped + 1))
    subprocess.run([*command, "--out", "out"], cwd=folder, check=True, capture_output=True)
    found = dataset.dataset(folder / "out", format="parquet")
    listed = (folder / "out" / "_refused.csv").read_text("utf-8").splitlines()[1:]
    return {
        "rows": rows,
        "parts": len(sorted((folder / "out").glob("part-*"))),
        "kills": stopped,
        "seconds": seconds,
        "rows_a_second": rows / seconds,
        "seconds_with_kills": time.perf_counter() - clock,
        "rows_found": found.count_rows(),
        "in_order": in_order(found),
        "refused": len(listed),
        "refused_expected": -(-rows // ODD),
        "same_list": listed == (folder / "whole" / "_refused.csv").read_text("utf-8").splitlines()[1:],
        "same_numbers": same(folder),
        "left_over": sorted(path.name for path in (folder / "out").glob(".*")),
    }


def made(folder: Path, rows: int, parts: int, seed: int) -> None:
    """The files, with a key that counts all rows, and the run of a model of a few of them."""
    (folder / "data").mkdir()
    edges = np.linspace(0, rows, 5).astype(int)
    for number, (first, end) in enumerate(pairwise(edges)):
        path = folder / "data" / f"{number}.parquet"
        group = -(-(end - first) * 4 // parts)
        with parquet.ParquetWriter(path, table(0, 0, seed).schema) as writer:
            for start in range(first, end, group):
                writer.write_table(table(start, min(start + group, end), seed), row_group_size=group)
    parquet.write_table(table(-2000, 0, seed).drop(["key"]), folder / "train.parquet")
    fit = ["fit", "train.parquet", "--out", "run", *MODEL, *QUICK]
    subprocess.run([sys.executable, "-m", "lowerbound", *fit], cwd=folder, check=True, capture_output=True)


def table(first: int, end: int, seed: int) -> pa.Table:
    """The rows from one number to another; those before 0 are of training."""
    x = np.random.default_rng((seed, first + 2000)).normal(size=(end - first, COLUMNS))
    x[:, 1:] += x[:, :1]
    key = np.arange(first, end)
    x[(key >= 0) & (key % ODD == 0), 0] = np.inf
    return pa.table({"key": key, **{f"x{j}": x[:, j] for j in range(COLUMNS)}})


def killed(command: list[str], folder: Path, draw: random.Random, most: int) -> int:
    """The command, ended at a random moment: as it starts, or when it has written some parts, two to so
    many (`most`), and is within the next. 1 where it was killed, 0 where it had ended by itself."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    clock, times = time.perf_counter(), []
    there, wanted = len(list((folder / "out").glob("part-*"))), draw.choice([0, *range(2, max(most, 2) + 1)])
    while len(times) < wanted and process.poll() is None:
        if len(list((folder / "out").glob("part-*"))) > there + len(times):
            times.append(time.perf_counter() - clock)
        time.sleep(0.002)
    a_part = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else STARTING
    try:
        process.wait(draw.uniform(0, a_part))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 1
    return 0


def in_order(found: dataset.Dataset) -> bool:
    """Whether the keys count all rows, each once, file after file and part after part."""
    first = 0
    for batch in found.to_batches(columns=["key"]):
        keys = batch.column("key").to_numpy()
        if not np.array_equal(keys, np.arange(first, first + len(keys))):
            return False
        first += len(keys)
    return True


def same(folder: Path) -> bool:
    """Whether each part holds, bit for bit, what the part of the uninterrupted call does."""
    names = [sorted(path.name for path in (folder / out).glob("part-*")) for out in ("out", "whole")]
    return names[0] == names[1] and all(
        parquet.read_table(folder / "out" / name).equals(parquet.read_table(folder / "whole" / name))
        for name in names[0]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--parts", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="where the files are made [default: a temporary folder]")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = asked.folder or Path(temporary)
        print(json.dumps(scoring(asked.rows, asked.kills, asked.parts, place)))
