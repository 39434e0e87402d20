"""Rows on their way to the device, and the devices that share a batch."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from lowerbound.data.rows import Rows, padded_size
from lowerbound.training.feed import Block

__all__ = ["block_of", "here", "in_shares", "local_share", "mesh_of", "relative_weight", "replicated"]


def block_of(rows: Rows, numbers: np.ndarray) -> Block:
    """The rows of these numbers, on the device, with weights of a mean of 1."""
    given, weight = (
        None if array is None else _padded(array, numbers)
        for array in (rows.given, relative_weight(rows, numbers))
    )
    return Block(x=_padded(rows.x, numbers), given=given, n=jnp.asarray(len(numbers)), weight=weight)


def relative_weight(rows: Rows, numbers: np.ndarray) -> np.ndarray | None:
    """The weight of each row, relative to the mean of those of these numbers."""
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
    """The devices that share a batch: local ones, or, of several processes, all of all; `None` for a single
    one."""
    if jax.process_count() > 1:
        return _mesh_of_all(devices, batch_size)
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


def _mesh_of_all(devices: int | None, batch_size: int) -> Mesh:
    everywhere = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    count = len(everywhere)
    if devices not in (None, count):
        raise ValueError(f"devices: expected all {count} of {jax.process_count()} processes, found {devices}")
    if batch_size % count:
        raise ValueError(
            f"batch_size: expected a multiple of {count}, the devices of all processes, found {batch_size}"
        )
    return Mesh(np.array(everywhere), ("batch",))


def local_share(mesh: Mesh | None, batch_size: int) -> slice:
    """Which rows of a batch are this process's: all of them, or those of its devices."""
    if mesh is None:
        return slice(0, batch_size)
    local = [device.process_index == jax.process_index() for device in mesh.devices]
    of_a_device = batch_size // len(local)
    return slice(local.index(True) * of_a_device, (local.index(True) + sum(local)) * of_a_device)


def in_shares(mesh: Mesh | None, rows: PyTree) -> PyTree:
    """Arrays (steps, rows of this process, …) on the devices, which share the second axis of all processes'
    together."""
    if mesh is None:
        return jax.device_put(rows)
    sharding = NamedSharding(mesh, PartitionSpec(None, "batch"))
    return jax.tree.map(lambda array: jax.make_array_from_process_local_data(sharding, array), rows)


def replicated(mesh: Mesh | None, tree: PyTree) -> PyTree:
    """The tree with each of its arrays on every device."""
    if mesh is None:
        return tree
    everywhere = NamedSharding(mesh, PartitionSpec())
    if jax.process_count() == 1:
        return eqx.filter_shard(tree, everywhere)

    def shared(leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        whole = np.asarray(leaf)
        return jax.make_array_from_callback(whole.shape, everywhere, lambda index: whole[index])

    return jax.tree.map(shared, tree)


def here(tree: PyTree) -> PyTree:
    """A replicated tree on the devices of this process alone, with which it can compute by itself."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)) if eqx.is_array(leaf) else leaf, tree)
