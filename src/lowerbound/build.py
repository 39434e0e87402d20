"""From rows and names to a model: what the command line asks for in words, as parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from lowerbound.conditional import Conditional
from lowerbound.convolution import ConvDecoder, ConvEncoder
from lowerbound.data.schema import choose
from lowerbound.data.transforms import Transform
from lowerbound.families.gaussian import DiagonalGaussian, FullGaussian
from lowerbound.inference import transformed
from lowerbound.keys import as_key
from lowerbound.model import VAE
from lowerbound.networks import MLP, Standardized
from lowerbound.objectives import ELBO, IWAE, Objective
from lowerbound.parts import nearest
from lowerbound.priors import LearnedPrior, StandardNormal

__all__ = ["Built", "build", "objective_named"]

POSTERIORS = {"diagonal-gaussian": DiagonalGaussian, "full-gaussian": FullGaussian}
PRIORS = ("standard-normal", "learned-prior")
NETWORKS = ("mlp", "conv")

Network = Callable[[Array], Array]


def objective_named(name: str, beta: float = 1.0) -> Objective:
    """The objective that an option names: `elbo` with the weight β of its KL, or `iwae` of 50 samples.

    >>> objective_named("iwae").samples
    50
    """
    if name == "elbo":
        return ELBO(beta=beta)
    if name != "iwae":
        raise ValueError(f"objective: unknown {name!r}; {nearest(name, ('elbo', 'iwae'))}")
    if beta != 1:
        raise ValueError(f"beta: goes with the objective elbo, found {beta} with iwae")
    return IWAE(50)


@dataclass(frozen=True)
class Built:
    """An untrained model, how it sees a row, and what was found in the data, in words."""

    model: VAE
    transform: Transform
    words: str


def build(
    x: np.ndarray,
    *,
    likelihood: str = "auto",
    binarize: str | None = None,
    posterior: str = "diagonal-gaussian",
    prior: str = "standard-normal",
    network: str = "mlp",
    image_shape: tuple[int, ...] | None = None,
    latent_dim: int = 10,
    width: int = 256,
    depth: int = 2,
    activation: str = "swish",
    key: PRNGKeyArray | int = 0,
) -> Built:
    """A VAE for the rows of `x` from the names of its parts.

    `network` is `mlp`, of `depth` hidden layers of `width` units, or `conv`, for rows that are images of
    `image_shape`, (height, width) or (height, width, channels). The encoder sees rows with their mean
    taken off and on a scale of about 1. `learned-prior` is the posterior's family with learned parameters.

    >>> built = build(np.array([[0, 1, 1], [1, 1, 0]]), latent_dim=2)
    >>> type(built.model.likelihood.family).__name__, built.model.posterior.family.event_size
    ('Bernoulli', 2)
    """
    for option, name, known in (
        ("posterior", posterior, POSTERIORS),
        ("prior", prior, PRIORS),
        ("network", network, NETWORKS),
    ):
        if name not in known:
            raise ValueError(f"{option}: unknown {name!r}; {nearest(name, known)}")
    if latent_dim < 1:
        raise ValueError(f"latent_dim: expected at least 1, found {latent_dim}")
    choice = choose(x, likelihood, binarize)
    encoder_key, decoder_key = jax.random.split(as_key(key))
    d = x.shape[1]
    latent = POSTERIORS[posterior](latent_dim)
    if network == "conv":
        shape = _image(image_shape, d)
        blocks = choice.family.size // choice.family.event_size
        inner: Network = ConvEncoder(shape, latent.size, width=width, activation=activation, key=encoder_key)
        decoder: Network = ConvDecoder(
            latent_dim, shape, blocks, width=width, activation=activation, key=decoder_key
        )
    else:
        mlp = partial(MLP, width=width, depth=depth, activation=activation)
        inner = mlp(d, latent.size, key=encoder_key)
        decoder = mlp(latent_dim, choice.family.size, key=decoder_key)
    seen = transformed(x[:4096], choice.transform)
    encoder = Standardized(
        inner,
        mean=jnp.asarray(seen.mean(0)),
        # One scale for all columns: a pixel that is almost always blank must not be blown up.
        scale=jnp.asarray(float(np.sqrt(seen.var(0).mean())) or 1.0),
    )
    model = VAE(
        prior=StandardNormal(latent_dim) if prior == "standard-normal" else LearnedPrior(latent),
        posterior=Conditional(encoder, latent),
        likelihood=Conditional(decoder, choice.family),
    )
    return Built(model, choice.transform, choice.words)


def _image(shape: tuple[int, ...] | None, columns: int) -> tuple[int, int, int]:
    """(height, width, channels) of a row that is an image."""
    if shape is None or len(shape) not in (2, 3) or int(np.prod(shape)) != columns:
        found = "none" if shape is None else "×".join(map(str, shape))
        raise ValueError(
            f"network: conv needs rows that are images, of an image_shape of {columns} values in all; found "
            f"{found}"
        )
    height, width, channels = (*shape, 1)[:3]
    return int(height), int(width), int(channels)
