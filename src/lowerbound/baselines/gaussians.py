"""Gaussians, their mixtures and scikit-learn's fits of them; and what they say of whole numbers."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from numpy.typing import ArrayLike

from lowerbound.baselines.density import Array, check, log_sum_exp, of_rows, real, whole
from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.randomness.keys import as_key, content_key

__all__ = ["Dequantized", "FactorMixture", "FullGaussianMixture", "Gaussian", "fit_factors", "fit_gaussians"]


@dataclass(frozen=True, eq=False)
class _Mixture(ABC):
    """p(x) = Σ_k w_k N(z; μ_k, Σ_k) / Π_d s_d,  z = (x - m) / s, where a member says what Σ_k is.

    Nats, Lebesgue measure in the units of x. `shift` m, `scale` s, `weights` w, `means` μ.
    """

    shift: Float[np.ndarray, " d"]
    scale: Float[np.ndarray, " d"]
    weights: Float[np.ndarray, " k"]
    means: Float[np.ndarray, "k d"]

    def __post_init__(self) -> None:
        check(self, "shift", "means", "loadings", "precision_roots")

    @abstractmethod
    def squares(self, z: Array) -> Array:
        """(z - μ_k)ᵀ Σ_k⁻¹ (z - μ_k) + log |Σ_k|: (n, d) → (n, k)."""

    def score(self, x: Array) -> Array:
        """log p(x) for a chunk of rows: (n, d) → (n,)."""
        normaliser = self.scale.size * np.log(2 * np.pi) / 2 + np.log(self.scale).sum()
        return (
            log_sum_exp(np.log(self.weights) - self.squares((x - self.shift) / self.scale) / 2) - normaliser
        )

    def log_prob(self, x: ArrayLike) -> Array:
        """Per row, log p(x): (n, d) → (n,)."""
        return of_rows(self.score, real(x, self.shift.size))


@dataclass(frozen=True, eq=False)
class FactorMixture(_Mixture):
    """Gaussian mixture whose covariances are low rank plus diagonal: Σ_k = Λ_k Λ_kᵀ + diag ψ_k.

    One component is factor analysis; no factors (r = 0) is a diagonal mixture. The covariance is inverted
    by Woodbury's identity: with L = ψ^-½ Λ and M = I + LᵀL, the quadratic form is
    |ψ^-½ δ|² - |M^-½ Lᵀ ψ^-½ δ|² and the log-determinant Σ log ψ + log |M|. `noise` ψ, `loadings` Λ.

    >>> one = FactorMixture(np.zeros(1), np.ones(1), np.ones(1), np.zeros((1, 1)),
    ...                     np.ones((1, 1)), np.zeros((1, 1, 0)), note="N(0, 1)")
    >>> one.log_prob([[0.0], [1.0]]).round(4)
    array([-0.9189, -1.4189])
    """

    noise: Float[np.ndarray, "k d"]
    loadings: Float[np.ndarray, "k d r"]
    note: str

    def squares(self, z: Array) -> Array:
        precision = 1 / self.noise
        weighted = self.means * precision
        constant = (self.means * weighted).sum(1) + np.log(self.noise).sum(1)
        square = z**2 @ precision.T - 2 * z @ weighted.T + constant
        scaled = self.loadings * precision[:, :, None]  # ψ⁻¹ Λ
        capacitance = np.eye(self.loadings.shape[2]) + self.loadings.transpose(0, 2, 1) @ scaled  # M
        # P Pᵀ = ψ⁻¹ Λ M⁻¹ Λᵀ ψ⁻¹, from M = C Cᵀ
        roots = np.linalg.solve(np.linalg.cholesky(capacitance), scaled.transpose(0, 2, 1))
        for k, root in enumerate(roots):
            square[:, k] -= (((z - self.means[k]) @ root.T) ** 2).sum(1)
        return square + np.linalg.slogdet(capacitance)[1]


@dataclass(frozen=True, eq=False)
class FullGaussianMixture(_Mixture):
    """Gaussian mixture with full covariances, Σ_k⁻¹ = P_k P_kᵀ: `precision_roots` P, upper triangular."""

    precision_roots: Float[np.ndarray, "k d d"]
    note: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.einsum("kdd->kd", self.precision_roots) > 0).all():
            raise ValueError("precision_roots: expected a positive diagonal")

    def squares(self, z: Array) -> Array:
        components = zip(self.means, self.precision_roots, strict=True)
        squares = [(((z - mean) @ root) ** 2).sum(1) for mean, root in components]
        log_roots = np.log(np.einsum("kdd->kd", self.precision_roots)).sum(1)
        return np.stack(squares, axis=1) - 2 * log_roots


Gaussian = FactorMixture | FullGaussianMixture


@dataclass(frozen=True, eq=False)
class Dequantized:
    """A density on the reals as a lower bound for whole numbers.

    log P(x) = log ∫_[0,1)ᴰ p(x + u) du ≥ E_u[log p(x + u)] ≈ (1/J) Σ_j log p(x + u_j)

    by Jensen's inequality (Theis, van den Oord, Bethge 2016, arXiv:1511.01844): nats, counting measure.
    The noise u of a row is a function of (seed, the row's own content), so a subset or a permutation of
    rows gives each row the number it had.

    >>> flat = FactorMixture(np.zeros(1), np.ones(1), np.ones(1), np.zeros((1, 1)),
    ...                      np.full((1, 1), 1e6), np.zeros((1, 1, 0)), note="N(0, 1000²)")
    >>> Dequantized(flat, seed=0, draws=4).log_prob([[0], [3]]).round(3)
    array([-7.827, -7.827])
    """

    density: Gaussian
    seed: int
    draws: int

    def __post_init__(self) -> None:
        check(self, "seed")

    @property
    def note(self) -> str:
        return f"{self.density.note}; a lower bound, through uniform dequantisation"

    def log_prob(self, x: ArrayLike) -> Array:
        """The bound on log P(x) per row: whole numbers (n, d) → (n,)."""
        return of_rows(
            lambda rows: np.mean([self.density.score(rows + u) for u in self._noise(rows)], axis=0),
            whole(x, self.density.shift.size),
        )

    def _noise(self, rows: Array) -> Array:
        """Noise u in [0, 1): (draws, n, d)."""
        noise = in_chunks(_uniform, (as_key(self.seed), jnp.arange(self.draws)), rows, chunk=CHUNK)
        return np.asarray(noise, np.float64).swapaxes(0, 1)


def _uniform(constants: tuple[PRNGKeyArray, jax.Array], row: jax.Array) -> jax.Array:
    """Draw j of a row depends on (key, the row's content, j) only."""
    key, draws = constants
    key = content_key(key, row, "dequantization")
    return jax.vmap(lambda j: jax.random.uniform(jax.random.fold_in(key, j), row.shape))(draws)


def fit_factors(x: Array, factors: int, *, seed: int) -> FactorMixture:
    """Factor analysis by maximum likelihood, `sklearn.decomposition.FactorAnalysis`."""
    from sklearn.decomposition import FactorAnalysis

    shift, scale = _standardization(x)
    z, tolerance = (x - shift) / scale, 1e-2
    if len(z) > 2 * z.shape[1]:
        # The likelihood sees rows through ZᵀZ = RᵀR only, and (R, -R) has that and mean zero: the same
        # iterations on 2d rows, some thirty times as fast. The tolerance is on a sum over rows.
        root = np.linalg.qr(z, mode="r") * np.sqrt(z.shape[1] / len(z))
        z = np.concatenate([root, -root])
        tolerance *= len(z) / len(x)
    model = FactorAnalysis(factors, tol=tolerance, max_iter=1000, random_state=seed)
    stopped = _quietly(model.fit, z)
    weights, means = np.ones(1), np.zeros((1, x.shape[1]))
    noise = np.maximum(model.noise_variance_, 1e-6)[None]  # a column without noise has no density
    note = f"factor analysis, {factors} factor{'s' * (factors > 1)} (scikit-learn){stopped}"
    return FactorMixture(shift, scale, weights, means, noise, model.components_.T[None], note)


def fit_gaussians(
    x: Array, size: tuple[int, float], *, seed: int, covariance: Literal["full", "diag"]
) -> Gaussian:
    """Gaussian mixture by EM, `sklearn.mixture.GaussianMixture`; size = (components, ridge).

    The ridge is added to each variance, of columns scaled to variance 1.
    """
    from sklearn.mixture import GaussianMixture

    k, ridge = size
    shift, scale = _standardization(x)
    model = GaussianMixture(k, covariance_type=covariance, reg_covar=ridge, max_iter=200, random_state=seed)
    stopped = _quietly(model.fit, (x - shift) / scale)
    form = {"full": "full", "diag": "diagonal"}[covariance]
    note = f"Gaussian mixture, {k} component{'s' * (k > 1)} of {form} covariance, ridge {ridge:g}"
    note = f"{note} (scikit-learn){stopped}"
    common = (shift, scale, model.weights_, model.means_)
    if covariance == "full":
        return FullGaussianMixture(*common, model.precisions_cholesky_, note)
    return FactorMixture(*common, model.covariances_, np.zeros((k, x.shape[1], 0)), note)


def _standardization(x: Array) -> tuple[Array, Array]:
    return x.mean(0), np.where(np.ptp(x, axis=0) > 0, x.std(0), 1.0)


def _quietly(fit: Callable[[Array], object], x: Array) -> str:
    """Fit; a search that stopped early is said in the note instead of in a warning."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        fit(x)
    return ", stopped before it converged" if caught else ""
