"""Expectation-maximisation for any mixture (Dempster, Laird & Rubin 1977)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

from lowerbound.baselines.density import Array, log_sum_exp

__all__ = ["alternation", "converged", "nearest_of"]

Mixture = TypeVar("Mixture")


def alternation(
    maximized: Callable[[Mixture, Array], tuple[Mixture, Array, float]],
    mixture: Mixture,
    responsibilities: Array,
) -> Iterator[tuple[Mixture, float]]:
    """E-steps and M-steps in turn, from the responsibilities p(k∣xᵢ), (n, k): yields (mixture, objective)
    after each M-step, without end.

    `maximized(mixture, responsibilities)`, the M-step, gives the next mixture, log w_k + log p(xᵢ∣k) of it at
    each row, (n, k), and what the objective has besides Σᵢ log Σ_k w_k p(xᵢ∣k), such as the logarithm of a
    prior on the parameters.
    """
    while True:
        mixture, joint, besides = maximized(mixture, responsibilities)
        evidence = log_sum_exp(joint)
        yield mixture, float(evidence.sum()) + besides
        responsibilities = np.exp(joint - evidence[:, None])


def nearest_of(x: Array, components: int, seed: int) -> Array:
    """Responsibilities (n, k) for EM to start from: 1 for the nearest of `components` random rows of x."""
    centres = x[np.random.default_rng(seed).choice(len(x), components, replace=False)]
    return np.eye(components)[((centres**2).sum(1) / 2 - x @ centres.T).argmin(1)]


def converged(iterations: Iterator[tuple[Mixture, float]], rows: int, steps: int) -> Mixture:
    """The mixture after the first step of EM that gains under 1e-4 nats a row, or after `steps`."""
    last = -np.inf
    for mixture, objective in islice(iterations, steps):  # noqa: B007
        if objective - last < 1e-4 * rows:
            break
        last = objective
    return mixture
