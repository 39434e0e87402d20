"""The pictures of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lowerbound as lb
from lowerbound import figures
from lowerbound.archive.store import Saved
from lowerbound.data.sources import Source
from lowerbound.workflow import observed

__all__ = ["draw"]


def draw(
    saved: Saved, history: Sequence[Mapping[str, Any]], source: Source, out: Path, seed: int
) -> list[Path]:
    """The bound over training, reconstructions, samples and their means, the latent codes, and of two
    latent dimensions the manifold."""
    model, shape = saved.model, source.image_shape
    rows = observed(model, source.x[:24], seed)
    means = lb.reconstruct(model, source.x[:24], key=seed)
    look: dict[str, Any] = {}
    if shape is not None:
        look["value_range"] = (0.0, float(observed(model, source.x[:1000], seed).max()))
        look["cmap"] = figures.grey_map(source.x[:1000], (0.0, float(source.x.max())))
    drawn = {"bound": figures.bound_over_training(history)} if history else {}
    drawn |= {
        "reconstructions": figures.reconstructions(rows, means, shape, **look),
        "samples": figures.samples(lb.sample(model, 60, key=seed), shape, **look),
        "sample-means": figures.samples(lb.sample(model, 60, key=seed, mean=True), shape, **look),
        "latents": figures.latent_scatter(
            lb.encode(model, source.x[:5000], key=seed),
            None if source.labels is None else source.labels[:5000],
        ),
    }
    # The manifold's grid is of equal masses of a standard normal.
    if shape is not None and isinstance(model.prior, lb.StandardNormal) and model.prior.event_size == 2:
        drawn["manifold"] = figures.manifold(lambda z: lb.decode(model, z), shape, **look)
    else:
        (out / "manifold.png").unlink(missing_ok=True)  # an earlier run's, that had one
    return [figures.save(figure, out / f"{name}.png") for name, figure in drawn.items()]
