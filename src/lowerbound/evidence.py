"""Evidence: log p(x) by importance sampling, streamed, with its standard error and its diagnostics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.data.transforms import Identity, Transform
from lowerbound.families.support import measure
from lowerbound.inference import checked, in_chunks
from lowerbound.keys import as_key, content_key
from lowerbound.model import VAE

__all__ = ["Evidence", "log_evidence", "pareto_k_hat"]


@dataclass(frozen=True)
class Evidence:
    """An estimate of log p(x) for each of n rows, in nats, from K samples of the posterior a row.

    `log_prob`: log p̂(x) = log (1/K) Σⱼ wⱼ, w = p(x, z)/q(z∣x); p̂ is unbiased, so log p̂ is low by
    about half its variance. `standard_error`: of log p̂, by the delta method,
    √[(K Σw²/(Σw)² − 1)/(K − 1)]. `effective_sample_size`: (Σw)²/Σw², at most K. `k_hat`: the shape of the
    generalised Pareto fitted to the largest weights; above 0.7 neither estimate nor error can be relied
    on (Vehtari et al. 2024); NaN where there are fewer than 21 samples. `elbo`: the mean of log w over the
    same samples. `distortion`: −E_q[log p(x∣z)].

    All arrays are (n,). `measure` is the one that the density is stated in, with what a transform adds;
    `dimensions` the number of columns.
    """

    log_prob: Float[np.ndarray, " n"]
    standard_error: Float[np.ndarray, " n"]
    effective_sample_size: Float[np.ndarray, " n"]
    k_hat: Float[np.ndarray, " n"]
    elbo: Float[np.ndarray, " n"]
    distortion: Float[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]  # rows that are equal share a number, as they share their noise
    samples: int
    dimensions: int
    measure: str

    @property
    def mean(self) -> float:
        """The mean of log p(x) over rows, in nats a row."""
        return float(self.log_prob.mean())

    @property
    def mean_standard_error(self) -> float:
        """Standard error of [`mean`][] from the rows drawn: their standard deviation over √n."""
        return standard_error_of_mean(self.log_prob)

    @property
    def monte_carlo_error(self) -> float:
        """Standard error of [`mean`][] from the samples drawn. Rows that are equal share their noise, so
        their errors add before they are squared."""
        together = np.bincount(self.group, weights=self.standard_error)
        return float(np.sqrt((together**2).sum()) / len(self.log_prob))

    @property
    def rate(self) -> Float[np.ndarray, " n"]:
        """E_q[log q(z∣x) − log p(z)] = −elbo − distortion, in nats."""
        return -self.elbo - self.distortion

    @property
    def bits_per_dim(self) -> float:
        """−mean/(d log 2): the mean in bits a dimension."""
        return -self.mean / (self.dimensions * math.log(2))


def standard_error_of_mean(values: Float[np.ndarray, " n"]) -> float:
    """Standard deviation over √n; NaN for a single value, which has no error of its own.

    >>> standard_error_of_mean(np.array([1.0, 3.0]))
    1.0
    """
    if len(values) < 2:
        return math.nan
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def log_evidence(
    model: VAE,
    x: ArrayLike,
    *,
    samples: int = 1000,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
    transform: Transform | None = None,
    chunk_rows: int = 32,
    chunk_samples: int = 64,
) -> Evidence:
    """log p(x) of each row by importance sampling with q(z∣x) (Burda et al. 2016; Kingma & Welling 2014,
    appendix D), in nats.

    Streamed over samples with a running log-sum-exp: memory is bounded by `chunk_rows` × `chunk_samples`
    decoded rows, whatever n and K. A row's noise is a function of (key, the row's content), and its sample
    j of j besides, so that neither the other rows nor the chunks move its number (another chunk size
    changes the order of a float32 sum, no more).

    **Arguments:** `x`: (n, d); `samples`: K, at least 2; `key`: a key or a seed; `given`: the condition, a
    row each; `transform`: how the model sees a row, whose log-Jacobian is added; `chunk_rows`,
    `chunk_samples`: the shape of a compiled chunk, by default the fastest on a CPU.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(3), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(3, latent.size, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, key=key), pixels),
    ... )
    >>> cube = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    >>> evidence = lb.log_evidence(model, cube, samples=2000)
    >>> bool(abs(np.exp(evidence.log_prob).sum() - 1) < 0.05)       # the eight probabilities sum to 1
    True
    """
    transform = transform or Identity()
    x, given = checked(model, x, given, transform)
    if samples < 2:
        raise ValueError(
            f"log_evidence: expected samples of at least 2, found {samples}: an estimate from one sample "
            "has no standard error"
        )
    tail = math.ceil(min(samples / 5, 3 * math.sqrt(samples)))
    constants = _Constants(model, transform, as_key(key), jnp.asarray(samples), (tail + 1, chunk_samples))
    streamed, hashes = in_chunks(_streamed, constants, (x, given), chunk=chunk_rows)
    K, total, squares = samples, streamed.sum.astype(float), streamed.sum_of_squares.astype(float)
    relative_variance = np.maximum(K * squares / total**2 - 1, 0) / (K - 1)
    jacobian = np.where(np.isnan(x), 0.0, transform.log_jacobian(x.shape[1])).sum(1)
    _, group = np.unique(hashes, axis=0, return_inverse=True)
    return Evidence(
        log_prob=streamed.maximum + np.log(total / K) + jacobian,
        standard_error=np.sqrt(relative_variance),
        effective_sample_size=total**2 / squares,
        k_hat=pareto_k_hat(streamed.largest),
        elbo=streamed.log_weight / K + jacobian,
        distortion=-streamed.log_likelihood / K - jacobian,
        group=group.reshape(-1),
        samples=K,
        dimensions=x.shape[1],
        measure=_measure(model, transform, x[0], None if given is None else given[0]),
    )


class _Constants(eqx.Module):
    model: VAE
    transform: Transform
    key: PRNGKeyArray
    samples: Array  # traced, so that another K compiles nothing (but for the tail's length)
    shape: tuple[int, int] = eqx.field(static=True)  # of the tail, and of a chunk of samples


class _Stream(NamedTuple):
    """Running sums over samples, weights relative to the largest so far: exp(log w − maximum)."""

    maximum: Array
    sum: Array
    sum_of_squares: Array
    log_weight: Array
    log_likelihood: Array
    largest: Array  # the largest log-weights, in descending order


def _streamed(constants: _Constants, row: tuple[Array, Any]) -> tuple[_Stream, Array]:
    x, given = row
    tail, chunk = constants.shape
    y = constants.transform(x, content_key(constants.key, x, "transform"))
    draw_samples = constants.model.sampler(y, given)
    row_key = content_key(constants.key, x, "posterior")

    def add(i: Array, stream: _Stream) -> _Stream:
        indices = i * chunk + jnp.arange(chunk)
        counted = indices < constants.samples
        draw = draw_samples(row_key, indices)
        log_w = jnp.where(counted, draw.log_weight, -jnp.inf)
        maximum = jnp.maximum(stream.maximum, log_w.max())
        reference = jnp.where(jnp.isfinite(maximum), maximum, 0.0)  # where every weight is 0 so far
        w, shrink = jnp.exp(log_w - reference), jnp.exp(stream.maximum - reference)
        return _Stream(
            maximum=maximum,
            sum=stream.sum * shrink + w.sum(),
            sum_of_squares=stream.sum_of_squares * shrink**2 + (w**2).sum(),
            log_weight=stream.log_weight + jnp.where(counted, draw.log_weight, 0.0).sum(),
            log_likelihood=stream.log_likelihood + jnp.where(counted, draw.log_likelihood, 0.0).sum(),
            largest=jax.lax.top_k(jnp.concatenate([stream.largest, log_w]), tail)[0],
        )

    zero = jnp.zeros(())
    start = _Stream(-jnp.inf * jnp.ones(()), zero, zero, zero, zero, jnp.full(tail, -jnp.inf))
    chunks = (constants.samples + chunk - 1) // chunk
    stream = jax.lax.fori_loop(0, chunks, add, start)
    return stream, jax.random.key_data(row_key)


def _measure(model: VAE, transform: Transform, x: Array, given: Array | None) -> str:
    """The measure of the model's density over x, with what the transform adds."""
    support = model.support(jnp.zeros(x.shape), given)
    relaxed = "of the model with relaxed codes" if model.relaxed(jnp.zeros(x.shape), given) else ""
    return ", ".join(filter(None, [f"{measure(support)} measure", relaxed, transform.note]))


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
