"""Rows of a Ray Dataset, worked off by a pool of actors: a process each, which reads the run once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from lowerbound.cluster.batches import Mapped, mapped

__all__ = ["encode", "impute", "score"]

# Rows that an actor is handed at a time.
_BATCH = 8192


def score(
    dataset: Any,
    run: str | os.PathLike[str],
    *,
    carry: Sequence[str] = (),
    workers: int = 1,
    ray: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Log p(x) of the rows of a Ray Dataset, in nats, with its standard error, effective sample size and
    Pareto k-hat: a Dataset of the columns of [`Score`][lowerbound.cluster.maps.Score], to the bit those of
    one process; a row that is refused has none, and the column `refused` says why.

    Nothing is computed before the result is read. A Dataset's order is Ray's: `carry` a key to know rows by.

    **Arguments:** `run`: the folder of a run, which every node has to see; `carry`: columns of the rows that
    stand beside the results; `workers`: so many actors, a process each; `ray`: what else `map_batches` is to
    be given, such as `{"num_cpus": 4}` for each actor or another `batch_size`; the rest are those of `Score`,
    `seed=`, `unseen=`, `samples=`, `method=`, ….

    **Raises:** `ImportError` without Ray (the extra `cluster`); `TypeError` for another option; when the
    result is read, as [`RowMap`][lowerbound.cluster.row_map.RowMap] does.
    """
    return _over(dataset, mapped(run, "score", carry=carry, **options), workers, ray)


def encode(
    dataset: Any,
    run: str | os.PathLike[str],
    *,
    carry: Sequence[str] = (),
    workers: int = 1,
    ray: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """The posterior means E[z∣x] of the rows of a Ray Dataset, `z0`, `z1`, …, as [`score`][] does it, with
    the options of [`Encode`][lowerbound.cluster.maps.Encode]."""
    return _over(dataset, mapped(run, "encode", carry=carry, **options), workers, ray)


def impute(
    dataset: Any,
    run: str | os.PathLike[str],
    *,
    carry: Sequence[str] = (),
    workers: int = 1,
    ray: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """The rows of a Ray Dataset with their holes filled, as [`score`][] does it, with the options of
    [`Impute`][lowerbound.cluster.maps.Impute]."""
    return _over(dataset, mapped(run, "impute", carry=carry, **options), workers, ray)


class _Actor:
    """A process that holds the run."""

    def __init__(self, function: Mapped):
        self.function = function
        _ = function.rows.run  # read before the first rows come

    def __call__(self, batch: Any) -> Any:
        return self.function.of_table(batch)


def _over(dataset: Any, function: Mapped, workers: int, options: Mapping[str, Any] | None) -> Any:
    from ray.data import ActorPoolStrategy

    said: dict[str, Any] = {"batch_size": _BATCH, "compute": ActorPoolStrategy(size=workers)}
    said |= options or {}
    return dataset.map_batches(_Actor, fn_constructor_args=(function,), batch_format="pyarrow", **said)
