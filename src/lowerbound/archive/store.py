"""Saving and loading: arrays in safetensors, structure and provenance in JSON; never a pickle.

A folder holds `model.safetensors` and `model.json`. The JSON names parts from a closed set
(`lowerbound.parts`), never a path of Python's imports; whatever else a model is made of is loaded into a
skeleton that the caller gives.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, UInt32

from lowerbound.archive.whole import write_whole
from lowerbound.models.vae import VAE
from lowerbound.parts import kebab, names, part

__all__ = ["SCHEMA", "Saved", "load", "packed", "read", "save", "unpacked", "write"]

# Raised by one where an older library could not read what a newer one writes.
SCHEMA = 2

_NO_ROWS = np.zeros((0, 2), np.uint32)


@dataclass(frozen=True)
class Saved:
    """What a folder holds: the model, where it came from, and arrays by name, among
    them the fingerprints ([`lowerbound.randomness.keys.content_hash`][]) of the rows that trained it and of
    those that chose it."""

    model: Any
    provenance: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def train_rows(self) -> UInt32[np.ndarray, "n 2"]:
        return self.arrays.get("train_rows", _NO_ROWS)

    @property
    def validation_rows(self) -> UInt32[np.ndarray, "m 2"]:
        return self.arrays.get("validation_rows", _NO_ROWS)


def save(model: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a model, or a fitted estimator, into the folder `path`.

    **Raises:** `FileExistsError` where the folder already holds a model, unless `overwrite`.

    >>> import tempfile, jax, lowerbound as lb
    >>> prior = lb.LearnedPrior(lb.DiagonalGaussian(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lb.save(prior, folder)
    ...     lb.load(folder).parameters.tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    path = Path(path)
    if not overwrite and (path / "model.json").exists():
        raise FileExistsError(f"{path} already holds a model; pass overwrite=True to replace it")
    # An estimator says itself what is to be kept of it.
    write(model.saved() if hasattr(model, "saved") else Saved(model), path)


def load(path: str | os.PathLike[str], *, like: Any = None) -> Any:
    """The model, or the estimator, that was saved in the folder `path`.

    **Arguments:** `like`: a skeleton, needed where the model has parts that are not the library's: a model
    of the same structure, built by your own code, whose arrays are replaced by the saved ones.

    **Raises:** `FileNotFoundError`; `ValueError` for a folder that is damaged, of a newer schema, or of
    another structure than `like`, in one line.
    """
    saved = read(path, like=like)
    if "estimator" not in saved.provenance:
        return saved.model
    from lowerbound.estimator import VariationalAutoencoder

    try:
        return VariationalAutoencoder.restored(saved)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not an estimator that can be read: {error}") from None


def write(saved: Saved, path: str | os.PathLike[str]) -> None:
    """Write everything about a model into the folder `path`, which is made where it is missing."""
    from safetensors.numpy import save as to_bytes

    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    structure = {
        "schema": SCHEMA,
        "model": packed(saved.model, "model", arrays),
        "provenance": saved.provenance,
    }
    arrays |= {f"arrays.{name}": array for name, array in saved.arrays.items()}
    tensors = to_bytes({name: np.asarray(array, order="C") for name, array in arrays.items()})
    structure["sha256"] = hashlib.sha256(tensors).hexdigest()
    # The JSON comes last and knows the arrays' hash: a folder half written is seen to be so.
    write_whole(path / "model.safetensors", tensors)
    write_whole(
        path / "model.json", json.dumps(structure, indent=1, allow_nan=False, default=_plain).encode() + b"\n"
    )


def read(path: str | os.PathLike[str], *, like: Any = None) -> Saved:
    """Everything that [`write`][] wrote."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    path = Path(path)
    for name in ("model.json", "model.safetensors"):
        if not (path / name).is_file():
            raise FileNotFoundError(f"{path}: expected a saved model, found no {name} there")
    try:
        structure = json.loads((path / "model.json").read_text("utf-8"))
        schema = structure["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path / 'model.json'}: not the JSON of a saved model ({error})") from None
    if schema != SCHEMA:
        raise ValueError(
            f"{path / 'model.json'}: expected schema {SCHEMA}, found {schema!r}; read it with the "
            "version of lowerbound that wrote it, or a later one"
        )
    tensors = (path / "model.safetensors").read_bytes()
    if hashlib.sha256(tensors).hexdigest() != structure.get("sha256"):
        raise ValueError(
            f"{path / 'model.safetensors'}: not the arrays that model.json was written with (truncated, "
            "or changed since)"
        )
    try:
        arrays = from_bytes(tensors)
        if like is None:
            model = unpacked(structure["model"], "model", arrays)
        else:
            model = _filled(like, "model", arrays)
        if like is None and isinstance(model, VAE) and not model.takes_given:
            # Do the parts fit each other? Traced, not computed.
            model.event()
        return Saved(
            model,
            structure["provenance"],
            {n.removeprefix("arrays."): a for n, a in arrays.items() if n.startswith("arrays.")},
        )
    except SafetensorError as error:
        raise ValueError(f"{path / 'model.safetensors'}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: not a model that can be read: {error}") from None


def _plain(value: Any) -> Any:
    """A NumPy number as JSON has it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot be stored as JSON: {type(value).__name__}")


def packed(node: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """`node` as JSON, its arrays put into `arrays` under their place in the tree."""
    if node is None or isinstance(node, (bool, int, float, str)):
        return node
    if eqx.is_array(node):
        arrays[name] = np.asarray(node)
        return {"array": name}
    if isinstance(node, (tuple, list)):
        return [packed(item, f"{name}.{i}", arrays) for i, item in enumerate(node)]
    kind = type(node)
    called = kebab(kind.__name__)
    if called in names("file") and kind is part(called, "file"):
        inside = {f.name: packed(getattr(node, f.name), f"{name}.{f.name}", arrays) for f in fields(kind)}
        return {"part": called, **inside}
    # A part of the user's own: its arrays alone, by their place, for a skeleton.
    for place, leaf in jax.tree.leaves_with_path(node):
        if eqx.is_array(leaf):
            arrays[name + _dotted(place)] = np.asarray(leaf)
    return {"custom": kind.__name__}


def unpacked(record: Any, name: str, arrays: Mapping[str, np.ndarray]) -> Any:
    """What [`packed`][] made a record of, with its arrays again."""
    if isinstance(record, list):
        return tuple(unpacked(item, f"{name}.{i}", arrays) for i, item in enumerate(record))
    if not isinstance(record, dict):
        return record
    if "custom" in record:
        raise ValueError(
            f"{name} is a part of your own ({record['custom']}); give its structure: "
            "lb.load(path, like=model)"
        )
    if "array" in record:
        return jnp.asarray(arrays[name])
    kind = part(record["part"], "file")
    names = {f.name for f in fields(kind)}
    if set(record) != names | {"part"}:
        raise ValueError(f"{name}: expected the fields {sorted(names)}, found {sorted(set(record))}")
    # A module is a frozen dataclass; its __init__ takes sizes and keys, not the fields that it made.
    module = object.__new__(kind)
    for f in names:
        object.__setattr__(module, f, unpacked(record[f], f"{name}.{f}", arrays))
    return module


def _filled(skeleton: PyTree, name: str, arrays: dict[str, np.ndarray]) -> PyTree:
    """`skeleton` with its arrays replaced by those of the same place."""
    expected = {name + _dotted(p) for p, leaf in jax.tree.leaves_with_path(skeleton) if eqx.is_array(leaf)}
    found = {key for key in arrays if key.startswith(f"{name}.")}
    if expected != found:
        differing = ", ".join(sorted(expected ^ found)[:3])
        raise ValueError(f"like: another structure than what was saved (they differ in {differing})")

    def replaced(place: Any, leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        array = arrays[name + _dotted(place)]
        if array.shape != leaf.shape:
            raise ValueError(
                f"like: expected {name + _dotted(place)} of shape {array.shape}, as saved, found {leaf.shape}"
            )
        return jnp.asarray(array)

    return jax.tree.map_with_path(replaced, skeleton)


def _dotted(place: Any) -> str:
    return "".join(f".{getattr(k, 'name', getattr(k, 'idx', getattr(k, 'key', k)))}" for k in place)
