"""Schedules of β: a rate that counts less at first, so that z is put to use, and in full at the end."""

from __future__ import annotations

from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lowerbound.families.family import positive_size

__all__ = ["WarmUp"]

Shape = Literal["linear", "sigmoid"]

# How many standard units of the logistic function a sigmoid rise runs through, half of them on each side.
_REACH = 12.0


class WarmUp(eqx.Module):
    """A weight β that rises from 0 to `end` within `steps` steps of training and stays there, for
    `ELBO(beta=…)`:

        β(s) = end · f(min(1, 2ᵈ s′/c)),   s′ = s mod c,   c = steps/cycles,

    f(t) = t, or (σ(12 t − 6) − σ(−6))/(σ(6) − σ(−6)); with one cycle d = 0. With several it rises in the
    first half of each and stays at `end` in the second, d = 1, and falls back to 0 (Fu et al. 2019): what q
    has learned at a small β is there for the decoder again. Where a decoder could do without z, as one that
    sees tokens before, the rate of the model at β = 1 is kept that was learned below it (Bowman et al. 2016),
    and since it ends at 1 what is maximised then is the bound.

    **Arguments:** `steps`; `end`: the last weight; `shape`: `linear` or `sigmoid`; `cycles`.

    **Raises:** `ValueError` for a size that is none, an unknown shape, or an end below 0.

    >>> import jax.numpy as jnp
    >>> warm_up = WarmUp(100)
    >>> [float(warm_up(jnp.asarray(step))) for step in (0, 50, 100, 1000)]
    [0.0, 0.5, 1.0, 1.0]
    >>> [float(WarmUp(100, cycles=2)(jnp.asarray(step))) for step in (20, 40, 50, 70, 100)]
    [0.800000011920929, 1.0, 0.0, 0.800000011920929, 1.0]
    """

    steps: int = eqx.field(static=True)
    end: float = eqx.field(static=True)
    shape: Shape = eqx.field(static=True)
    cycles: int = eqx.field(static=True)

    def __init__(self, steps: int, *, end: float = 1.0, shape: Shape = "linear", cycles: int = 1):
        self.steps = positive_size("WarmUp.steps", steps)
        self.cycles = positive_size("WarmUp.cycles", cycles)
        if shape not in get_args(Shape):
            raise ValueError(f"WarmUp.shape: expected {' or '.join(get_args(Shape))}, found {shape!r}")
        if not end >= 0:
            raise ValueError(f"WarmUp.end: expected at least 0, found {end}")
        self.end, self.shape = float(end), shape

    def __call__(self, step: Array) -> Float[Array, ""]:
        cycle, rise = self.steps / self.cycles, 1 if self.cycles == 1 else 2
        t = jnp.minimum(1.0, rise * jnp.mod(step, cycle) / cycle)
        if self.shape == "sigmoid":
            low, high = jax.nn.sigmoid(-_REACH / 2), jax.nn.sigmoid(_REACH / 2)
            t = (jax.nn.sigmoid(_REACH * (t - 0.5)) - low) / (high - low)
        return self.end * jnp.where(step >= self.steps, 1.0, t)
