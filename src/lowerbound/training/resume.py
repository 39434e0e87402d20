"""Going on from a state: in the run that it is of, and in no other."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from lowerbound.data.rows import Rows
from lowerbound.training.division import Division
from lowerbound.training.optimizer import NAdam
from lowerbound.training.run import Run
from lowerbound.training.state import Origin, State

__all__ = ["origin_of", "taken_up"]


def origin_of(
    run: Run, division: Division, batch_size: int, optimizer: NAdam | optax.GradientTransformation
) -> Origin:
    """What a state is held against where a run goes on from it: 64 bits of each thing that has to be the
    same, by the name of the argument."""
    leaves, structure = jax.tree.flatten(run.objective)
    objective = (
        f"{structure} {[np.asarray(leaf).tolist() if eqx.is_array(leaf) else leaf for leaf in leaves]}"
    )
    # What an Optax transformation is made of shows in the structure of its state alone.
    ascent = repr(optimizer) if isinstance(optimizer, NAdam) else "Optax"
    return {
        "x": _hash(*_content(division.rows, division.train_rows)),
        "validation": _hash(*_content(division.held, division.held_rows)),
        "batch_size": _hash(str(batch_size).encode()),
        # Where an object has no words of its own, Python's say where it lies.
        "objective": _hash(re.sub(r" at 0x[0-9a-f]+", "", objective).encode()),
        "optimizer": _hash(ascent.encode()),
        "weight_prior": _hash(str(run.weight_prior).encode()),
    }


def _content(rows: Rows, numbers: np.ndarray) -> list[Any]:
    arrays = [array for array in (rows.x, rows.given, rows.weight, numbers) if array is not None]
    forms = [str((array.shape, array.dtype)).encode() for array in arrays]
    return [*forms, *(np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays)]


def _hash(*parts: Any) -> np.ndarray:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return np.frombuffer(digest.digest(), np.uint32)


def taken_up(state: State, fresh: State) -> State:
    """`state`, to go on from in the run whose state before its first step is `fresh`.

    **Raises:** `ValueError` that names what is not as it was. A state that was made
    [`afresh`][lowerbound.training.state.State.afresh] fits any rows.
    """
    for part, owner in (
        ("parameters", "model"),
        ("optimizer", "optimizer"),
        ("average", "optimizer"),
        ("running", "objective"),
    ):
        if (difference := _difference(getattr(state, part), getattr(fresh, part))) is not None:
            raise ValueError(f"resume: the state is of another {owner}: {difference}")
    # Another x has other validation rows as well, so that x comes first.
    for name in sorted(state.origin, key=lambda name: name != "x"):
        if not np.array_equal(state.origin[name], fresh.origin[name]):
            raise ValueError(
                f"resume: expected the {name} of the call that the state is from (epochs, patience, "
                f"precision, callbacks and devices may change), found another {name}; with "
                "state.afresh(key) another run begins from its weights"
            )
    return eqx.tree_at(lambda s: s.origin, jax.tree.map(jnp.asarray, state), fresh.origin)


def _difference(found: PyTree, expected: PyTree) -> str | None:
    """The first leaf that is not in both trees with one shape."""
    a, b = (
        {jax.tree_util.keystr(path): np.shape(leaf) for path, leaf in jax.tree.leaves_with_path(tree)}
        for tree in (found, expected)
    )
    for name in (*b, *a):
        if a.get(name) != b.get(name):
            was, now = (f"shape {tree[name]}" if name in tree else "none" for tree in (a, b))
            return f"{name.lstrip('.')} has {was} in the state, {now} in this call"
    return None
