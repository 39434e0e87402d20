"""Pages of mapped files that were read and are not needed again."""

from __future__ import annotations

import mmap
import sys
from typing import Any

import numpy as np

from lowerbound.data.pieces import mapping_of

__all__ = ["let_go"]


def let_go(x: np.ndarray) -> None:
    """Count what was read of `x`, some rows of a mapped file, no longer as the process's memory: a look at
    all rows then takes that of a few. The system may keep the pages, and reads them again where they are
    asked for. Rows in memory, a map that is written to, and all on other systems than Linux, stay as they
    are.

    >>> let_go(np.zeros((2, 2)))
    """
    of: Any = mapping_of(x) if sys.platform == "linux" and x.flags.c_contiguous and x.size else None
    if of is None or of.mode != "r":
        return
    # The map begins at a multiple of a page before the array's offset; with a page neighbours are mapped.
    begin = x.ctypes.data - of.ctypes.data + of.offset % mmap.ALLOCATIONGRANULARITY
    first = max(begin - _AROUND, 0) // mmap.PAGESIZE * mmap.PAGESIZE
    of._mmap.madvise(mmap.MADV_DONTNEED, first, begin - first + x.nbytes)


_AROUND = 1 << 17  # bytes
