"""The optimiser: NAdam as a value, or any Optax transformation; and one step of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from lowerbound.training import defaults
from lowerbound.training.checks import check_number

__all__ = ["Ascent", "NAdam", "constant_adam", "schedule"]

# One object for every run with NAdam, so that they share a compiled program.
_NADAM = optax.scale_by_adam(nesterov=True)


@dataclass(frozen=True)
class NAdam:
    """Adam with Nesterov's momentum (Dozat 2016), on MNIST 0.4 nats ahead of Adam's own, elsewhere level with
    it. Its numbers are no part of a compiled program.

    **Arguments:**

    - `learning_rate`: at its height; it warms up linearly over the share `warm_up` of all steps and falls to
      0 as half a cosine.
    - `clip_norm`: largest norm of a step's gradient, in nats; `None` for no limit. Few steps reach 100, but
      one that is far above it stays in Adam's memory for a thousand: without a limit Frey faces ended 217
      nats lower, and one of four runs on white wine, which has an outlier, was not finite.
    - `averaging`: decay of an exponential average of the weights, which is what is evaluated and returned;
      `None` for none. Where early stopping ends a run, the rate is still high and the last weights are noise:
      the average is better by 0.5 nats of log p(x) and 1.1 of the bound on the digits, by 4 and 12 on Frey
      faces; it costs 1 to 5 % of a step.

    **Raises:** `TypeError` and `ValueError` that name the argument and what was expected.

    >>> NAdam(learning_rate=1e-3)
    NAdam(learning_rate=0.001, warm_up=0.05, clip_norm=100.0, averaging=0.999)
    >>> NAdam(averaging=1.5)
    Traceback (most recent call last):
    ...
    ValueError: NAdam.averaging: expected a number above 0 and below 1, or None, found 1.5
    """

    learning_rate: float = defaults.LEARNING_RATE
    warm_up: float = 0.05
    clip_norm: float | None = 100.0
    averaging: float | None = 0.999

    def __post_init__(self) -> None:
        for name, expected, right in (
            ("learning_rate", "a number, at least 0", lambda rate: 0 <= rate < math.inf),
            ("warm_up", "a share of the steps, from 0 to 1", lambda share: 0 <= share <= 1),
            ("clip_norm", "a number of nats above 0", lambda norm: norm > 0),
            ("averaging", "a number above 0 and below 1", lambda decay: 0 < decay < 1),
        ):
            optional = name in ("clip_norm", "averaging")
            check_number(f"NAdam.{name}", getattr(self, name), expected, right, optional=optional)


class Ascent(eqx.Module):
    """An optimiser as a run holds it. Its numbers are arrays, so that others compile nothing; those of an
    Optax transformation, which is taken as it comes, are its own."""

    transformation: optax.GradientTransformation
    learning_rate: Array | None
    warm_up: Array  # steps
    total_steps: Array
    clip_norm: Array | None
    averaging: Array | None

    @classmethod
    def of(cls, optimizer: NAdam | optax.GradientTransformation, total_steps: int) -> Self:
        """The optimiser over so many steps."""
        if not isinstance(optimizer, NAdam):
            return cls(optimizer, None, jnp.ones(()), jnp.ones(()), None, None)
        return cls(
            _NADAM,
            learning_rate=_number(optimizer.learning_rate),
            warm_up=jnp.asarray(max(1.0, optimizer.warm_up * total_steps)),
            total_steps=jnp.asarray(float(total_steps)),
            clip_norm=_number(optimizer.clip_norm),
            averaging=_number(optimizer.averaging),
        )

    def climbed(
        self, parameters: PyTree, gradient: PyTree, state: PyTree, step: Array
    ) -> tuple[PyTree, PyTree]:
        """The parameters a step down the gradient of what is minimised, and the transformation's state."""
        if self.clip_norm is not None:
            shrink = jnp.minimum(1.0, self.clip_norm / _norm(gradient))
            gradient = jax.tree.map(lambda leaf: leaf * shrink, gradient)
        update, state = self.transformation.update(gradient, state, parameters)
        if self.learning_rate is not None:
            rate = self.learning_rate * schedule(step, self.warm_up, self.total_steps)
            update = jax.tree.map(lambda leaf: -rate * leaf, update)
        return optax.apply_updates(parameters, update), state

    def averaged(self, average: PyTree | None, parameters: PyTree, step: Array) -> PyTree | None:
        """The exponential average of the parameters, where there is one."""
        if self.averaging is None:
            return None
        # Early on the window is a fifth of the run so far, so that the start is forgotten.
        decay = jnp.minimum(self.averaging, (step + 1) / (step + 5))
        return optax.incremental_update(parameters, average, 1 - decay)


def _norm(gradient: PyTree) -> Float[Array, ""]:
    """‖∂‖, also where its square is beyond float32, as of a batch with a row that has run away: it is that
    row's gradient that brings it back."""
    leaves = jax.tree.leaves(gradient)

    def in_units_of(scale: Array) -> Array:
        # As inner products, 2 % of a step on a CPU; as sums of squares it would be 4 %.
        parts = [leaf / scale for leaf in leaves]
        return scale * jnp.sqrt(sum(jnp.vdot(part, part) for part in parts))

    def in_units_of_the_largest() -> Array:
        return in_units_of(jnp.stack([jnp.abs(leaf).max(initial=0.0) for leaf in leaves]).max())

    norm = in_units_of(jnp.ones(()))
    return jax.lax.cond(jnp.isfinite(norm), lambda: norm, in_units_of_the_largest)


def schedule(step: Array, warm_up: Array, total_steps: Array) -> Float[Array, ""]:
    """The learning rate's factor: linear warm-up, then half a cosine down to 0 (Loshchilov & Hutter 2017).

    >>> import jax.numpy as jnp
    >>> [round(float(schedule(jnp.asarray(step), 10.0, 110.0)), 4) for step in (0, 9, 60, 110)]
    [0.1, 1.0, 0.5, 0.0]
    """
    warm = jnp.minimum(1.0, (step + 1) / warm_up)
    progress = (step - warm_up) / jnp.maximum(total_steps - warm_up, 1)
    return warm * 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(progress, 0, 1)))


@cache
def constant_adam(learning_rate: float) -> optax.GradientTransformation:
    """Adam at a constant rate, with NAdam's limit on the gradient's norm; one object a rate, so that every
    run with it is the same compiled program."""
    return optax.chain(optax.clip_by_global_norm(NAdam().clip_norm), optax.adam(learning_rate))


def _number(value: float | None) -> Array | None:
    return None if value is None else jnp.asarray(float(value))
