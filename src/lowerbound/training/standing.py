"""Where a run stands between two calls of its compiled loop: what a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from lowerbound.archive.records import HistoryRecord
from lowerbound.archive.store import content_of, file_of
from lowerbound.archive.structure import Arrays, filled, packed, unpacked
from lowerbound.processors import processors
from lowerbound.training.resume import check_same, forms
from lowerbound.training.state import State

__all__ = ["Chunk", "Standing", "software"]

_HOLDS = "checkpoint"


@dataclass(frozen=True)
class Chunk:
    """The chunk that is open: the step at which it began, the sums of the terms over its calls so far, and
    the seconds that these took."""

    begin: int
    sums: Mapping[str, float]
    seconds: float = 0.0


@dataclass(frozen=True)
class Standing:
    """Where a run stands: its state, and what has come of it so far.

    `history`: the records; `chunk`: the open one; `left_out`: the places of validation rows that were not
    finite, on which models are compared no more; `at_once`: the steps of a call, `None` where none was made,
    so that sums are formed of the same parts when the run goes on.
    """

    state: State
    history: Sequence[HistoryRecord]
    chunk: Chunk
    left_out: Int[np.ndarray, " k"]
    at_once: int | None

    @classmethod
    def begun(cls, state: State) -> Self:
        """At a state of which nothing else is known."""
        return cls(state, (), Chunk(int(state.step), {}), np.zeros(0, np.int64), None)

    def to_bytes(self) -> bytes:
        """A file of it, which says with what software and devices it was made."""
        arrays: Arrays = {}
        packed(jax.tree.map(_plain, self.state), "state", arrays)
        kept = {
            "history": list(self.history),
            "chunk": {"begin": self.chunk.begin, "sums": self.chunk.sums, "seconds": self.chunk.seconds},
            "left_out": self.left_out,
            "at_once": self.at_once,
            "software": software(self.state),
        }
        return file_of(_HOLDS, packed(kept, "kept", arrays), arrays)

    @classmethod
    def of_bytes(cls, content: bytes, name: str, fresh: State) -> tuple[Self, Mapping[str, str]]:
        """What [`to_bytes`][] made of a run whose state before its first step is `fresh`, and the software it
        was made with; `name` is that of the file.

        **Raises:** `ValueError` in one line, for a file of another kind, or of another run.
        """
        structure, arrays = content_of(content, _HOLDS, name)
        plain = jax.tree.map(_plain, fresh)
        prefix = "state.origin."
        origin = {place.removeprefix(prefix): a for place, a in arrays.items() if place.startswith(prefix)}
        found = {
            place.removeprefix("state."): array
            for place, array in arrays.items()
            if place.startswith("state.") and not place.startswith(prefix)
        }
        check_same(forms(found), origin, replace(plain, origin=fresh.origin))
        state = jax.tree.map(_as, filled(plain, "state", arrays), fresh)
        try:
            kept = unpacked(structure, "kept", arrays)
            chunk = Chunk(**kept["chunk"])
            return cls(state, kept["history"], chunk, kept["left_out"], kept["at_once"]), kept["software"]
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{name}: no {_HOLDS} that can be read: {error}") from None


def software(state: State) -> dict[str, str]:
    """What the bits of a run depend on beside its arguments."""
    devices = state.step.devices()
    device = next(iter(devices))
    return {
        **{name: version(name) for name in ("lowerbound", "jax", "jaxlib")},
        "device": device.device_kind,
        # By which XLA divides a large product, and so its sums.
        **({"processors": str(processors())} if device.platform == "cpu" else {}),
        "devices": str(len(devices)),
        "processes": str(jax.process_count()),
    }


def _plain(leaf: Any) -> np.ndarray:
    """An array in a type that files have: keys as their words, bfloat16 and its like as their bits."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    array = np.asarray(leaf)
    return array.view(f"u{array.itemsize}") if array.dtype.kind == "V" else array


def _as(array: Any, like: Any) -> Any:
    """What [`_plain`][] made of an array of this type."""
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(array, impl=jax.random.key_impl(like))
    return array if array.dtype == like.dtype else array.view(like.dtype)
