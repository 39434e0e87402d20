"""The parts of a model in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from lowerbound.leaves import Fixed, trainable
from lowerbound.models.conditional import Conditional
from lowerbound.models.part import Part, unwrapped
from lowerbound.models.vae import VAE
from lowerbound.networks.mlp import MLP
from lowerbound.networks.network import Wrapper

__all__ = ["described"]


def described(model: VAE) -> Iterator[tuple[str, str]]:
    """The parts of a model, how many numbers were trained, and its transform: a name and a few words each.

    >>> import jax, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> dict(described(model))["Likelihood"]
    'Bernoulli of 4 dimensions, conditioned by MLP (2 → 8, 8 → 8, 8 → 4)'
    """
    for name, part in (
        ("Prior", model.prior),
        ("Posterior", model.posterior),
        ("Likelihood", model.likelihood),
    ):
        yield name, _described(part)
    size = sum(leaf.size for leaf in jax.tree.leaves(trainable(model)))
    yield "Trained numbers", f"{size:,}"
    yield "Transform", type(model.transform).__name__


def _described(part: Part | Fixed) -> str:
    """A part of a model in a few words."""
    if isinstance(part, Conditional):
        family = part.family
        kind = f"{type(family).__name__} of {family.event_size:,} dimensions"
        return f"{kind}, conditioned by {_network(part.network)}"
    size = unwrapped(part).events.size
    return type(part).__name__ + ("" if size is None else f" of {size:,} dimensions")


def _network(network: Any) -> str:
    """A network's name and its widths, through what wraps it."""
    while isinstance(network, Wrapper):
        network = network.network
    widths = [np.shape(weight) for weight in network.weights] if isinstance(network, MLP) else []
    sizes = f" ({', '.join(' → '.join(map(str, shape)) for shape in widths)})" if widths else ""
    return f"{type(network).__name__}{sizes}"
