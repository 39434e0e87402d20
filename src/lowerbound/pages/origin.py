"""How the model of a report was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from lowerbound.archive.store import Saved
from lowerbound.data.sources import Source
from lowerbound.leaves import trainable
from lowerbound.models.conditional import Conditional
from lowerbound.pages.html import section
from lowerbound.text import counted
from lowerbound.workflow import Metrics

__all__ = ["origin"]

Fact = tuple[str, str]


def origin(
    saved: Saved, source: Source, metrics: Metrics, history: Sequence[Mapping[str, Any]], seed: int
) -> str:
    """Data, parts, training, settings, versions and command, as they were recorded."""
    facts = [*_data(saved, source, metrics), *_model(saved), *_training(saved, history)]
    facts.append(("Evidence", f"importance sampling, {metrics['samples']:,} samples a row, seed {seed}"))
    if "versions" in saved.provenance:
        versions = saved.provenance["versions"].items()
        facts.append(("Versions, training", ", ".join(f"{name} {number}" for name, number in versions)))
    here = ", ".join(
        f"{name} {version(name)}" for name in ("lowerbound", "jax", "numpyro", "numpy", "matplotlib")
    )
    facts.append(("Versions, report", here))
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    if "command" in saved.provenance:
        command = escape(str(saved.provenance["command"]))
        listed += f"<dt>Command</dt><dd><pre><code>{command}</code></pre></dd>"
    return section("origin", "How it was made", f'<dl class="origin">{listed}</dl>')


def _data(saved: Saved, source: Source, metrics: Metrics) -> Iterator[Fact]:
    trained, split = saved.provenance.get("data", {}), saved.provenance.get("split", {})
    if trained:
        rows, columns, digest = (_recorded(trained.get(name)) for name in ("rows", "columns", "sha256"))
        yield "Trained on", f"{trained.get('source')}: {rows} rows of {columns}, SHA-256 {digest}"
    if split:
        fitted, chose = (_recorded(split.get(name)) for name in ("train_rows", "validation_rows"))
        yield "Split", f"{fitted} rows trained, {chose} chose the stopping point"
    digest = hashlib.sha256(np.ascontiguousarray(source.x).tobytes()).hexdigest()
    size = f"{counted(metrics['n_rows'], 'row')} of {metrics['n_dims']:,}"
    yield "Reported on", f"{source.name}: {size}, SHA-256 {digest}"


def _model(saved: Saved) -> Iterator[Fact]:
    for name in ("prior", "posterior", "likelihood"):
        yield name.capitalize(), _described(getattr(saved.model, name))
    size = sum(leaf.size for leaf in jax.tree.leaves(trainable(saved.model)))
    yield "Trained numbers", f"{size:,}"
    yield "Transform", type(saved.model.transform).__name__


def _training(saved: Saved, history: Sequence[Mapping[str, Any]]) -> Iterator[Fact]:
    made = saved.provenance
    if "stopped" in made:
        steps = f"; the model is of step {_recorded(made['best_step'])}" if "best_step" in made else ""
        ended = f", {history[-1]['epoch']:.0f} epochs" if history else ""
        yield "Training", f"seed {made.get('seed')}{ended}; stopped by {made['stopped']}{steps}"
    settings = made.get("estimator", {}).get("settings", {})
    if settings:
        yield "Estimator", ", ".join(f"{name}={value!r}" for name, value in settings.items())


def _described(part: Any) -> str:
    """A part of a model in a few words."""
    if isinstance(part, Conditional):
        family = part.family
        kind = f"{type(family).__name__} of {family.event_size:,} dimensions"
        return f"{kind}, conditioned by {_network(part.network)}"
    size = getattr(part, "event_size", None)
    return type(part).__name__ + (f" of {size:,} dimensions" if isinstance(size, int) else "")


def _network(network: Any) -> str:
    """A network's name and its widths, through what wraps it."""
    while hasattr(network, "network"):
        network = network.network
    widths = [np.shape(weight) for weight in getattr(network, "weights", ())]
    sizes = f" ({', '.join(' → '.join(map(str, shape)) for shape in widths)})" if widths else ""
    return f"{type(network).__name__}{sizes}"


def _recorded(value: Any) -> str:
    """What a file holds, which may be anything."""
    return f"{value:,}" if isinstance(value, int) else str(value)
