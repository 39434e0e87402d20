"""Saving and loading: one file a value, arrays and the JSON of their structure together; never a pickle.

A file is safetensors. Its metadata name this `format`, its `schema`, what it `holds`, the `structure`
([`lowerbound.archive.structure`][]) and the SHA-256 of all of it. It names parts from a closed set
(`lowerbound.parts`), never a path of Python's imports. It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lowerbound.archive.documents import parsed
from lowerbound.archive.folder import MODEL, file_in
from lowerbound.archive.structure import Arrays, filled, packed, unpacked
from lowerbound.archive.whole import write_whole
from lowerbound.limits import RECORD
from lowerbound.models.vae import VAE

__all__ = [
    *("SCHEMA", "content_of", "sha256_of", "file_of", "read", "read_file"),
    *("save", "stored_in", "write", "write_file"),
]

# Raised by one where an older library could not read what a newer one writes.
SCHEMA = 3

_FORMAT = "lowerbound"
# The most bytes of a header: a structure as text in JSON, and where each array is.
_HEADER = 2 * RECORD


def save(model: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a model, a part of one, or a fitted estimator, into the folder `path`, which is made where it is
    missing.

    **Raises:** `FileExistsError` where the folder already holds a model, unless `overwrite`.

    >>> import tempfile, jax, lowerbound as lb
    >>> prior = lb.LearnedPrior(lb.DiagonalGaussian(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lb.save(prior, folder)
    ...     lb.load(folder).parameters.tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    path = Path(path)
    if not overwrite and (path / MODEL).exists():
        raise FileExistsError(f"{path} already holds a model; pass overwrite=True to replace it")
    path.mkdir(parents=True, exist_ok=True)
    write(model, path / MODEL, "model")


def stored_in(path: str | os.PathLike[str], *, like: Any = None) -> Any:
    """What the file of a model in the folder `path` holds, or what fills `like`."""
    file = file_in(path, MODEL)
    if file is None:
        raise FileNotFoundError(f"{path}: expected a saved model, found no {MODEL} there")
    return read(file, "model", like=like)


def write(value: Any, path: str | os.PathLike[str], holds: str) -> None:
    """Write a value as a file; `holds` is what it is called in the file and in errors."""
    arrays: Arrays = {}
    write_file(path, holds, packed(value, holds, arrays), arrays)


def read(path: str | os.PathLike[str], holds: str, *, like: Any = None) -> Any:
    """The value that [`write`][] wrote, or what fills `like`.

    **Raises:** `FileNotFoundError`; `ValueError` in one line that names the file.
    """
    structure, arrays = read_file(path, holds)
    try:
        if like is not None:
            return filled(like, holds, arrays)
        value = unpacked(structure, holds, arrays)
        if isinstance(value, VAE) and not value.takes_given:
            # Do the parts fit each other? Traced, not computed.
            value.event()
        return value
    except Exception as error:  # what a part makes of fields that it never had is not to be foreseen
        raise _unreadable(path, holds, error) from None


def write_file(path: str | os.PathLike[str], holds: str, structure: Any, arrays: Mapping[str, Any]) -> None:
    """A structure and its arrays as one file."""
    write_whole(path, file_of(holds, structure, arrays))


def read_file(path: str | os.PathLike[str], holds: str) -> tuple[Any, Arrays]:
    """The structure and the arrays of a file.

    **Raises:** `FileNotFoundError`; `ValueError` for one that is of another format or schema, that holds
    something else, or that is not as it was written.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    return content_of(Path(path).read_bytes(), holds, str(path))


def file_of(holds: str, structure: Any, arrays: Mapping[str, Any]) -> bytes:
    """What such a file is made of."""
    from safetensors.numpy import save as to_bytes

    text = json.dumps(structure, allow_nan=False)
    about = {"format": _FORMAT, "schema": str(SCHEMA), "holds": holds, "structure": text}
    tensors = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return to_bytes(tensors, about | {"sha256": sha256_of(about, tensors)})


def content_of(file: bytes, holds: str, name: str) -> tuple[Any, Arrays]:
    """The structure and the arrays of the file that is called `name`; raises as [`read_file`][] does."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        length = int.from_bytes(file[:8], "little")
        if length > min(len(file), _HEADER):
            raise ValueError(f"its header says that it has {length:,} bytes, of a file of {len(file):,}")
        arrays = from_bytes(file)
        # The library gives no metadata of bytes: after 8 of a length, JSON that it has just found sound.
        about = dict(json.loads(file[8 : 8 + length]).get("__metadata__", {}))
        _check(about, "format", "the format", _FORMAT)
        _check(about, "schema", "the schema", str(SCHEMA))
        _check(about, "holds", "a file of", holds)
        if about.pop("sha256", None) != sha256_of(about, arrays):
            raise ValueError("its content is not what was written (changed since)")
        return parsed(about["structure"]), arrays
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unreadable(name, holds, error) from None


def _check(about: Mapping[str, str], name: str, words: str, expected: str) -> None:
    if about.get(name) != expected:
        way_out = "; read it with the version of lowerbound that wrote it" if name == "schema" else ""
        raise ValueError(f"expected {words} {expected!r}, found {about.get(name)!r}{way_out}")


def sha256_of(about: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 of text by name and of arrays."""
    digest = hashlib.sha256(json.dumps(sorted(about.items())).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _unreadable(name: str | os.PathLike[str], holds: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"{name}: no {holds} that can be read: {reason}")
