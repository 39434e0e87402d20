"""Baselines on disk, in the one format of the archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lowerbound.archive.store import read, write
from lowerbound.baselines.density import Density
from lowerbound.parts import kebab, names

__all__ = ["load_baselines", "save_baselines"]


def save_baselines(baselines: Mapping[str, Density], path: str | Path) -> None:
    """Baselines as one `.safetensors` file, which appears whole or not at all.

    **Raises:** `TypeError` for a density that is not the library's.

    >>> import tempfile, numpy as np
    >>> from lowerbound.baselines.products import BinomialMixture
    >>> coin = BinomialMixture(1, np.ones(1), note="a coin", probabilities=np.full((1, 1), 0.5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_baselines({"coin": coin}, f"{folder}/baselines.safetensors")
    ...     load_baselines(f"{folder}/baselines.safetensors")["coin"].note
    'a coin'
    """
    for name, density in baselines.items():
        if kebab(type(density).__name__) not in names("file"):
            raise TypeError(
                f"baseline {name!r}: expected one of the library's, found {type(density).__name__}"
            )
    write(dict(baselines), path, "baselines")


def load_baselines(path: str | Path) -> dict[str, Density]:
    """Baselines from a file of `save_baselines`, or ValueError in one line that names the file."""
    found = read(path, "baselines")
    if not isinstance(found, dict) or not all(isinstance(density, Density) for density in found.values()):
        raise ValueError(f"{path}: no baselines that can be read: expected densities by name")
    return found
