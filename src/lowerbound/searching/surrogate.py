"""A Gaussian process over codes: what a score is taken to be between the codes that were tried."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.linalg
from jaxtyping import Float
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

__all__ = ["Surrogate"]

# Codes by which the kernel is fitted: its cost is their cube, a hundred times.
_FITTED = 300
# The variance that is added for a Cholesky factor to exist, as a share of the kernel's.
_JITTER = 1e-6


@dataclass(frozen=True)
class Surrogate:
    """f ~ GP(0, s² k(∥z − z′∥/ℓ)), scores y = f(z) + N(0, σ²), with Matérn's kernel of smoothness 5/2,

        k(r) = (1 + √5 r + 5r²/3) exp(−√5 r),

    conditioned on codes and scores; `process` is scikit-learn's. Codes are handed in with lengths as they
    are to count; s, ℓ and σ maximise the likelihood of at most 300 of them, half of which are those that
    score best.
    """

    process: Any

    @classmethod
    def of(
        cls,
        z: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, " n"],
        random: np.random.Generator,
        before: Self | None = None,
    ) -> Self:
        """The process that is fitted to scores `y`, of about mean 0 and variance 1, at codes `z`; that of
        `before` is where the fit of the kernel begins."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        some = np.arange(len(z))
        if len(z) > _FITTED:
            order = np.argsort(-y, kind="stable")
            rest = random.permutation(order[_FITTED // 2 :])[: _FITTED - _FITTED // 2]
            some = np.sort(np.concatenate([order[: _FITTED // 2], rest]))
        scale, length, noise = (1.0, np.sqrt(z.shape[1]), 0.3) if before is None else before.hyperparameters
        kernel = ConstantKernel(scale, (1e-2, 1e2)) * Matern(length, (1e-2, 1e3), nu=2.5)
        kernel += WhiteKernel(noise, (1e-4, 1e1))
        # Threads win little here, and on cores that are shared wait for each other far longer; a sum over
        # one thread also has the same bits on another number of cores.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a bound that is met is no fault
            fitted = GaussianProcessRegressor(kernel).fit(z[some], y[some]).kernel_
            process = GaussianProcessRegressor(fitted.k1, alpha=fitted.k2.noise_level, optimizer=None)
            return cls(process.fit(z, y))

    @property
    def hyperparameters(self) -> tuple[float, float, float]:
        """s², ℓ and σ²."""
        kernel = self.process.kernel_
        return kernel.k1.constant_value, kernel.k2.length_scale, float(self.process.alpha)

    def mean(self, z: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        """E[f(z)∣y]."""
        return np.asarray(self.process.predict(z))

    def slope(self, z: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """∇E[f(z)∣y] = Σᵢ αᵢ ∇k(z, zᵢ), where α solves (K + σ²) α = y."""
        scale, length, _ = self.hyperparameters
        apart = (z[:, None, :] - self.process.X_train_[None]) / length
        r = np.sqrt(5) * np.linalg.norm(apart, axis=-1)
        weight = -scale * 5 / 3 * (1 + r) * np.exp(-r) * self.process.alpha_
        return np.einsum("mn,mnd->md", weight, apart) / length

    def draws(
        self, z: Float[np.ndarray, "m d"], n: int, random: np.random.Generator
    ) -> Float[np.ndarray, "n m"]:
        """`n` draws of f at all of `z` together, given y: E[f] + L e, where LLᵀ = Cov[f∣y]."""
        with threadpool_limits(1):
            mean, covariance = self.process.predict(z, return_cov=True)
            covariance[np.diag_indices_from(covariance)] += _JITTER * self.hyperparameters[0]
            root = scipy.linalg.cholesky(covariance, lower=True)
            return np.asarray(mean + random.standard_normal((n, len(z))) @ root.T)
