"""Pages of mapped files that are let go are the process's memory no longer, and hold what they held."""

import sys

import numpy as np
import pytest

from lowerbound.data.numbers import blocks
from lowerbound.data.pages import let_go


def resident():
    """Bytes of mapped files that are in the process's memory."""
    with open("/proc/self/status") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone is told")
def test_a_look_at_all_rows_leaves_none_in_memory(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (20_000, 1000))
    x[:] = 1
    x.flush()
    del x
    before = resident()
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert int(mapped.sum(dtype=np.int64)) == 20_000_000
    assert resident() - before > 15_000_000
    assert sum(int(block.sum(dtype=np.int64)) for block in blocks(mapped)) == 20_000_000
    assert resident() - before < 5_000_000
    assert mapped[19_999].all()


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_what_is_written_to_a_map_stays(mode, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((5000, 2)))
    x = np.load(tmp_path / "x.npy", mmap_mode=mode)
    x[:] = 7
    let_go(x[1000:])
    assert (x == 7).all()
