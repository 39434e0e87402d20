"""Going on from a state: in the run that it is of, and in no other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray, PyTree
from numpyro.distributions import Distribution

from lowerbound.data.others import Others
from lowerbound.data.pieces import in_pieces
from lowerbound.training.division import Division
from lowerbound.training.optimizer import NAdam
from lowerbound.training.order import Runs
from lowerbound.training.run import Run
from lowerbound.training.state import Origin, State

__all__ = ["check_same", "forms", "origin_of", "taken_up"]


def origin_of(
    run: Run,
    division: Division,
    batch_size: int,
    optimizer: NAdam | optax.GradientTransformation,
    key: PRNGKeyArray,
    precision: str | None,
    runs: Runs | None,
) -> Origin:
    """What a state is held against where a run goes on from it: 64 bits of each thing that has to be the
    same, by the name of the argument."""
    # What an Optax transformation is made of shows in the structure of its state alone.
    ascent = repr(optimizer) if isinstance(optimizer, NAdam) else "Optax"
    return {
        "key": _hash([np.asarray(jax.random.key_data(key)).tobytes()]),
        "x": _hash(_content(division.rows.x, division.rows.given, division.rows.weight)),
        "memory": _hash([str(runs).encode()]),
        "validation": _hash(_content(_numbers(division), division.held_rows, *_handed_in(division))),
        "model": _hash(_constants(run.constants)),
        "batch_size": _hash([str(batch_size).encode()]),
        "objective": _hash(_constants(run.objective)),
        "optimizer": _hash([ascent.encode()]),
        "weight_prior": _hash([str(run.weight_prior).encode()]),
        "precision": _hash([str(precision).encode()]),
    }


def _numbers(division: Division) -> np.ndarray:
    """What says which rows are trained on."""
    numbers = division.train_rows
    return numbers.left_out if isinstance(numbers, Others) else np.asarray(numbers)


def _handed_in(division: Division) -> tuple[np.ndarray | None, ...]:
    """Validation rows that are no rows of x."""
    return (
        () if division.held is division.rows else (division.held.x, division.held.given, division.held.weight)
    )


def _content(*arrays: np.ndarray | None) -> Iterator[Any]:
    for array in arrays:
        if array is not None:
            yield str((array.shape, array.dtype)).encode()
            yield from (np.ascontiguousarray(piece).reshape(-1).view(np.uint8) for piece in in_pieces(array))


def _constants(tree: PyTree) -> Iterator[bytes]:
    """What a tree is made of: its structure and its numbers, the same in every process."""
    leaves, structure = jax.tree.flatten(tree, is_leaf=lambda node: isinstance(node, Distribution))
    # Where an object has no words of its own, Python's say where it lies.
    yield re.sub(r" at 0x[0-9a-f]+", "", str(structure)).encode()
    for leaf in leaves:
        if isinstance(leaf, Distribution):  # the order of its arrays follows PYTHONHASHSEED
            yield type(leaf).__name__.encode()
            yield from sorted(str(np.asarray(array).tolist()).encode() for array in jax.tree.leaves(leaf))
        else:
            words = str(np.asarray(leaf).tolist()) if eqx.is_array(leaf) else repr(leaf)
            yield re.sub(r" at 0x[0-9a-f]+", "", words).encode()


def _hash(parts: Iterable[Any]) -> np.ndarray:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part)
    return np.frombuffer(digest.digest(), np.uint32)


# What shows in the form of a state whose it is.
_PARTS = {
    "parameters": "model",
    "optimizer": "optimizer",
    "average": "optimizer",
    "running": "objective",
}


def taken_up(state: State, fresh: State) -> State:
    """`state`, to go on from in the run whose state before its first step is `fresh`, in its precision.

    **Raises:** `ValueError` that names what is not as it was. A state that was made
    [`afresh`][lowerbound.training.state.State.afresh] fits any rows.
    """
    origin = {name: number for name, number in state.origin.items() if name != "precision"}
    check_same(forms(replace(state, origin={})), origin, fresh)
    return eqx.tree_at(lambda s: s.origin, jax.tree.map(jnp.asarray, state), fresh.origin)


def forms(tree: PyTree) -> dict[str, str]:
    """The type and the shape of each leaf, by its place.

    >>> forms({"mean": np.zeros(3, np.float32)})
    {'mean': 'float32[3]'}
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): (
            f"{jnp.result_type(leaf)}{list(np.shape(leaf))}".replace(" ", "")
        )
        for path, leaf in jax.tree.leaves_with_path(tree)
    }


def check_same(found: Mapping[str, str], origin: Mapping[str, Any], fresh: State) -> None:
    """Whether a state of these [`forms`][] and this origin is of the run whose state before its first step
    is `fresh`.

    **Raises:** `ValueError` that names the first difference.
    """
    expected = forms(replace(fresh, origin={}))
    for name in (*expected, *found):
        if found.get(name) != expected.get(name):
            was, now = (tree.get(name, "none") for tree in (found, expected))
            part, _, inside = name.partition(".")
            raise ValueError(
                f"resume: the state is of another {_PARTS.get(part, 'version of lowerbound')}: "
                f"{inside or part} is {was} in the state, {now} in this call"
            )
    # Another key draws other validation rows.
    for name in sorted(set(origin) & set(fresh.origin), key=lambda name: (name not in ("key", "x"), name)):
        if not np.array_equal(origin[name], fresh.origin[name]):
            raise ValueError(
                f"resume: expected the {name} of the call that the state is from (epochs, patience, "
                f"callbacks and devices may change), found another {name}; with state.afresh(key) another "
                "run begins from its weights"
            )
