"""Bytes of rows by bits-back coding, beside general-purpose compressors and PNG: `python
benchmarks/bits_back.py DIR DATA [rows]`, of a run and rows of whole numbers.

The others are given the same rows at their strongest settings: packed to bits where they are binary; PNG is
one grey (or 1-bit) picture of all images, in a grid.
"""

from __future__ import annotations

import bz2
import io
import lzma
import math
import sys
import time
import zlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from PIL import Image

import lowerbound as lb
from lowerbound.data.chunks import observed
from lowerbound.data.sources import open_source
from lowerbound.runs import RunFolder


def others(x: np.ndarray, shape: tuple[int, ...] | None) -> Mapping[str, int]:
    """Bytes of `x`, (n, d), by compressors that know nothing of a model."""
    binary = x.max() <= 1
    small = np.packbits(x.astype(np.uint8)) if binary else x
    raw = small.tobytes()
    found = {
        "raw": len(raw),
        "gzip": len(zlib.compress(raw, 9)),
        "bz2": len(bz2.compress(raw, 9)),
        "xz": len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)),
        "zstd": len(pa.Codec("zstd", compression_level=19).compress(raw)),
    }
    if shape is not None and len(shape) == 2:
        side = math.isqrt(len(x) - 1) + 1
        grid = np.zeros((side * side, *shape), np.uint8)
        grid[: len(x)] = x.reshape(-1, *shape) * (255 if binary else 1)
        image = Image.fromarray(grid.reshape(side, side, *shape).swapaxes(1, 2).reshape(side * shape[0], -1))
        buffer = io.BytesIO()
        (image.convert("1") if binary else image).save(buffer, "PNG", optimize=True)
        found["PNG"] = len(buffer.getvalue())
    return found


def main(folder: str, data: str, rows: str = "") -> None:
    """The table of one run and its rows."""
    run = RunFolder.read(folder)
    source = run.rows(open_source(data))
    x = source.x[: int(rows or len(source.x))]
    seen = observed(run.model, x).astype(x.dtype)
    evidence = lb.log_evidence(run.model, x)
    print(f"{len(x)} rows of {x.shape[1]}; in brackets bits a dimension")
    for name, nats in (("−log p(x)", -evidence.log_prob.sum()), ("−bound", -evidence.elbo.sum())):
        print(f"{name:<20} {nats / math.log(2) / 8:>12,.0f}  ({nats / math.log(2) / x.size:.4f})")
    for posterior in ("encoder", "refined"):
        lb.compress(run.model, x[:64], posterior=posterior)  # compiles
        clock = time.perf_counter()
        file = lb.compress(run.model, x, posterior=posterior)
        written, clock = time.perf_counter() - clock, time.perf_counter()
        same = np.array_equal(lb.decompress(run.model, file), seen)
        read = time.perf_counter() - clock
        rate = f"{len(x) / written:,.0f} rows a second written, {len(x) / read:,.0f} read, equal: {same}"
        print(f"{posterior:<20} {len(file):>12,}  ({8 * len(file) / x.size:.4f})  {rate}")
    for name, size in others(seen, source.image_shape).items():
        print(f"{name:<20} {size:>12,}  ({8 * size / x.size:.4f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
