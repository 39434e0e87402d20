"""Classical densities to hold a variational auto-encoder against: same rows, same measure, nats.

Every baseline is a frozen dataclass with `log_prob(x) -> (n,)` and a `note`, one plain line:

- Gaussians for any data: factor analysis and mixtures by EM, scikit-learn's own. Whole numbers
  are trained on x + u, u ~ U[0, 1)ᴰ, and scored as E_u[log p(x + u)] (`Dequantized`);
- products of a discrete family over the columns, and mixtures of K such products by EM, for
  Bernoulli, Binomial, BetaBinomial and Categorical data.

Sizes are chosen by the log-likelihood of a fifth of the *training* rows, then refitted on all.
"""

from __future__ import annotations

import json
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from hashlib import blake2b
from operator import index
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BetaBinomialMixture",
    "BinomialMixture",
    "CategoricalMixture",
    "Density",
    "Dequantized",
    "FactorMixture",
    "FullGaussianMixture",
    "ProductMixture",
    "expectation_maximization",
    "fit_baselines",
    "load_baselines",
    "paired_difference",
    "save_baselines",
]

Array = NDArray[np.float64]
Kind = Literal["bernoulli", "binomial", "beta-binomial", "categorical", "gaussian"]

# Grids for the choice of sizes; what the data cannot carry is left out of them.
FACTORS = (1, 2, 5, 10, 20, 40)
COMPONENTS = (2, 5, 20, 60, 180)
FULL_COMPONENTS = (1, 2, 5, 10, 20)

# Bounds on the work, in entries (rows by columns): beyond them a seeded choice of rows is trained
# on, and the note says so.
GAUSSIAN_ENTRIES = 4_000_000  # ~5,000 rows of 784 columns
TABLE_ENTRIES = 5_000_000  # ~6,000 rows of 784 columns; also values of log p(v; θ_kd) held
PRODUCT_ENTRIES = 50_000_000  # ~60,000 rows of 784 columns
SMALL_ENTRIES = 1_000_000  # up to here one thread is faster: products so small wait on each other
SELECTION_ENTRIES = 16_000_000  # rows that choose a size
FULL_COLUMNS = 200  # full covariances above this many columns have more parameters than data

PSEUDO_ROWS = 1.0  # smoothing of discrete mixtures: rows added to each component
CHUNK = 512  # rows scored at once


class Density(Protocol):
    """What a baseline is: a log-density per row, and one line that says what it is."""

    @property
    def note(self) -> str: ...

    def log_prob(self, x: ArrayLike) -> Array: ...


# ── Gaussians ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class FactorMixture:
    """Gaussian mixture whose covariances are low rank plus diagonal.

    p(x) = Σ_k w_k N(z; μ_k, Λ_k Λ_kᵀ + diag ψ_k) / Π_d s_d,  z = (x - m) / s

    One component is factor analysis; no factors (r = 0) is a diagonal mixture. Nats, Lebesgue
    measure in the units of x. The covariance is inverted by Woodbury's identity: with
    L = ψ^-½ Λ and M = I + LᵀL, the quadratic form is |ψ^-½ δ|² - |M^-½ Lᵀ ψ^-½ δ|² and
    the log-determinant Σ log ψ + log |M|.

    `shift` m, `scale` s: (d,); `weights` w: (k,); `means`, `noise` ψ: (k, d); `loadings` Λ:
    (k, d, r).

    >>> one = FactorMixture(np.zeros(1), np.ones(1), np.ones(1), np.zeros((1, 1)),
    ...                     np.ones((1, 1)), np.zeros((1, 1, 0)), note="N(0, 1)")
    >>> one.log_prob([[0.0], [1.0]]).round(4)
    array([-0.9189, -1.4189])
    """

    shift: Array
    scale: Array
    weights: Array
    means: Array
    noise: Array
    loadings: Array
    note: str

    def __post_init__(self) -> None:
        d, k = np.size(self.shift), np.size(self.weights)
        _expect(self, shift=(d,), scale=(d,), weights=(k,), means=(k, d), noise=(k, d))
        _expect(self, loadings=(k, d, np.shape(self.loadings)[-1]))
        _expect_positive(self, "scale", "noise")

    def log_prob(self, x: ArrayLike) -> Array:
        """Per row, log p(x): (n, d) → (n,)."""
        precision = 1 / self.noise
        weighted = self.means * precision
        constant = (self.means * weighted).sum(1) + np.log(self.noise).sum(1)
        scaled = self.loadings * precision[:, :, None]  # ψ⁻¹ Λ
        capacitance = np.eye(self.loadings.shape[2]) + self.loadings.transpose(0, 2, 1) @ scaled
        constant = constant + np.linalg.slogdet(capacitance)[1]
        # P P ᵀ = ψ⁻¹ Λ M⁻¹ Λᵀ ψ⁻¹, from M = C Cᵀ
        root = np.linalg.solve(np.linalg.cholesky(capacitance), scaled.transpose(0, 2, 1))

        def score(rows: Array) -> Array:
            z = (rows - self.shift) / self.scale
            square = z**2 @ precision.T - 2 * z @ weighted.T + constant
            if root.size:
                for k, (mean, projection) in enumerate(zip(self.means, root, strict=True)):
                    square[:, k] -= (((z - mean) @ projection.T) ** 2).sum(1)
            return _gaussian_mixture(square, self.weights, self.scale)

        return _in_chunks(score, _real(x, self.shift.size))


@dataclass(frozen=True, eq=False)
class FullGaussianMixture:
    """Gaussian mixture with full covariances, held as roots of the precisions.

    p(x) = Σ_k w_k N(z; μ_k, (P_k P_kᵀ)⁻¹) / Π_d s_d,  z = (x - m) / s

    Nats, Lebesgue measure in the units of x. `shift` m, `scale` s: (d,); `weights` w: (k,);
    `means` μ: (k, d); `precision_roots` P: (k, d, d), upper triangular.

    >>> one = FullGaussianMixture(np.zeros(1), np.ones(1), np.ones(1), np.zeros((1, 1)),
    ...                           np.ones((1, 1, 1)), note="N(0, 1)")
    >>> one.log_prob([[0.0], [1.0]]).round(4)
    array([-0.9189, -1.4189])
    """

    shift: Array
    scale: Array
    weights: Array
    means: Array
    precision_roots: Array
    note: str

    def __post_init__(self) -> None:
        d, k = np.size(self.shift), np.size(self.weights)
        _expect(self, shift=(d,), scale=(d,), weights=(k,), means=(k, d))
        _expect(self, precision_roots=(k, d, d))
        _expect_positive(self, "scale")
        if not (np.einsum("kdd->kd", self.precision_roots) > 0).all():
            raise ValueError("precision_roots: expected a positive diagonal")

    def log_prob(self, x: ArrayLike) -> Array:
        """Per row, log p(x): (n, d) → (n,)."""
        components = list(zip(self.means, self.precision_roots, strict=True))

        def score(rows: Array) -> Array:
            z = (rows - self.shift) / self.scale
            square = [
                (((z - mean) @ root) ** 2).sum(1) - 2 * np.log(np.diag(root)).sum()
                for mean, root in components
            ]
            return _gaussian_mixture(np.stack(square, axis=1), self.weights, self.scale)

        return _in_chunks(score, _real(x, self.shift.size))


@dataclass(frozen=True, eq=False)
class Dequantized:
    """A density on the reals as a lower bound for whole numbers.

    log P(x) = log ∫_[0,1)ᴰ p(x + u) du ≥ E_u[log p(x + u)] ≈ (1/J) Σ_j log p(x + u_j)

    by Jensen's inequality (Theis, van den Oord, Bethge 2016, arXiv:1511.01844): nats, counting
    measure. The noise u of a row is a function of (seed, the row's own content), so a subset or a
    permutation of rows gives each row the number it had.

    >>> flat = FactorMixture(np.zeros(1), np.ones(1), np.ones(1), np.zeros((1, 1)),
    ...                      np.full((1, 1), 1e6), np.zeros((1, 1, 0)), note="N(0, 1000²)")
    >>> Dequantized(flat, seed=0, draws=4).log_prob([[0], [3]]).round(3)
    array([-7.827, -7.827])
    """

    density: FactorMixture | FullGaussianMixture
    seed: int
    draws: int

    def __post_init__(self) -> None:
        if not isinstance(self.density, FactorMixture | FullGaussianMixture):
            raise ValueError("density: expected a Gaussian mixture")
        if not (_is_int(self.seed) and _is_int(self.draws) and self.draws > 0):
            raise ValueError("seed and draws: expected whole numbers, draws at least 1")

    @property
    def note(self) -> str:
        return f"{self.density.note}; a lower bound, through uniform dequantisation"

    def log_prob(self, x: ArrayLike) -> Array:
        """The bound on log P(x) per row: whole numbers (n, d) → (n,)."""
        x = _whole(x, self.density.shift.size)
        return _in_chunks(
            lambda rows: np.mean([self.density.log_prob(rows + u) for u in self._noise(rows)], axis=0),
            x,
        )

    def _noise(self, rows: Array) -> Array:
        """Noise u in [0, 1): (draws, n, d), keyed by seed and by the row as float32 (-0 as 0)."""
        secret = str(self.seed).encode()[:64]
        noise = np.empty((self.draws, *rows.shape))
        for i, row in enumerate(rows.astype(np.float32) + np.float32(0)):
            digest = blake2b(row.tobytes(), digest_size=16, key=secret).digest()
            bits = np.random.Philox(key=int.from_bytes(digest, "little"))
            noise[:, i] = np.random.Generator(bits).random((self.draws, rows.shape[1]))
        return noise


def _gaussian_mixture(square: Array, weights: Array, scale: Array) -> Array:
    """From |δ|²_Σ + log |Σ|, (n, k), to log Σ_k w_k exp(-½ …) (2π)^(-d/2) / Π s, (n,)."""
    normaliser = float(scale.size * np.log(2 * np.pi) / 2 + np.log(scale).sum())
    return _log_sum_exp(np.log(weights) - square / 2) - normaliser


# ── Products of a discrete family, and their mixtures ────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class ProductMixture(ABC):
    """p(x) = Σ_k w_k Π_d p(x_d; θ_kd) over whole numbers 0..n: nats, counting measure.

    Each member is linear in a statistic of the row, log p(x | k) = η_k · t(x) + c_k + h(x), so one
    EM serves all: log-densities and sums over rows are each one matrix product. `trials` is n,
    `weights` w is (k,).
    """

    trials: int
    weights: Array
    note: str

    @classmethod
    @abstractmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        """Equal components, a parameter to start from."""

    @abstractmethod
    def statistics(self, x: Array) -> Any:
        """t(x): whole numbers (n, d) → (n, m), dense or sparse."""

    @abstractmethod
    def natural(self) -> tuple[Array, Array]:
        """η (k, m) and c (k,)."""

    @abstractmethod
    def maximize(self, counts: Array, sums: Array) -> Self:
        """M-step from rows (k,) and statistics (k, m) per component, up from self."""

    def base_measure(self, x: Array) -> Array:
        """h(x): (n, d) → (n,)."""
        return np.zeros(len(x))

    @property
    @abstractmethod
    def columns(self) -> int: ...

    def log_prob(self, x: ArrayLike) -> Array:
        """Per row, log p(x): whole numbers (n, d) in 0..trials → (n,)."""
        eta, constant = self.natural()
        constant = constant + np.log(self.weights)

        def score(rows: Array) -> Array:
            joint = self.statistics(rows) @ eta.T + constant
            return _log_sum_exp(joint) + self.base_measure(rows)

        return _in_chunks(score, _whole(x, self.columns, self.trials))


@dataclass(frozen=True, eq=False)
class BinomialMixture(ProductMixture):
    """Mixture of products of Binomial(n, p): `probabilities` p (k, d); n = 1 is Bernoulli.

    log p(x | k) = Σ_d x_d log(p/(1-p)) + n log(1-p) + log C(n, x_d)

    >>> fair = BinomialMixture(1, np.ones(1), note="two coins", probabilities=np.full((1, 2), 0.5))
    >>> np.exp(fair.log_prob([[0, 1]]))
    array([0.25])
    """

    probabilities: Array

    def __post_init__(self) -> None:
        k, d = np.shape(self.probabilities)
        _expect(self, weights=(k,), probabilities=(k, d))
        if not ((self.probabilities > 0) & (self.probabilities < 1)).all():
            raise ValueError("probabilities: expected numbers between 0 and 1")

    @property
    def columns(self) -> int:
        return int(self.probabilities.shape[1])

    @classmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        equal = np.full(components, 1 / components)
        return cls(trials, equal, "", np.full((components, columns), 0.5))

    def statistics(self, x: Array) -> NDArray[np.floating]:
        # Single precision halves the cost of large products, and whole numbers are exact in it.
        return x if x.size <= TABLE_ENTRIES else x.astype(np.float32)

    def natural(self) -> tuple[Array, Array]:
        log_q = np.log1p(-self.probabilities)
        return np.log(self.probabilities) - log_q, self.trials * log_q.sum(1)

    def base_measure(self, x: Array) -> Array:
        if self.trials == 1:
            return np.zeros(len(x))
        table: Array = _log_choose(self.trials)[x.astype(np.intp)].sum(1)
        return table

    def maximize(self, counts: Array, sums: Array) -> Self:
        """Mean p = Σ x / (n N), kept from 0 and 1, which single precision can round to."""
        probabilities = np.clip(sums / (self.trials * counts[:, None]), 1e-9, 1 - 1e-9)
        return replace(self, weights=counts / counts.sum(), probabilities=probabilities)


@dataclass(frozen=True, eq=False)
class BetaBinomialMixture(ProductMixture):
    """Mixture of products of BetaBinomial(n, a, b): `a`, `b` (k, d).

    p(v) = C(n, v) (a)_v (b)_(n-v) / (a + b)_n,  (a)_v = a (a+1) ⋯ (a+v-1)

    >>> flat = BetaBinomialMixture(4, np.ones(1), note="", a=np.ones((1, 1)), b=np.ones((1, 1)))
    >>> np.exp(flat.log_prob([[0], [3]])).round(12)
    array([0.2, 0.2])
    """

    a: Array
    b: Array

    # Parameters stay in this range; STEPS fixed-point steps are one M-step.
    RANGE = (1e-6, 1e6)
    STEPS = 4

    def __post_init__(self) -> None:
        k, d = np.shape(self.a)
        _expect(self, weights=(k,), a=(k, d), b=(k, d))
        _expect_positive(self, "a", "b")

    @property
    def columns(self) -> int:
        return int(self.a.shape[1])

    @classmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        equal, ones = np.full(components, 1 / components), np.ones((components, columns))
        return cls(trials, equal, "", ones, ones)

    def statistics(self, x: Array) -> Any:
        return _one_hot(x, self.trials)

    def natural(self) -> tuple[Array, Array]:
        """η is the table of log p(v), (k, d (n+1)): cumulative sums of log(a+i), log(b+j)."""
        i = np.arange(self.trials)
        table = np.zeros((*self.a.shape, self.trials + 1))
        table[..., :-1] = np.log(self.b[..., None] + i).cumsum(-1)[..., ::-1]
        table[..., 1:] += np.log(self.a[..., None] + i).cumsum(-1)
        table -= np.log((self.a + self.b)[..., None] + i).sum(-1, keepdims=True)
        table += _log_choose(self.trials)
        return table.reshape(len(self.a), -1), np.zeros(len(self.a))

    def maximize(self, counts: Array, sums: Array) -> Self:
        """Minorise-maximise steps of Minka (2000, "Estimating a Dirichlet distribution").

        With the histogram H_v of a column, N = Σ H_v, S_i = Σ_{v>i} H_v, F_j = Σ_{v<n-j} H_v:

        a ← a Σ_i S_i/(a+i) / Σ_k N/(a+b+k),  b ← b Σ_j F_j/(b+j) / Σ_k N/(a+b+k)

        The minorant is separable and concave in a and in b, so that no step lowers the
        likelihood, nor does keeping each within a range.
        """
        histogram = sums.reshape(*self.a.shape, self.trials + 1)
        below = histogram.cumsum(-1)[..., :-1]  # Σ_{v≤i}
        above = counts[:, None, None] - below  # S
        below = below[..., ::-1]  # F
        i = np.arange(self.trials)
        a, b = self.a, self.b
        for _ in range(self.STEPS):
            total = counts[:, None] * (1 / ((a + b)[..., None] + i)).sum(-1)
            a, b = (
                np.clip(a * (above / (a[..., None] + i)).sum(-1) / total, *self.RANGE),
                np.clip(b * (below / (b[..., None] + i)).sum(-1) / total, *self.RANGE),
            )
        return replace(self, weights=counts / counts.sum(), a=a, b=b)


@dataclass(frozen=True, eq=False)
class CategoricalMixture(ProductMixture):
    """Mixture of products of categories 0..n (latent classes): `probabilities` (k, d, n+1).

    >>> die = CategoricalMixture(5, np.ones(1), note="", probabilities=np.full((1, 1, 6), 1 / 6))
    >>> np.exp(die.log_prob([[0], [5]])).round(4)
    array([0.1667, 0.1667])
    """

    probabilities: Array

    def __post_init__(self) -> None:
        k, d, _ = np.shape(self.probabilities)
        _expect(self, weights=(k,), probabilities=(k, d, self.trials + 1))
        _expect_positive(self, "probabilities")
        if not np.allclose(self.probabilities.sum(-1), 1, rtol=0, atol=1e-6):
            raise ValueError("probabilities: expected a sum of 1 over the categories")

    @property
    def columns(self) -> int:
        return int(self.probabilities.shape[1])

    @classmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        equal = np.full(components, 1 / components)
        shape = (components, columns, trials + 1)
        return cls(trials, equal, "", np.full(shape, 1 / (trials + 1)))

    def statistics(self, x: Array) -> Any:
        return _one_hot(x, self.trials)

    def natural(self) -> tuple[Array, Array]:
        k = len(self.weights)
        return np.log(self.probabilities).reshape(k, -1), np.zeros(k)

    def maximize(self, counts: Array, sums: Array) -> Self:
        """Frequencies p_v = H_v / N."""
        histogram = sums.reshape(self.probabilities.shape)
        probabilities = histogram / histogram.sum(-1, keepdims=True)
        return replace(self, weights=counts / counts.sum(), probabilities=probabilities)


def expectation_maximization(
    mixture: ProductMixture, x: Array, responsibilities: Array, pseudo_rows: float = PSEUDO_ROWS
) -> Iterator[tuple[ProductMixture, float]]:
    """EM for a mixture of products: yields (mixture, objective) after each step, without end.

    The objective is a penalised log-likelihood, in nats and up to a constant,

        Σ_i log Σ_k w_k p(x_i | k) + c Σ_k [log w_k + Σ_d Σ_v g_d(v) log p(v; θ_kd)],

    with c = `pseudo_rows` in each component, drawn from the columns' marginals g, which are
    themselves smoothed by one uniform row: no value has probability near 0 because a component
    has not seen it. For the Binomial that is a Beta prior on each p_kd. No step lowers the
    objective (Dempster, Laird, Rubin 1977). `x` holds whole numbers (n, d), `responsibilities`
    are the p(k | x_i), (n, k), to start from.

    >>> x = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    >>> start = BinomialMixture.uniform(2, columns=2, trials=1)
    >>> steps = expectation_maximization(start, x, np.eye(2)[[0, 1, 1]])
    >>> first, second = (objective for _, (_, objective) in zip(range(2), steps))
    >>> first <= second
    True
    """
    rows = mixture.statistics(x)
    constant = float(mixture.base_measure(x).sum())
    every_value = np.tile(np.arange(mixture.trials + 1.0)[:, None], x.shape[1])
    uniform = np.asarray(mixture.statistics(every_value).mean(0), np.float64)
    marginal = (np.asarray(rows.sum(0, dtype=np.float64)) + uniform) / (len(x) + 1)
    while True:
        sums = np.asarray((rows.T @ responsibilities.astype(rows.dtype)).T, np.float64)
        mixture = mixture.maximize(responsibilities.sum(0) + pseudo_rows, sums + pseudo_rows * marginal)
        eta, offset = mixture.natural()
        offset = offset + np.log(mixture.weights)
        joint = np.asarray(rows @ eta.T.astype(rows.dtype), np.float64) + offset
        evidence = _log_sum_exp(joint)
        penalty = pseudo_rows * float((offset + eta @ marginal).sum())
        yield mixture, float(evidence.sum()) + constant + penalty
        responsibilities = np.exp(joint - evidence[:, None])


def _fit_products(
    x: Array, components: int, *, empty: type[ProductMixture], trials: int, seed: int, steps: int
) -> ProductMixture:
    """EM from the nearest of `components` random rows, until a step gains under 1e-4 nats a row."""
    centres = x[np.random.default_rng(seed).choice(len(x), components, replace=False)]
    nearest = ((centres**2).sum(1) / 2 - x @ centres.T).argmin(1)
    start = empty.uniform(components, x.shape[1], trials)
    iterations = expectation_maximization(start, x, np.eye(components)[nearest])
    mixture, objective = next(iterations)
    for _ in range(steps - 1):
        last = objective
        mixture, objective = next(iterations)
        if objective - last < 1e-4 * len(x):
            break
    return mixture


# ── Fitting ──────────────────────────────────────────────────────────────────────────────────────


def _standardization(x: Array) -> tuple[Array, Array]:
    return x.mean(0), np.where(np.ptp(x, axis=0) > 0, x.std(0), 1.0)


def _fit_factors(x: Array, factors: int, *, seed: int) -> FactorMixture:
    """Factor analysis by maximum likelihood, `sklearn.decomposition.FactorAnalysis`."""
    from sklearn.decomposition import FactorAnalysis

    shift, scale = _standardization(x)
    z, tolerance = (x - shift) / scale, 1e-2
    if len(z) > 2 * z.shape[1]:
        # The likelihood sees rows through ZᵀZ = RᵀR only, and (R, -R) has that and mean zero:
        # the same iterations on 2d rows, some thirty times as fast. The tolerance is on a sum
        # over rows.
        root = np.linalg.qr(z, mode="r") * np.sqrt(z.shape[1] / len(z))
        z = np.concatenate([root, -root])
        tolerance *= len(z) / len(x)
    model = FactorAnalysis(factors, tol=tolerance, max_iter=1000, random_state=seed)
    stopped = _quietly(model.fit, z)
    return FactorMixture(
        shift,
        scale,
        np.ones(1),
        np.zeros((1, x.shape[1])),
        np.maximum(model.noise_variance_, 1e-6)[None],  # a column without noise has no density
        model.components_.T[None],
        f"factor analysis, {_count(factors, 'factor')} (scikit-learn){stopped}",
    )


def _fit_gaussians(
    x: Array, size: tuple[int, float], *, seed: int, covariance: Literal["full", "diag"]
) -> FullGaussianMixture | FactorMixture:
    """Gaussian mixture by EM, `sklearn.mixture.GaussianMixture`; size = (components, ridge).

    The ridge is added to each variance, of columns scaled to variance 1.
    """
    from sklearn.mixture import GaussianMixture

    components, ridge = size
    shift, scale = _standardization(x)
    model = GaussianMixture(
        components, covariance_type=covariance, reg_covar=ridge, max_iter=200, random_state=seed
    )
    stopped = _quietly(model.fit, (x - shift) / scale)
    form = {"full": "full", "diag": "diagonal"}[covariance]
    note = (
        f"Gaussian mixture, {_count(components, 'component')} of {form} covariance, "
        f"ridge {ridge:g} (scikit-learn){stopped}"
    )
    if covariance == "full":
        roots = model.precisions_cholesky_
        return FullGaussianMixture(shift, scale, model.weights_, model.means_, roots, note)
    none = np.zeros((components, x.shape[1], 0))
    return FactorMixture(shift, scale, model.weights_, model.means_, model.covariances_, none, note)


def _quietly(fit: Callable[[Array], object], x: Array) -> str:
    """Fit; a search that stopped early is said in the note instead of in a warning."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        fit(x)
    return ", stopped before it converged" if caught else ""


Size = TypeVar("Size")
Fitted = TypeVar("Fitted", bound=Density)


def _best(fit: Callable[[Array, Size], Fitted], x: Array, sizes: Sequence[Size], seed: int) -> Fitted:
    """Refit, on all of x, of the size with the highest log-likelihood of a held-out fifth."""
    if len(sizes) > 1:
        rows = np.random.default_rng(seed).permutation(len(x))
        rows = rows[: max(10, SELECTION_ENTRIES // x.shape[1])]
        held, rest = x[rows[: len(rows) // 5]], x[rows[len(rows) // 5 :]]
        sizes = [max(sizes, key=lambda size: float(fit(rest, size).log_prob(held).mean()))]
    return fit(x, sizes[0])


def _choice(x: Array, entries: int, seed: int) -> tuple[Array, str]:
    """At most `entries` of x as whole rows, and what to say about it."""
    limit = max(10, entries // x.shape[1])
    if len(x) <= limit:
        return x, ""
    rows = np.random.default_rng(seed).choice(len(x), limit, replace=False)
    return x[np.sort(rows)], f", trained on {limit:,} of {len(x):,} rows"


def fit_baselines(
    x: ArrayLike, kind: Kind, *, trials: int | None = None, seed: int = 0
) -> dict[str, Density]:
    """Classical densities fitted to training rows x (n, d), by name.

    | name | for | what |
    |---|---|---|
    | `factor-analysis` | all | N(m, ΛΛᵀ + Ψ), maximum likelihood |
    | `gaussian-mixture-diagonal` | all | by EM |
    | `gaussian-mixture-full` | all, up to 200 columns | by EM |
    | `independent` | whole numbers | a member of the family per column |
    | `mixture` | whole numbers | of K such products, by EM |

    `log_prob` is in nats per row: counting measure for whole numbers, where the Gaussians are
    lower bounds through uniform dequantisation; Lebesgue measure in the units of x for
    "gaussian". Sizes are chosen on a fifth of the training rows. `independent` and `mixture` are
    smoothed by one pseudo-row per component (`expectation_maximization`).

    `trials` is n for "binomial" and "beta-binomial" and the highest category for "categorical"
    (the highest seen, unless given).

    >>> x = np.random.default_rng(0).binomial(4, 0.3, size=(100, 2))
    >>> baselines = fit_baselines(x, "binomial", trials=4)
    >>> sorted(baselines)[-2:]
    ['independent', 'mixture']
    >>> baselines["independent"].note
    'independent columns, Binomial(4), one pseudo-row'
    >>> baselines["independent"].log_prob(x).shape
    (100,)
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind!r}: expected one of {', '.join(get_args(Kind))}")
    seed, discrete = index(seed), kind != "gaussian"
    x = _whole(x) if discrete else _real(x)
    highest = _trials(x, kind, trials) if discrete else 0
    if len(x) < 10:
        raise ValueError(f"x has {len(x)} rows: baselines need at least 10 to be fitted")

    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1 if x.size <= SMALL_ENTRIES else None):
        baselines = _gaussian_baselines(x, discrete, seed)
        if discrete:
            baselines |= _product_baselines(x, kind, highest, seed)
    return baselines


def _gaussian_baselines(x: Array, discrete: bool, seed: int) -> dict[str, Density]:
    rows, said = _choice(x, GAUSSIAN_ENTRIES, seed)
    if discrete:
        rows = rows + np.random.default_rng(seed).random(rows.shape)
    gaussians = {
        name: replace(density, note=density.note + said) for name, density in _gaussians(rows, seed).items()
    }
    if discrete:
        return {name: Dequantized(density, seed, draws=8) for name, density in gaussians.items()}
    return dict(gaussians)


def _gaussians(x: Array, seed: int) -> dict[str, FactorMixture | FullGaussianMixture]:
    n, d = x.shape
    few = n // 5  # more components, or factors, than this the selection's rows cannot carry
    factors = [r for r in FACTORS if r <= min(few, max(1, d - 1))]
    diagonal = [(k, ridge) for k in COMPONENTS if k <= few for ridge in (0.01, 0.1)]
    full = [(k, ridge) for k in FULL_COMPONENTS if k <= few for ridge in (0.03, 0.1)]
    fit = partial(_fit_gaussians, seed=seed)
    gaussians: dict[str, FactorMixture | FullGaussianMixture] = {
        "factor-analysis": _best(partial(_fit_factors, seed=seed), x, factors, seed)
    }
    if d <= FULL_COLUMNS:
        gaussians["gaussian-mixture-full"] = _best(partial(fit, covariance="full"), x, full, seed)
    mixture = _best(partial(fit, covariance="diag"), x, diagonal, seed)
    if d > FULL_COLUMNS:
        left_out = f", full covariance left out above {FULL_COLUMNS} columns"
        mixture = replace(mixture, note=mixture.note + left_out)
    gaussians["gaussian-mixture-diagonal"] = mixture
    return gaussians


def _product_baselines(x: Array, kind: Kind, trials: int, seed: int) -> dict[str, Density]:
    families: dict[str, tuple[type[ProductMixture], str]] = {
        "bernoulli": (BinomialMixture, "Bernoulli"),
        "binomial": (BinomialMixture, f"Binomial({trials})"),
        "beta-binomial": (BetaBinomialMixture, f"BetaBinomial({trials})"),
        "categorical": (CategoricalMixture, f"Categorical({trials + 1})"),
    }
    family, member = families[kind]
    sizes: tuple[int, ...] = COMPONENTS
    entries = PRODUCT_ENTRIES
    if family is not BinomialMixture:  # the others hold a probability for every value
        entries = TABLE_ENTRIES
        sizes = tuple(k for k in sizes if k * x.shape[1] * (trials + 1) <= TABLE_ENTRIES) or (2,)
    rows, said = _choice(x, entries, seed)
    sizes = tuple(k for k in sizes if k <= len(rows) // 5)
    fit = partial(_fit_products, empty=family, trials=trials, seed=seed)
    one = fit(rows, 1, steps=200)
    best = _best(partial(fit, steps=50), rows, sizes, seed)
    count = f"{len(best.weights)} components"
    return {
        "independent": replace(one, note=f"independent columns, {member}, one pseudo-row{said}"),
        "mixture": replace(best, note=f"mixture of {member} columns, {count}, by EM{said}"),
    }


def _trials(x: Array, kind: Kind, trials: int | None) -> int:
    if kind == "bernoulli":
        expected = 1
    elif trials is not None:
        expected = index(trials)
    elif kind == "categorical":
        expected = max(1, int(x.max()))
    else:
        raise ValueError(f"kind {kind!r} needs trials, the highest count a column can have")
    if expected < 1:
        raise ValueError(f"trials is {expected}: expected a whole number of at least 1")
    if x.size and x.max() > expected:
        raise ValueError(
            f"x holds {x.max():g}: {kind} data go from 0 to {expected}; choose another kind, or more trials"
        )
    return expected


def paired_difference(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """Mean of a - b over rows and its standard error, sd(a - b) / √n: one number per row each.

    What rows share (an easy one is easy for every model) drops out of the difference.

    >>> paired_difference([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    (1.0, 0.0)
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1 or first.size < 2:
        raise ValueError(
            "paired_difference: expected two arrays (n,) of the same rows, at least 2, "
            f"found shapes {first.shape} and {second.shape}"
        )
    difference = first - second
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(difference.size))


# ── Store ────────────────────────────────────────────────────────────────────────────────────────

_FORMAT = "lowerbound-baselines-1"
_KINDS: dict[str, type[Any]] = {
    "factor-mixture": FactorMixture,
    "full-gaussian-mixture": FullGaussianMixture,
    "dequantized": Dequantized,
    "binomial-mixture": BinomialMixture,
    "beta-binomial-mixture": BetaBinomialMixture,
    "categorical-mixture": CategoricalMixture,
}


def save_baselines(baselines: Mapping[str, Density], path: str | Path) -> None:
    """Baselines as one `.safetensors` file: arrays, and everything else as JSON in its metadata.

    >>> import tempfile
    >>> coin = BinomialMixture(1, np.ones(1), note="a coin", probabilities=np.full((1, 1), 0.5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_baselines({"coin": coin}, f"{folder}/baselines.safetensors")
    ...     load_baselines(f"{folder}/baselines.safetensors")["coin"].note
    'a coin'
    """
    from safetensors.numpy import save_file

    arrays: dict[str, NDArray[Any]] = {}
    records = {name: _pack(density, name, arrays) for name, density in baselines.items()}
    metadata = {"format": _FORMAT, "baselines": json.dumps(records)}
    unfinished = Path(f"{path}.{os.getpid()}.tmp")
    try:
        save_file(arrays, unfinished, metadata=metadata)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def load_baselines(path: str | Path) -> dict[str, Density]:
    """Baselines from a file of `save_baselines`, or ValueError in one line that names the file.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     load_baselines(file.name)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: ...: not a file of baselines...
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load_file

    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != _FORMAT:
            raise ValueError(f"format: expected {_FORMAT!r}, found {metadata.get('format')!r}")
        arrays = load_file(path)
        records = dict(json.loads(metadata["baselines"]))
        return {name: _unpack(record, name, arrays) for name, record in records.items()}
    except (SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not a file of baselines that can be read: {reason}") from error


def _pack(density: Any, prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    kinds = {kind: name for name, kind in _KINDS.items()}
    if type(density) not in kinds:
        raise ValueError(f"baseline {prefix!r}: {type(density).__name__} cannot be saved")
    record: dict[str, Any] = {"kind": kinds[type(density)]}
    for field in fields(density):
        value = getattr(density, field.name)
        if isinstance(value, np.ndarray):
            arrays[f"{prefix}/{field.name}"] = np.ascontiguousarray(value)
        elif is_dataclass(value):
            record[field.name] = _pack(value, f"{prefix}/{field.name}", arrays)
        else:
            record[field.name] = value
    return record


def _unpack(record: dict[str, Any], prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Any:
    kind = _KINDS.get(record["kind"])
    if kind is None:
        raise ValueError(f"{prefix}: unknown kind {record['kind']!r}")
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = record.get(field.name)
        if isinstance(value, dict):
            value = _unpack(value, f"{prefix}/{field.name}", arrays)
        values[field.name] = arrays[f"{prefix}/{field.name}"] if value is None else value
    if not isinstance(values.get("note", ""), str):
        raise ValueError(f"{prefix}: note: expected text")
    return kind(**values)


# ── Small parts ──────────────────────────────────────────────────────────────────────────────────


def _in_chunks(score: Callable[[Array], Array], x: Array) -> Array:
    """Score rows in padded chunks of one shape.

    A matrix product of another shape may round otherwise, and a row's number must not depend on
    the rows beside it.
    """
    scores = np.empty(len(x))
    for start in range(0, len(x), CHUNK):
        rows = x[start : start + CHUNK]
        padded = np.concatenate([rows, np.repeat(rows[:1], CHUNK - len(rows), axis=0)])
        scores[start : start + CHUNK] = score(padded)[: len(rows)]
    return scores


def _log_sum_exp(joint: Array) -> Array:
    top = joint.max(1)
    total: Array = top + np.log(np.exp(joint - top[:, None]).sum(1))
    return total


def _log_choose(n: int) -> Array:
    """Table of log C(n, v) for v = 0..n."""
    log_factorial = np.concatenate([[0.0], np.log(np.arange(1.0, n + 1)).cumsum()])
    table: Array = log_factorial[-1] - log_factorial - log_factorial[::-1]
    return table


def _one_hot(x: Array, trials: int) -> Any:
    """Sparse indicators of (column, value): whole numbers (n, d) → (n, d (trials + 1))."""
    from scipy.sparse import csr_array

    n, d = x.shape
    columns = x.astype(np.int64) + np.arange(d) * (trials + 1)
    starts = np.arange(0, n * d + 1, d)
    return csr_array((np.ones(n * d), columns.ravel(), starts), shape=(n, d * (trials + 1)))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _real(x: ArrayLike, columns: int | None = None) -> Array:
    array = np.asarray(x, np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"x: expected rows (n, d), found shape {array.shape}; reshape it")
    if columns is not None and array.shape[1] != columns:
        raise ValueError(
            f"x has {array.shape[1]} columns: the baseline was fitted to {columns}; "
            "score rows of the same kind"
        )
    if not np.isfinite(array).all():
        column = int(np.flatnonzero(~np.isfinite(array).all(0))[0])
        raise ValueError(f"x: column {column} holds NaN or infinity; drop or fill those rows")
    return array


def _whole(x: ArrayLike, columns: int | None = None, trials: int | None = None) -> Array:
    array = _real(x, columns)
    wrong = (array != np.floor(array)) | (array < 0)
    if trials is not None:
        wrong |= array > trials
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        highest = "" if trials is None else f" up to {trials}"
        raise ValueError(
            f"x: row {row}, column {column} is {array[row, column]:g}: "
            f"expected whole numbers from 0{highest}; choose a kind that fits the data"
        )
    return array


def _expect(density: Any, **shapes: tuple[int, ...]) -> None:
    """Arrays of a density have these shapes and are finite; weights are a distribution."""
    if hasattr(density, "trials") and not (_is_int(density.trials) and density.trials > 0):
        raise ValueError(f"trials: expected a whole number of at least 1, found {density.trials!r}")
    for name, shape in shapes.items():
        array = getattr(density, name)
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{name}: expected an array of floats {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers")
        if name == "weights" and not ((array > 0).all() and np.isclose(array.sum(), 1)):
            raise ValueError("weights: expected positive numbers that sum to 1")


def _expect_positive(density: Any, *names: str) -> None:
    for name in names:
        if not (np.asarray(getattr(density, name)) > 0).all():
            raise ValueError(f"{name}: expected positive numbers")
