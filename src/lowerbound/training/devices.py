"""Rows on their way to the device, and the devices that share a batch."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array

from lowerbound.data.rows import Rows, padded_size
from lowerbound.training.feed import Block

__all__ = ["block_of", "mesh_of"]


def block_of(rows: Rows, numbers: np.ndarray) -> Block:
    """The rows of these numbers, on the device, with weights of a mean of 1."""
    given, weight = (
        None if array is None else _padded(array, numbers) for array in (rows.given, _relative(rows, numbers))
    )
    return Block(x=_padded(rows.x, numbers), given=given, n=jnp.asarray(len(numbers)), weight=weight)


def _relative(rows: Rows, numbers: np.ndarray) -> np.ndarray | None:
    """The rows' weights relative to the mean of those of these numbers."""
    if rows.weight is None:
        return None
    return (rows.weight / rows.weight[numbers].mean()).astype(np.float32)


def _padded(array: np.ndarray, numbers: np.ndarray) -> Array:
    """array[numbers], filled up with zeros to a size that few data sets do not share; copied once, into
    memory that a CPU's device takes as it stands since it begins at a multiple of 64 bytes."""
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    shape = (padded_size(len(numbers)), *array.shape[1:])
    size = math.prod(shape) * dtype.itemsize
    memory = np.zeros(size + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    filled = memory[begin : begin + size].view(dtype).reshape(shape)
    for start in range(0, len(numbers), _TAKEN_TOGETHER):
        some = numbers[start : start + _TAKEN_TOGETHER]
        # No row's number is to be clipped: any other mode goes through a buffer.
        np.take(array, some, axis=0, out=filled[start : start + len(some)], mode="clip")
    on_device: Array = jax.device_put(filled)
    return on_device


_TAKEN_TOGETHER = 8192  # rows, few enough to stay in a cache on their way


def mesh_of(devices: int | None, batch_size: int) -> Mesh | None:
    """The local devices that share a batch; `None` for a single one."""
    local = jax.local_devices()
    if devices is None:
        count = max(k for k in range(1, len(local) + 1) if batch_size % k == 0)
    elif not 1 <= devices <= len(local):
        raise ValueError(f"devices: expected 1 to {len(local)}, found {devices}")
    elif batch_size % devices:
        raise ValueError(
            f"devices: expected a number that divides the batch of {batch_size} rows, found {devices}"
        )
    else:
        count = devices
    return None if count == 1 else Mesh(np.array(local[:count]), ("batch",))
