"""Baselines on disk: arrays in one `.safetensors` file, everything else as JSON in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
from numpy.typing import NDArray

from lowerbound.archive.store import packed, unpacked
from lowerbound.archive.whole import write_whole
from lowerbound.baselines.density import Density
from lowerbound.baselines.families import FamilyMixture
from lowerbound.baselines.gaussians import Dequantized, FactorMixture, FullGaussianMixture
from lowerbound.baselines.products import BetaBinomialMixture, BinomialMixture, CategoricalMixture
from lowerbound.parts import kebab

__all__ = ["load_baselines", "save_baselines"]

FORMAT = "lowerbound-baselines-1"
GAUSSIANS = (FactorMixture, FullGaussianMixture, Dequantized)
PRODUCTS = (BinomialMixture, BetaBinomialMixture, CategoricalMixture)
KINDS: dict[str, type[Any]] = {kebab(kind.__name__): kind for kind in (*GAUSSIANS, *PRODUCTS, FamilyMixture)}


def save_baselines(baselines: Mapping[str, Density], path: str | Path) -> None:
    """Baselines as one `.safetensors` file, which appears whole or not at all.

    >>> import tempfile
    >>> coin = BinomialMixture(1, np.ones(1), note="a coin", probabilities=np.full((1, 1), 0.5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_baselines({"coin": coin}, f"{folder}/baselines.safetensors")
    ...     load_baselines(f"{folder}/baselines.safetensors")["coin"].note
    'a coin'
    """
    from safetensors.numpy import save as to_bytes

    arrays: dict[str, NDArray[Any]] = {}
    records = {name: _pack(density, name, arrays) for name, density in baselines.items()}
    metadata = {"format": FORMAT, "baselines": json.dumps(records)}
    write_whole(path, to_bytes(arrays, metadata))


def load_baselines(path: str | Path) -> dict[str, Density]:
    """Baselines from a file of `save_baselines`, or ValueError in one line that names the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"format: expected {FORMAT!r}, found {metadata.get('format')!r}")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        records = dict(json.loads(metadata["baselines"]))
        return {name: _unpack(record, name, arrays) for name, record in records.items()}
    except (SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not a file of baselines that can be read: {reason}") from error


def _pack(density: Any, prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The record of a density; its arrays go into `arrays`, named by where they belong."""
    name = type(density).__name__
    if type(density) not in KINDS.values():
        raise ValueError(f"baseline {prefix!r}: {name} cannot be saved")
    record: dict[str, Any] = {"kind": kebab(name)}
    for field in fields(density):
        value, place = getattr(density, field.name), f"{prefix}/{field.name}"
        if isinstance(value, np.ndarray):
            arrays[place] = np.ascontiguousarray(value)
        elif isinstance(value, eqx.Module):
            record[field.name] = {"module": packed(value, place, arrays)}
        else:
            record[field.name] = _pack(value, place, arrays) if is_dataclass(value) else value
    return record


def _unpack(record: dict[str, Any], prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if record["kind"] not in KINDS:
        raise ValueError(f"{prefix}: unknown kind {record['kind']!r}")
    kind = KINDS[record["kind"]]
    values = {}
    for name in (field.name for field in fields(kind)):
        value, place = record.get(name), f"{prefix}/{name}"
        if isinstance(value, dict) and "module" in value:
            value = unpacked(value["module"], place, arrays)
        elif isinstance(value, dict):
            value = _unpack(value, place, arrays)
        values[name] = arrays[place] if value is None else value
    return kind(**values)
