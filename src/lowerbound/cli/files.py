"""What verbs read and write besides the model."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lowerbound.data.sources import Source
    from lowerbound.training.fit import Result

__all__ = ["provenance", "usable_folder", "without_nan", "write_json", "write_lines"]


def usable_folder(out: Path, overwrite: bool) -> None:
    """Whether results can be written to `out` in the end, asked before any work is done.

    **Raises:** `FileExistsError`, `NotADirectoryError`, `PermissionError` in one line.
    """
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"--out {out}: expected a folder, found a file")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise FileExistsError(f"--out {out}: the folder is not empty; take another, or pass --overwrite")
    above = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise PermissionError(f"--out {out}: {above} cannot be written")


def write_json(path: Path, content: Any) -> None:
    """One JSON document."""
    path.write_text(json.dumps(without_nan(content), indent=1, allow_nan=False) + "\n", "utf-8")


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """A JSON document a line."""
    path.write_text("".join(json.dumps(without_nan(r), allow_nan=False) + "\n" for r in records), "utf-8")


def without_nan(content: Any) -> Any:
    """`content` with NaN and infinity, which JSON has no words for, as null."""
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, float) and not abs(content) < float("inf"):
        return None
    return content


def provenance(train: Source, result: Result, seed: int) -> dict[str, Any]:
    """How a model came about: data, split, seed, versions, command."""
    from importlib.metadata import version

    held = result.validation_rows
    return {
        "data": {
            "source": train.name,
            "rows": len(train.x),
            "columns": train.x.shape[1],
            "column_names": None if train.columns is None else list(train.columns),
            "image_shape": None if train.image_shape is None else list(train.image_shape),
            "sha256": hashlib.sha256(train.x.tobytes()).hexdigest(),
        },
        "split": {
            "train_rows": len(result.train_rows),
            "validation_rows": 0 if held is None else len(held),
        },
        "seed": seed,
        "stopped": result.stopped,
        "best_step": result.best_step,
        "versions": {name: version(name) for name in ("lowerbound", "jax", "equinox", "numpyro", "optax")},
        "command": shlex.join(["lowerbound", *sys.argv[1:]]),
    }
