"""Rows beyond memory take a bounded amount of it, whatever is done with them."""

import subprocess
import sys

import numpy as np
import pytest

# What may be allocated beside what a small look at the same kind of rows has taken.
ROOM = 250

PROGRAM = """
import resource, sys
from pathlib import Path

import jax
import numpy as np

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.baselines.traces import Traces
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.rows import checked, rows_outside
from lowerbound.data.sources import open_source
from lowerbound.training.division import Division

few, many, cache, room = *sys.argv[1:4], int(sys.argv[4])


def used(path):
    source = open_source(path, memory=Memory.of("50 MB" if path == many else 1, cache))
    assert source.rows.mapped, path
    model = build(source.rows, latent_dim=2, width=8, depth=1).model
    rows = checked(model, source.rows)
    division = Division.of(model, source.rows, None, 0.1, jax.random.key(0))
    traces = Traces.of(rows, division.train_rows, division.held_rows)
    return model, rows, division, lb.encode(model, rows), rows_outside(model, rows.x), traces


used(few)
allocated = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
limit = allocated * 1024 + room * 1_000_000
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
model, rows, division, codes, outside, traces = used(many)
assert len(rows) == len(codes) == 100_000 and not outside.any(), len(rows)
assert rows.x.nbytes > 2 * room * 1_000_000, rows.x.nbytes
assert len(division.held_rows) == 10_000 and len(division.train_rows) == 90_000
assert len(traces.trained_on.train) == 90_000
np.asarray(rows.x[:10_000]) + 0  # which fits
try:
    np.asarray(rows.x) + 0
except MemoryError:
    print("bounded")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="of Linux is how much a process has allocated")
@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_rows_of_600_mb_pass_where_there_is_room_for_less_than_half_of_them(dtype, tmp_path):
    """`uint8` is mapped where it lies; `int16` of bits is encoded into another file, of `int8`."""
    width = 6272
    for name, rows in (("few", 2_000), ("many", 100_000)):
        x = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", dtype, (rows, width))
        x[::997, ::31] = 1  # the rest takes no room on the disk
        x[0, :] = 1
        x.flush()
        del x
    program = [sys.executable, "-c", PROGRAM, *(str(tmp_path / f"{name}.npy") for name in ("few", "many"))]
    ran = subprocess.run([*program, str(tmp_path / "cache"), str(ROOM)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout == "bounded\n"
