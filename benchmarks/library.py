"""The library's side of the benchmarks: the networks that all programs share, and the compiled loop that
`fit` calls, without what stands around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lowerbound as lb
from lowerbound.leaves import partition
from lowerbound.training.feed import Block, WholeFeed
from lowerbound.training.optimizer import Ascent
from lowerbound.training.run import Run
from lowerbound.training.state import State
from lowerbound.training.step import advance

__all__ = ["AEVB", "TABLE", "Network", "compiled_steps", "grey_rows", "model_of", "rows_of", "steps_of"]


@dataclass(frozen=True)
class Network:
    """The model that all train: MLPs of `depth` hidden layers of `width` units. With `bits` a Bernoulli
    likelihood of grey pixels that are binarised anew at each step; otherwise a Gaussian one with a scale from
    the network."""

    columns: int
    latent: int
    width: int
    depth: int
    bits: bool
    activation: str = "tanh"

    @property
    def outputs(self) -> int:
        """Numbers that the decoder puts out."""
        return self.columns if self.bits else 2 * self.columns


# The network of Auto-Encoding Variational Bayes on MNIST, and that of a table.
AEVB = Network(columns=784, latent=20, width=500, depth=1, bits=True)
TABLE = Network(columns=50, latent=10, width=64, depth=2, bits=False)


_ADAM = optax.scale_by_adam()  # as all peers have it


def grey_rows(n: int, d: int) -> np.ndarray:
    """Grey pixels, a fifth of them not blank. Their values do not change what a step costs."""
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (n, d), np.uint8) * (rng.random((n, d), np.float32) < 0.2)).astype(np.uint8)


def rows_of(network: Network, n: int) -> np.ndarray:
    """Rows that the network is made for."""
    if network.bits:
        return grey_rows(n, network.columns)
    return np.random.default_rng(0).standard_normal((n, network.columns), np.float32)


def model_of(network: Network) -> lb.VAE:
    """The library's model of this network."""
    k1, k2 = jax.random.split(jax.random.key(0))
    latent = lb.DiagonalGaussian(network.latent)
    event = (lb.Bernoulli if network.bits else lb.DiagonalGaussian)(network.columns)
    layers = {"width": network.width, "depth": network.depth, "activation": network.activation}
    return lb.VAE(
        lb.StandardNormal(network.latent),
        lb.Conditional(lb.MLP(network.columns, latent.size, **layers, key=k1), latent),
        lb.Conditional(lb.MLP(network.latent, event.size, **layers, key=k2), event),
    )


def steps_of(
    network: Network,
    x: np.ndarray,
    batch: int,
    objective: lb.Objective | None = None,
    precision: str | None = None,
) -> Callable[[int], None]:
    """Steps of the library's model of this network."""
    model = model_of(network)
    if network.bits:
        model = replace(model, transform=lb.DynamicBinarization())
    return compiled_steps(model, x, batch, objective or lb.ELBO(), precision)


def compiled_steps(
    model: lb.VAE,
    x: np.ndarray,
    batch_size: int,
    objective: lb.Objective,
    precision: str | None = None,
) -> Callable[[int], None]:
    """`(number) ↦` so many steps of Adam, on from where the last call ended."""
    parameters, constants = partition(model)
    run = Run(
        constants=constants,
        objective=objective,
        # A constant rate, as all peers have it, of which a run to the end would be longer than any round.
        optimizer=Ascent(_ADAM, jnp.asarray(1e-3), jnp.asarray(1.0), jnp.asarray(1e6), None, None),
        population=jnp.asarray(len(x)),
        weight_prior=None,
    )
    feed = WholeFeed(Block(jnp.asarray(x), None, jnp.asarray(len(x))), batch_size)
    state = State.initial(run, parameters, feed.shapes, jax.random.key(2))

    def steps(number: int) -> None:
        nonlocal state
        # Of float32 what JAX has by default, as all peers have it: TensorFloat-32 on a GPU.
        with jax.default_matmul_precision(precision or "tensorfloat32"):
            state, terms = advance((run, feed, state.step + number), state)
        jax.block_until_ready((state, terms))

    return steps
