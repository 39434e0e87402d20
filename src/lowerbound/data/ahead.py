"""What is computed of the next blocks while a caller looks at this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from typing import Any, TypeVar

import jax

from lowerbound.processors import processors

__all__ = ["ahead", "settings"]

Block = TypeVar("Block")
Found = TypeVar("Found")

# What a `with` of JAX sets for its own thread alone, and a number may depend on.
_SETTINGS: tuple[Any, ...] = (
    jax.enable_x64,
    jax.default_matmul_precision,
    jax.default_device,
    jax.default_prng_impl,
    jax.threefry_partitionable,
    jax.numpy_dtype_promotion,
    jax.debug_nans,
    jax.debug_infs,
)


def settings() -> tuple[Any, ...]:
    """JAX's settings (`jax.enable_x64`, `jax.default_matmul_precision`, ...) in this thread."""
    return tuple(setting.value for setting in _SETTINGS)


def ahead(
    function: Callable[[Block], Found], blocks: Iterator[Block], *, by_threads: bool
) -> Iterator[Found]:
    """`function` of every block, in their order, of which the next ones are begun before one is asked for: as
    many as there are cores, `by_threads` each in one of its own, and a single block in the caller's. JAX's
    [`settings`][] are those of the caller in all of them.

    >>> list(ahead(lambda n: n * n, iter(range(5)), by_threads=True))
    [0, 1, 4, 9, 16]
    """
    first, second = next(blocks, None), next(blocks, None)
    if first is None:
        return
    if second is None:
        yield function(first)
        return
    begin = _begun_by_a_thread if by_threads else _begun
    under_way = deque([begin(function, first), begin(function, second)])
    for block in blocks:
        under_way.append(begin(function, block))
        if len(under_way) > processors():
            yield under_way.popleft()()
    while under_way:
        yield under_way.popleft()()


def _begun(function: Callable[[Block], Found], block: Block) -> Callable[[], Found]:
    found = function(block)
    return lambda: found


def _begun_by_a_thread(function: Callable[[Block], Found], block: Block) -> Callable[[], Found]:
    return _threads().submit(_under, settings(), function, block).result


def _under(of_caller: tuple[Any, ...], function: Callable[[Block], Found], block: Block) -> Found:
    with ExitStack() as held:
        for setting, value in zip(_SETTINGS, of_caller, strict=True):
            if setting.value != value:
                held.enter_context(setting(value))
        return function(block)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(processors(), "lowerbound-chunk")
