"""Products of a discrete family over the columns, and mixtures of such products by EM."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lowerbound.baselines.density import Array, check, log_sum_exp, of_rows, whole
from lowerbound.baselines.em import alternation, converged, nearest_of

__all__ = [
    "BetaBinomialMixture",
    "BinomialMixture",
    "CategoricalMixture",
    "ProductMixture",
    "expectation_maximization",
    "fit_products",
]

# More entries than this are held in single precision, where whole numbers are exact: it halves the
# cost of large products.
DOUBLE_ENTRIES = 5_000_000


@dataclass(frozen=True, eq=False)
class ProductMixture(ABC):
    """p(x) = Σ_k w_k Π_d p(x_d; θ_kd) over whole numbers 0..n: nats, counting measure.

    Each member is linear in s statistics of a value, log p(x | k) = Σ_d η_kd · t(x_d) + c_k + h(x), so one
    EM serves all: log-densities and sums over rows are each one matrix product. Unless a member has a
    shorter one, t(v) are indicators of the n + 1 values, and η is the table of log p(v; θ_kd). `trials` is
    n, `weights` are w. `table` says whether a member holds a number for every value.
    """

    table: ClassVar[bool] = True

    trials: int
    weights: Float[np.ndarray, " k"]
    note: str

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    @abstractmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        """Equal components, a parameter to start from."""

    @abstractmethod
    def natural(self) -> tuple[Array, Array]:
        """η (k, d, s) and c (k,)."""

    @abstractmethod
    def maximize(self, counts: Array, sums: Array) -> Self:
        """M-step from rows (k,) and statistics (k, d s) per component, up from self."""

    def statistics(self, x: Array) -> Any:
        """t(x): whole numbers (n, d) → (n, d s), dense or sparse."""
        from scipy.sparse import csr_array

        n, d = x.shape
        places = x.astype(np.int64) + np.arange(d) * (self.trials + 1)
        starts = np.arange(0, n * d + 1, d)
        return csr_array((np.ones(n * d), places.ravel(), starts), shape=(n, d * (self.trials + 1)))

    def base_measure(self, x: Array) -> Array:
        """h(x): (n, d) → (n,)."""
        return np.zeros(len(x))

    def log_prob(self, x: ArrayLike) -> Array:
        """Per row, log p(x): whole numbers (n, d) in 0..trials → (n,)."""
        eta, offset = self.natural()
        offset = offset + np.log(self.weights)
        slope = eta.reshape(len(eta), -1).T
        return of_rows(
            lambda rows: log_sum_exp(self.statistics(rows) @ slope + offset) + self.base_measure(rows),
            whole(x, eta.shape[1], self.trials),
        )


@dataclass(frozen=True, eq=False)
class BinomialMixture(ProductMixture):
    """Mixture of products of Binomial(n, p): `probabilities` p; n = 1 is Bernoulli.

    log p(x | k) = Σ_d x_d log(p/(1-p)) + n log(1-p) + log C(n, x_d)

    >>> fair = BinomialMixture(1, np.ones(1), note="two coins", probabilities=np.full((1, 2), 0.5))
    >>> np.exp(fair.log_prob([[0, 1]]))
    array([0.25])
    """

    table = False

    probabilities: Float[np.ndarray, "k d"]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.probabilities < 1).all():
            raise ValueError("probabilities: expected numbers below 1")

    @classmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        return cls(trials, np.full(components, 1 / components), "", np.full((components, columns), 0.5))

    def statistics(self, x: Array) -> Any:
        return x if x.size <= DOUBLE_ENTRIES else x.astype(np.float32)

    def natural(self) -> tuple[Array, Array]:
        log_q = np.log1p(-self.probabilities)
        return (np.log(self.probabilities) - log_q)[..., None], self.trials * log_q.sum(1)

    def base_measure(self, x: Array) -> Array:
        if self.trials == 1:
            return np.zeros(len(x))
        return _log_choose(self.trials)[x.astype(np.intp)].sum(1)

    def maximize(self, counts: Array, sums: Array) -> Self:
        """Mean p = Σ x / (n N), kept from 0 and 1, which single precision can round to."""
        probabilities = np.clip(sums / (self.trials * counts[:, None]), 1e-9, 1 - 1e-9)
        return replace(self, weights=counts / counts.sum(), probabilities=probabilities)


@dataclass(frozen=True, eq=False)
class BetaBinomialMixture(ProductMixture):
    """Mixture of products of BetaBinomial(n, a, b).

    p(v) = C(n, v) (a)_v (b)_(n-v) / (a + b)_n,  (a)_v = a (a+1) ⋯ (a+v-1)

    >>> flat = BetaBinomialMixture(4, np.ones(1), note="", a=np.ones((1, 1)), b=np.ones((1, 1)))
    >>> np.exp(flat.log_prob([[0], [3]])).round(12)
    array([0.2, 0.2])
    """

    a: Float[np.ndarray, "k d"]
    b: Float[np.ndarray, "k d"]

    RANGE = (1e-6, 1e6)  # parameters stay in it
    STEPS = 4  # of the fixed point, in one M-step

    @classmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        ones = np.ones((components, columns))
        return cls(trials, np.full(components, 1 / components), "", ones, ones)

    def natural(self) -> tuple[Array, Array]:
        """log p(v) for all v by cumulative sums of log(a+i) and log(b+j)."""
        i = np.arange(self.trials)
        table = np.zeros((*self.a.shape, self.trials + 1))
        table[..., :-1] = np.log(self.b[..., None] + i).cumsum(-1)[..., ::-1]
        table[..., 1:] += np.log(self.a[..., None] + i).cumsum(-1)
        table -= np.log((self.a + self.b)[..., None] + i).sum(-1, keepdims=True)
        table += _log_choose(self.trials)
        return table, np.zeros(len(self.a))

    def maximize(self, counts: Array, sums: Array) -> Self:
        """Minorise-maximise steps of Minka (2000, "Estimating a Dirichlet distribution").

        With the histogram H_v of a column, N = Σ H_v, S_i = Σ_{v>i} H_v, F_j = Σ_{v<n-j} H_v:

        a ← a Σ_i S_i/(a+i) / Σ_k N/(a+b+k),  b ← b Σ_j F_j/(b+j) / Σ_k N/(a+b+k)

        The minorant is separable and concave in a and in b, so that no step lowers the likelihood, nor
        does keeping each within a range.
        """
        histogram = sums.reshape(*self.a.shape, self.trials + 1)
        below = histogram.cumsum(-1)[..., :-1]  # Σ_{v≤i}
        tails = np.stack([counts[:, None, None] - below, below[..., ::-1]])  # S and F
        ab, i = np.stack([self.a, self.b]), np.arange(self.trials)
        for _ in range(self.STEPS):
            total = counts[:, None] * (1 / (ab.sum(0)[..., None] + i)).sum(-1)
            ab = np.clip(ab * (tails / (ab[..., None] + i)).sum(-1) / total, *self.RANGE)
        return replace(self, weights=counts / counts.sum(), a=ab[0], b=ab[1])


@dataclass(frozen=True, eq=False)
class CategoricalMixture(ProductMixture):
    """Mixture of products of categories 0..n (latent classes): `probabilities` of the n + 1.

    >>> die = CategoricalMixture(5, np.ones(1), note="", probabilities=np.full((1, 1, 6), 1 / 6))
    >>> np.exp(die.log_prob([[0], [5]])).round(4)
    array([0.1667, 0.1667])
    """

    probabilities: Float[np.ndarray, "k d n"]

    def __post_init__(self) -> None:
        super().__post_init__()
        sums = self.probabilities.sum(-1)
        if self.probabilities.shape[-1] != self.trials + 1 or not np.allclose(sums, 1, rtol=0, atol=1e-6):
            raise ValueError(f"probabilities: expected a sum of 1 over {self.trials + 1} categories")

    @classmethod
    def uniform(cls, components: int, columns: int, trials: int) -> Self:
        equal = np.full((components, columns, trials + 1), 1 / (trials + 1))
        return cls(trials, np.full(components, 1 / components), "", equal)

    def natural(self) -> tuple[Array, Array]:
        return np.log(self.probabilities), np.zeros(len(self.probabilities))

    def maximize(self, counts: Array, sums: Array) -> Self:
        """Frequencies p_v = H_v / N."""
        histogram = sums.reshape(self.probabilities.shape)
        probabilities = histogram / histogram.sum(-1, keepdims=True)
        return replace(self, weights=counts / counts.sum(), probabilities=probabilities)


def expectation_maximization(
    mixture: ProductMixture, x: Array, responsibilities: Array, pseudo_rows: float = 1.0
) -> Iterator[tuple[ProductMixture, float]]:
    """EM for a mixture of products: yields (mixture, objective) after each step, without end.

    The objective is a penalised log-likelihood, in nats and up to a constant,

        Σ_i log Σ_k w_k p(x_i | k) + c Σ_k [log w_k + Σ_d Σ_v g_d(v) log p(v; θ_kd)],

    with c = `pseudo_rows` in each component, drawn from the columns' marginals g, which are themselves
    smoothed by one uniform row: no value has probability near 0 because a component has not seen it. For
    the Binomial that is a Beta prior on each p_kd. No step lowers the objective (Dempster, Laird, Rubin
    1977). `x` holds whole numbers (n, d), `responsibilities` are the p(k | x_i), (n, k), to start from.

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

    def maximized(mixture: ProductMixture, responsibilities: Array) -> tuple[ProductMixture, Array, float]:
        sums = np.asarray((rows.T @ responsibilities.astype(rows.dtype)).T, np.float64)
        mixture = mixture.maximize(responsibilities.sum(0) + pseudo_rows, sums + pseudo_rows * marginal)
        eta, offset = mixture.natural()
        eta, offset = eta.reshape(len(eta), -1), offset + np.log(mixture.weights)
        joint = np.asarray(rows @ eta.T.astype(rows.dtype), np.float64) + offset
        return mixture, joint, constant + pseudo_rows * float((offset + eta @ marginal).sum())

    return alternation(maximized, mixture, responsibilities)


def fit_products(
    x: Array, components: int, *, family: type[ProductMixture], trials: int, seed: int, steps: int
) -> ProductMixture:
    """EM from the nearest of `components` random rows, until a step gains under 1e-4 nats a row."""
    start = family.uniform(components, x.shape[1], trials)
    iterations = expectation_maximization(start, x, nearest_of(x, components, seed))
    return converged(iterations, len(x), steps)


def _log_choose(n: int) -> Array:
    """Table of log C(n, v) for v = 0..n."""
    log_factorial = np.concatenate([[0.0], np.log(np.arange(1.0, n + 1)).cumsum()])
    return log_factorial[-1] - log_factorial - log_factorial[::-1]
