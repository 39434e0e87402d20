"""Pareto k-hat: how heavy the tail of a row's importance weights is."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

__all__ = ["pareto_k_hat", "tail_length"]


def tail_length(samples: int) -> int:
    """M, how many of the largest of `samples` weights the fit is made to: min(K/5, 3√K), rounded up (Vehtari
    et al. 2024, equation 9).

    >>> tail_length(5000), tail_length(100)
    (213, 20)
    """
    return math.ceil(min(samples / 5, 3 * math.sqrt(samples)))


def pareto_k_hat(largest: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " n"]:
    """The shape k̂ of a generalised Pareto fitted to each row's largest weights.

    **Arguments:** `largest`: (n, M + 1) log-weights in descending order; the last is the threshold that
    the M others exceed. The fit is Zhang & Stephens' (2009), with the prior of Vehtari et al. (2024,
    appendix G). Weights that are equal up to float32's rounding give 0; fewer than 5 exceedances NaN.

    >>> rng = np.random.default_rng(0)
    >>> heavy = -0.9 * np.log(rng.uniform(size=(1, 5000)))            # Pareto weights of shape 0.9
    >>> bool(abs(pareto_k_hat(-np.sort(-heavy)[:, :213])[0] - 0.9) < 0.15)
    True
    """
    largest = np.asarray(largest, np.float64)
    n, M = largest.shape[0], largest.shape[1] - 1
    if M < 5:
        return np.full(n, np.nan)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        relative = largest - largest[:, :1]
        exceedance = (np.exp(relative[:, :-1]) - np.exp(relative[:, -1:]))[:, ::-1]
        k_hat = np.concatenate([_generalized_pareto(block) for block in _blocks(exceedance)])
    equal = relative[:, -1] > -1e-5
    return np.where(equal, 0.0, k_hat)


def _blocks(rows: np.ndarray, size: int = 500) -> list[np.ndarray]:
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def _generalized_pareto(x: Float[np.ndarray, "n M"]) -> Float[np.ndarray, " n"]:
    """Zhang & Stephens' estimate of k from exceedances in ascending order, one a row."""
    M = x.shape[1]
    grid = 30 + int(math.sqrt(M))
    quartile = x[:, int(M / 4 + 0.5) - 1, None]
    spread = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = 1 / x[:, -1:] + spread / (3 * quartile)
    k = np.log1p(-theta[:, :, None] * x[:, None, :]).mean(-1)
    log_profile = M * (np.log(-theta / k) - k - 1)
    weight = np.exp(log_profile - log_profile.max(-1, keepdims=True))
    theta_hat = (theta * weight).sum(-1) / weight.sum(-1)
    k_hat = np.log1p(-theta_hat[:, None] * x).mean(-1)
    return (M * k_hat + 10 * 0.5) / (M + 10)
