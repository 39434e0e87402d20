"""How the model of a report was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.metadata import version
from typing import Any

from lowerbound.archive.records import HistoryRecord, Metrics, Provenance
from lowerbound.data.sources import Source
from lowerbound.evidence.ladder import found_by
from lowerbound.inference.fingerprints import digest_of, fingerprints
from lowerbound.models.described import described
from lowerbound.models.vae import VAE
from lowerbound.pages.html import section
from lowerbound.text import counted

__all__ = ["origin"]

Fact = tuple[str, str]


def origin(
    model: VAE,
    source: Source,
    metrics: Metrics,
    provenance: Provenance | None,
    settings: Mapping[str, Any] | None,
    history: Sequence[HistoryRecord],
    seed: int,
) -> str:
    """Data, parts, training, settings, versions and command, as they were recorded."""
    facts = [*_data(provenance, source, metrics), *described(model), *_training(provenance, history)]
    if settings is not None:
        facts.append(("Estimator", ", ".join(f"{name}={value!r}" for name, value in settings.items())))
    facts.append(("Evidence", f"{found_by(metrics.methods, metrics.samples)}; seed {seed}"))
    if provenance is not None:
        versions = provenance.versions.items()
        facts.append(("Versions, training", ", ".join(f"{name} {number}" for name, number in versions)))
    here = ", ".join(
        f"{name} {version(name)}" for name in ("lowerbound", "jax", "numpyro", "numpy", "matplotlib")
    )
    facts.append(("Versions, report", here))
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    if provenance is not None and provenance.command is not None:
        listed += f"<dt>Command</dt><dd><pre><code>{escape(provenance.command)}</code></pre></dd>"
    return section("origin", "How it was made", f'<dl class="origin">{listed}</dl>')


def _data(provenance: Provenance | None, source: Source, metrics: Metrics) -> Iterator[Fact]:
    if provenance is not None:
        trained, split = provenance.data, provenance.split
        size = f"{trained.rows:,} rows of {trained.columns:,}"
        yield "Trained on", f"{trained.source}: {size}, SHA-256 {trained.sha256}"
        chose = f"{split.validation_rows:,} chose the stopping point"
        yield "Split", f"{split.train_rows:,} rows trained, {chose}"
    digest = digest_of(fingerprints(source.x))
    size = f"{counted(metrics.n_rows, 'row')} of {metrics.n_dims:,}"
    yield "Reported on", f"{source.name}: {size}, SHA-256 {digest}"


def _training(provenance: Provenance | None, history: Sequence[HistoryRecord]) -> Iterator[Fact]:
    if provenance is not None:
        ended = f", {history[-1]['epoch']:.0f} epochs" if history else ""
        steps = f"; the model is of step {provenance.best_step:,}"
        yield "Training", f"seed {provenance.seed}{ended}; stopped by {provenance.stopped}{steps}"
