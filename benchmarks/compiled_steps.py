"""The library's side of the benchmarks: the compiled loop that `fit` calls, without what stands around it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import lowerbound as lb
from lowerbound.data.transforms import Transform
from lowerbound.leaves import partition
from lowerbound.training.loop import _ADAM
from lowerbound.training.state import Rows, Run, State
from lowerbound.training.step import advance


def grey_rows(n: int, d: int) -> np.ndarray:
    """Grey pixels, a fifth of them not blank. Their values do not change what a step costs."""
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (n, d)) * (rng.random((n, d)) < 0.2)).astype(np.uint8)


def compiled_steps(
    model: lb.VAE,
    x: np.ndarray,
    batch_size: int,
    objective: lb.Objective | None = None,
    transform: Transform | None = None,
) -> Callable[[int], None]:
    """`(number) ↦` so many steps of Adam, on from where the last call ended; by default on the ELBO of rows
    that are binarised anew at each step."""
    parameters, constants = partition(model)
    run = Run(
        constants=constants,
        objective=objective or lb.ELBO(),
        transform=transform or lb.DynamicBinarization(),
        optimizer=_ADAM,
        train=Rows(jnp.asarray(x), None, jnp.asarray(len(x))),
        validation=None,
        learning_rate=jnp.asarray(1e-3),
        warm_up=jnp.asarray(1.0),
        total_steps=jnp.asarray(1e6),
        clip_norm=None,
        averaging=None,
        weight_prior=None,
        batch_size=batch_size,
        mesh=None,
    )
    state = State.initial(parameters, run, jax.random.key(2))

    def steps(number: int) -> None:
        nonlocal state
        state, terms = advance((run, state.step + number), state)
        jax.block_until_ready((state, terms))

    return steps
