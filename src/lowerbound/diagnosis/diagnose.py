"""Why a model is as good as it is: what its bound is lost to, and what to change."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray
from numpyro.distributions import Distribution, Independent, constraints

from lowerbound.data.chunks import in_chunks
from lowerbound.data.rows import Rows, checked
from lowerbound.distributions.divergence import kl_divergence
from lowerbound.distributions.support import Columns, range_of
from lowerbound.evidence.k_hat import pareto_k_hat, tail_length
from lowerbound.families.gaussian import FullGaussian, LowRankGaussian
from lowerbound.families.inverse_cdf import InverseCDF
from lowerbound.families.location_scale import LocationScale
from lowerbound.models.conditional import Conditional
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.part import unwrapped
from lowerbound.objectives.bounds import CIWAE, Objective
from lowerbound.randomness.keys import RowKeys, as_key
from lowerbound.statistics import standard_error_of_mean
from lowerbound.text import listed

__all__ = ["DecoderScale", "Diagnosis", "Estimate", "Verdict", "diagnose"]

# Where a finding becomes a fault. Of every estimate two standard errors are taken off first, so that noise
# alone raises no alarm.

# Share of a dimension's variance that its posterior means must have for it to be active. At a N(0, 1) prior
# it is the 0.01 of Burda, Grosse & Salakhutdinov (2016, appendix C).
ACTIVE = 0.01
# Nats a row that the bound may lose to one cause: at one, a row has e = 2.7 times less probability than it
# could have.
LOSS = 1.0
# Probability that a training row has a higher bound than a held-out one, ½ where none is memorised. 0.6 is
# a shift by a third of the standard deviation between rows.
MEMORISED = 0.6
# Standard deviation of p(x∣z) in those of the data: below it the decoder claims to know a column's value to
# a hundredth, and its density grows without a bound.
NARROW = 0.01
# Root mean square of (x − E[x∣z])/√Var(x∣z), or its inverse: twice too narrow a scale costs 0.8 nats a
# column, twice too wide a one 0.3.
MISFIT = 2.0

# Draws of z a row behind rate, distortion and the aggregated posterior.
_DRAWS = 4
# Adam's steps for the posterior of a row, its rate at the start (it falls to 0 as half a cosine), and the
# draws of a step. What is remembered of squared gradients is short, since the first may be huge.
_STEPS, _RATE, _STEP_DRAWS, _MEMORY = 200, 0.1, 8, 0.95
# Draws that are decoded at once.
_AT_ONCE = 10
# A number that no sample has: the noise of the optimisation is apart from that of the evaluation.
_OPTIMIZATION = 2**32 - 1


@dataclass(frozen=True)
class Estimate:
    """A mean over rows and its standard error over them, in nats a row.

    >>> print(Estimate(1.25, 0.031))
    1.25 ± 0.03 nats a row
    """

    mean: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.standard_error:.2f} nats a row"


@dataclass(frozen=True)
class Verdict:
    """One thing that may be wrong with a model, and whether it is.

    `name`: one of `not finite`, `collapsed dimensions`, `weak posterior`, `amortisation gap` (or
    `inference gap`, where the two are not told apart), `prior mismatch`, `memorised rows`, `decoder scale`,
    `unfinished warm-up`; `finding`: what was measured, in plain words, with units and errors; `change`: what
    to try, options of this library in Python or on its command line, empty where nothing is wrong.
    """

    name: str
    healthy: bool
    finding: str
    change: str = ""


@dataclass(frozen=True)
class DecoderScale:
    """How wide p(x∣z) is, column by column, at z ~ q(z∣x): arrays (c,), NaN in columns that are discrete,
    constant, or without a variance.

    `median`, `smallest`: its standard deviation over rows, in standard deviations of the column's data.
    `residual`: √E[(x − E[x∣z])²/Var(x∣z)], 1 where the scale is right, above where it is too narrow;
    `residual_standard_error`: over rows.
    """

    median: Float[np.ndarray, " c"]
    smallest: Float[np.ndarray, " c"]
    residual: Float[np.ndarray, " c"]
    residual_standard_error: Float[np.ndarray, " c"]


@dataclass(frozen=True)
class Diagnosis:
    """What [`diagnose`][] found; its docstring says how. Estimates are in nats a row. What is `None` is not
    defined for this model, or was not asked for, and `notes` say why.

    `rows`: M, how many were looked at, and `gap_rows` of them for `log_evidence` and the gaps.
    `kl_per_dimension`, `active` and `posterior_mean_variance`, Var E[zᵢ∣x]: of each dimension of z, (d,).
    elbo = −rate − distortion; rate = `mutual_information` + `marginal_kl`, the first at least so low and the
    second at most so high in the mean over samples of M rows, and rate = `mutual_information_upper` +
    `marginal_kl_lower`, the same from the other side. inference gap = log evidence − elbo, over `gap_rows`,
    is the sum of approximation and amortisation gap. `generalization_gap`: the mean bound of training rows
    less that of x.
    """

    rows: int
    gap_rows: int
    posterior_mean_variance: Float[np.ndarray, " d"] | None
    active: Bool[np.ndarray, " d"] | None
    kl_per_dimension: Float[np.ndarray, " d"] | None
    rate: Estimate
    distortion: Estimate
    elbo: Estimate
    mutual_information: Estimate | None
    mutual_information_upper: Estimate | None
    marginal_kl: Estimate | None
    marginal_kl_lower: Estimate | None
    log_evidence: Estimate
    inference_gap: Estimate
    approximation_gap: Estimate | None
    amortization_gap: Estimate | None
    generalization_gap: Estimate | None
    decoder_scale: DecoderScale | None
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return all(verdict.healthy for verdict in self.verdicts)


def diagnose(
    model: LatentModel,
    x: ArrayLike,
    *,
    train: ArrayLike | None = None,
    given: ArrayLike | None = None,
    train_given: ArrayLike | None = None,
    history: Sequence[Mapping[str, float]] | None = None,
    objective: Objective | None = None,
    rows: int = 500,
    gap_rows: int = 100,
    samples: int = 500,
    key: PRNGKeyArray | int = 0,
) -> Diagnosis:
    """What the bound of a model is lost to on rows that it was not trained on, in nats a row; verdicts in
    plain words, and for each fault the option to change.

    - The bound is −(rate + distortion), rate = E_q[log q(z∣x) − log p(z)] and distortion = −E_q[log p(x∣z)]
      (Alemi et al. 2018): over M rows, 4 draws each.
    - rate = I(x; z) + KL(q(z) ‖ p(z)), q(z) = E_x q(z∣x) (Hoffman & Johnson 2016). With q(z) the mean over
      the M rows, a row's own among them, I is low (at most log M) and the KL high; with its own left out I
      is high and the KL low (Poole et al. 2019, section 2). E_q[log r(z) − log p(z)] with r the Gaussian
      that is fitted to the other half of the rows is low too, and the higher of the two is taken.
    - log p(x) − bound = [log p(x) − bound(q*)] + [bound(q*) − bound(q)], the approximation and the
      amortisation gap (Cremer, Li & Duvenaud 2018). q* is the member of the posterior's family found for
      the row alone by 200 steps of Adam from what the encoder puts out, 8 draws a step; a flow keeps its
      own arrays. log p(x) is by importance sampling with a third member, found in the same way for the
      tightest IWAE of 8 draws, since q* is narrower than p(z∣x) where it cannot be right. Where its
      weights have a heavy tail all the same log p(x) is low, the gaps are larger than said, and a note says
      so.
    - A dimension is active where Var E[zᵢ∣x] is at least 1 % of Var zᵢ.

    **Arguments:** `x`: (n, d), rows that were not trained on; `train`: rows that were, to see what is
    memorised; `given`, `train_given`: their conditions; `history`,
    `objective`: those of the training, to see whether a warm-up had ended; `rows`: how many rows of each are
    looked at, drawn by `key`; `gap_rows`: for how many of them q* is found; `samples`: importance samples
    of log p(x) a row.

    **Raises:** `ValueError` where there are fewer than 2 rows or samples, and for rows that are none of the
    model's, as [`log_evidence`][].

    >>> import jax.numpy as jnp, numpy as np, lowerbound as lb
    >>> model = lb.VAE(                                    # neither posterior nor likelihood uses the other
    ...     lb.StandardNormal(1),
    ...     lb.Conditional(lambda x: jnp.zeros(2), lb.DiagonalGaussian(1)),
    ...     lb.Conditional(lambda z: jnp.zeros(4), lb.DiagonalGaussian(2)),
    ... )
    >>> diagnosis = lb.diagnose(model, np.random.default_rng(0).normal(size=(50, 2)), samples=100)
    >>> [verdict.name for verdict in diagnosis.verdicts if not verdict.healthy]
    ['collapsed dimensions']
    """
    key = as_key(key)
    table = _some(checked(model, x, given), rows, key)
    if min(len(table.x), gap_rows, samples) < 2:
        raise ValueError(
            f"diagnose: a standard error needs at least 2 rows and samples; found {len(table.x)} rows, "
            f"gap_rows={gap_rows} and samples={samples}"
        )
    constants, notes = _Constants(model, key), _Notes()
    looked, trained = _look(constants, table), None
    if train is None:
        notes.append("memorised rows: not judged, no training rows were given (train=)")
    else:
        trained = _look(constants, _some(checked(model, train, train_given, "train"), rows, key))
    # For what does not depend on the row: the posterior's kind.
    given = None if table.given is None else table.given[0]
    first = model.sampler(jnp.asarray(table.x[0]), key, given)
    activity = _activity(looked, notes)
    information = _information(model, looked, table.given, first, notes)
    gaps = _gaps(constants, table[:gap_rows], samples, first, notes)
    scale = _decoder_scale(model, looked, table.given, notes)
    if looked.kl is None:
        notes.append("KL per dimension: not defined, posterior or prior does not factorise over dimensions")
    return Diagnosis(
        rows=len(looked.y),
        gap_rows=len(gaps.log_evidence),
        posterior_mean_variance=None if activity is None else activity.of_means,
        active=None if activity is None else activity.share >= ACTIVE,
        kl_per_dimension=None if looked.kl is None else looked.kl.mean(0),
        rate=_over_rows(looked.rate),
        distortion=_over_rows(looked.distortion),
        elbo=_over_rows(looked.elbo),
        mutual_information=_if_any(information.low),
        mutual_information_upper=_if_any(information.high),
        marginal_kl=_if_any(information.marginal_high),
        marginal_kl_lower=_if_any(information.marginal_low),
        log_evidence=_over_rows(gaps.log_evidence),
        inference_gap=_over_rows(gaps.inference),
        approximation_gap=_if_any(gaps.approximation),
        amortization_gap=_if_any(gaps.amortization),
        generalization_gap=None if trained is None else _difference(trained.elbo, looked.elbo),
        decoder_scale=scale,
        verdicts=(
            *_judged_finite(looked),
            *_judged_activity(activity, len(looked.y)),
            *_judged_gaps(model, gaps, notes),
            *_judged_information(information, notes),
            *_judged_memory(trained, looked, notes),
            *_judged_scale(scale),
            *_judged_warm_up(history, objective, notes),
        ),
        notes=tuple(notes),
    )


_Rows = Float[np.ndarray, " n"]
# What is `None` in a diagnosis, and why.
_Notes = list[str]


def _some(table: Rows, rows: int, key: PRNGKeyArray) -> Rows:
    """As many of the rows as are looked at, in random order."""
    return table[np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(len(table))[:rows]]


def _over_rows(values: _Rows) -> Estimate:
    with np.errstate(invalid="ignore"):  # infinite terms have a mean, and no error
        return Estimate(float(values.mean()), standard_error_of_mean(values))


def _if_any(values: _Rows | None) -> Estimate | None:
    return None if values is None else _over_rows(values)


def _difference(a: _Rows, b: Float[np.ndarray, " m"]) -> Estimate:
    """Of the means of two independent sets of rows."""
    first, second = _over_rows(a), _over_rows(b)
    return Estimate(first.mean - second.mean, math.hypot(first.standard_error, second.standard_error))


# What is measured, row by row.


class _Constants(eqx.Module):
    model: LatentModel
    key: PRNGKeyArray

    def sampler(self, x: Array, given: Array | None) -> tuple[Sampler, PRNGKeyArray]:
        """The sampler of a row, and the key of its draws, as `log_evidence` has them."""
        keys = RowKeys.by_content(self.key, x)
        return self.model.sampler(x, keys.transform, given), keys.draws


class _Looked(NamedTuple):
    """n rows, S draws of each."""

    y: Float[np.ndarray, "n c"]
    z: Float[np.ndarray, "n S d"]
    log_likelihood: Float[np.ndarray, "n S"]
    log_prior: Float[np.ndarray, "n S"]
    log_posterior: Float[np.ndarray, "n S"]
    mean: Float[np.ndarray, "n d"] | None  # E[z∣x]
    kl: Float[np.ndarray, "n d"] | None  # of each dimension
    variance: Float[np.ndarray, "n c"] | None  # E_q Var(x∣z)
    residual: Float[np.ndarray, "n c"] | None  # E_q (x − E[x∣z])²/Var(x∣z)

    @property
    def rate(self) -> _Rows:
        return (self.log_posterior - self.log_prior).mean(1)

    @property
    def distortion(self) -> _Rows:
        return -self.log_likelihood.mean(1)

    @property
    def elbo(self) -> _Rows:
        return -self.rate - self.distortion


def _look(constants: _Constants, table: Rows) -> _Looked:
    found = in_chunks(_looked, constants, (table.x, table.given), chunk=128)
    found = jax.tree.map(lambda leaf: leaf.astype(np.float64), found)
    return _Looked(*found)


def _looked(constants: _Constants, row: tuple[Array, Any]) -> tuple[Any, ...]:
    x, given = row
    sampler, key = constants.sampler(x, given)
    y = sampler.y
    draw = sampler(key, jnp.arange(_DRAWS))

    def width(z: Array) -> tuple[Array, Array]:
        p = constants.model.p_x(z, given)
        return p.variance, (y - p.mean) ** 2 / p.variance

    widths = _if_defined(lambda: jax.vmap(width)(draw.z))
    return (
        *(y, draw.z, draw.log_likelihood, draw.log_prior, draw.log_posterior),
        _if_defined(lambda: sampler.q.mean),
        _kl_per_dimension(sampler.q, sampler.p, draw.z),
        *((None, None) if widths is None else (widths[0].mean(0), widths[1].mean(0))),
    )


def _if_defined(moment: Callable[[], Any]) -> Any:
    """`None` where a distribution does not know its moment."""
    try:
        return moment()
    except NotImplementedError:
        return None


def _kl_per_dimension(q: Distribution, p: Distribution, z: Float[Array, "S d"]) -> Float[Array, " d"] | None:
    """KL(q(zᵢ∣x) ‖ p(zᵢ)), over the draws where it has no closed form; `None` where the dimensions of one
    are not independent."""
    for part in (q, p):
        if not (isinstance(part, Independent) and part.base_dist.event_shape == ()):
            return None
    try:
        return jnp.broadcast_to(kl_divergence(q.base_dist, p.base_dist), q.event_shape)
    except NotImplementedError:
        return jax.vmap(lambda z: q.base_dist.log_prob(z) - p.base_dist.log_prob(z))(z).mean(0)


class _Activity(NamedTuple):
    of_means: Float[np.ndarray, " d"]  # Var E[zᵢ∣x]
    share: Float[np.ndarray, " d"]  # of Var zᵢ


def _activity(looked: _Looked, notes: _Notes) -> _Activity | None:
    if looked.mean is None or looked.mean.ndim != 2 or not np.isfinite(looked.mean).all():
        notes.append("active dimensions: not defined, the posterior does not know its mean")
        return None
    of_means, of_draws = looked.mean.var(0, ddof=1), looked.z.var((0, 1))
    return _Activity(of_means, of_means / np.maximum(of_draws, np.finfo(np.float64).tiny))


class _Information(NamedTuple):
    """Bounds on the rate's two parts: low + marginal_high = high + marginal_low = rate."""

    low: _Rows | None = None
    high: _Rows | None = None
    marginal_low: _Rows | None = None
    marginal_high: _Rows | None = None


def _information(
    model: LatentModel, looked: _Looked, given: np.ndarray | None, first: Sampler, notes: _Notes
) -> _Information:
    if model.prior_takes_given:
        notes.append(
            "mutual information and KL(q(z) ‖ p(z)): not defined, the prior depends on the condition"
        )
        return _Information()
    pool = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), (looked.y, given))
    rows = looked.z.astype(np.float32), np.arange(len(looked.z))
    log_q, log_q_others = in_chunks(_aggregated, (model, *pool), rows, chunk=16)
    marginal_high = (log_q - looked.log_prior).mean(1)
    below = [(log_q_others - looked.log_prior).mean(1)]
    gaussian = _log_gaussian(looked.z, first.q)
    if gaussian is not None:
        below.append((gaussian - looked.log_prior).mean(1))
    marginal_low = max(below, key=np.mean)
    return _Information(looked.rate - marginal_high, looked.rate - marginal_low, marginal_low, marginal_high)


def _aggregated(constants: tuple[LatentModel, Array, Any], row: tuple[Array, Array]) -> tuple[Array, Array]:
    """log q(z) at a row's draws of z, q(z) the mean of q(z∣x) over all M rows, and over all others."""
    (model, pool, given), (z, i) = constants, row
    log_q = jax.vmap(lambda y, given: jax.vmap(model.q_z(y, given).log_prob)(z))(pool, given)
    M = len(pool)
    others = jnp.where(jnp.arange(M)[:, None] == i, -jnp.inf, log_q)
    return (
        jax.nn.logsumexp(log_q, axis=0) - math.log(M),
        jax.nn.logsumexp(others, axis=0) - math.log(M - 1),
    )


def _log_gaussian(z: Float[np.ndarray, "n S d"], q: Distribution) -> Float[np.ndarray, "n S"] | None:
    """log r(z), r the Gaussian with the moments of the draws of the half of the rows that z is not of. `None`
    where z has no density over ℝᵈ, and where there are too few rows for a covariance."""
    n, _, d = z.shape
    span = range_of(q.support)
    if span is None or span.whole or n < 8 * d or not np.isfinite(z).all():
        return None
    log_r = np.empty(z.shape[:2])
    for half in (np.arange(n) % 2 == 0, np.arange(n) % 2 == 1):
        fitted = z[~half].reshape(-1, d)
        L = np.linalg.cholesky(np.cov(fitted.T).reshape(d, d) + 1e-9 * fitted.var() * np.eye(d))
        scaled = np.linalg.solve(L, (z[half] - fitted.mean(0)).reshape(-1, d).T)
        log_density = -0.5 * ((scaled**2).sum(0) + d * math.log(2 * math.pi)) - np.log(np.diag(L)).sum()
        log_r[half] = log_density.reshape(log_r[half].shape)
    return log_r


class _Gaps(NamedTuple):
    log_evidence: _Rows
    inference: _Rows
    approximation: _Rows | None = None
    amortization: _Rows | None = None


class _Search(eqx.Module):
    """For each row the bound β ELBO + (1 − β) IWAE is maximised, if any; then K samples are drawn."""

    constants: _Constants
    samples: int = eqx.field(static=True)
    objective: CIWAE | None


def _gaps(constants: _Constants, table: Rows, samples: int, first: Sampler, notes: _Notes) -> _Gaps:
    objective = None
    not_told_apart = "approximation and amortisation gap: not told apart, the posterior "
    if not isinstance(unwrapped(constants.model.posterior), Conditional):
        notes.append(f"{not_told_apart}is not a Conditional")
    elif not first.q.has_rsample:
        notes.append(f"{not_told_apart}has no differentiable samples")
    else:
        gradient = "reparameterized" if first.moving_support else "doubly_reparameterized"
        objective = CIWAE(_STEP_DRAWS, gradient=gradient)
    found = in_chunks(_weights, _Search(constants, samples, objective), (table.x, table.given), chunk=50)
    log_w, best, weights = jax.tree.map(lambda leaf: leaf.astype(np.float64), found)
    with np.errstate(invalid="ignore"):
        log_p = np.logaddexp.reduce(weights, axis=1) - math.log(samples)
    unreliable = int((pareto_k_hat(-np.sort(-weights)[:, : tail_length(samples) + 1]) > 0.7).sum())
    if unreliable:
        notes.append(
            f"log p(x) of {unreliable} of {len(table.x)} rows is not to be relied on (k̂ above 0.7): the gaps "
            "may be larger than said"
        )
    inference = log_p - log_w.mean(1)
    if best is None:
        return _Gaps(log_p, inference)
    return _Gaps(log_p, inference, log_p - best.mean(1), best.mean(1) - log_w.mean(1))


def _weights(search: _Search, row: tuple[Array, Any]) -> tuple[Array, Array | None, Array]:
    """log w of K samples of the encoder's posterior, of the row's own, and of the one that samples best, all
    from the same noise."""
    x, given = row
    sampler, key = search.constants.sampler(x, given)

    def log_weights(sampler: Sampler) -> Float[Array, " K"]:
        one = lambda j: sampler(key, j[None]).log_weight[0]  # noqa: E731
        return jax.lax.map(one, jnp.arange(search.samples), batch_size=_AT_ONCE)

    if search.objective is None:
        weights = log_weights(sampler)
        return weights, None, weights
    encoded, noise = _vector(sampler), jax.random.fold_in(key, _OPTIMIZATION)

    def optimized(beta: Array) -> Array:
        return _optimized(sampler, encoded, eqx.tree_at(lambda o: o.beta, search.objective, beta), noise)

    best, wide = jax.vmap(optimized)(jnp.array([1.0, 0.0]))
    weights = jax.vmap(lambda v: log_weights(_at(sampler, v)))(jnp.stack([encoded, best, wide]))
    return weights[0], weights[1], weights[2]


def _vector(sampler: Sampler) -> Array:
    """What the encoder puts out for the row."""
    model = sampler.model
    return _conditional(model).vector(model.observed(sampler.y), sampler.given)


def _conditional(model: LatentModel) -> Conditional:
    """The posterior, of which it is known that it is one."""
    posterior = unwrapped(model.posterior)
    assert isinstance(posterior, Conditional)
    return posterior


def _at(sampler: Sampler, vector: Array) -> Sampler:
    """The sampler of the family's member that `vector` names, in place of the encoder's."""
    moved = copy.copy(sampler)
    moved.q = _conditional(sampler.model).family(vector)
    return moved


def _optimized(sampler: Sampler, start: Array, objective: CIWAE, key: PRNGKeyArray) -> Array:
    """The vector that maximises the row's bound, as far as Adam finds it."""
    adam = optax.chain(optax.zero_nans(), optax.adam(optax.cosine_decay_schedule(_RATE, _STEPS), b2=_MEMORY))

    def loss(vector: Array, key: PRNGKeyArray) -> Array:
        bound = lambda draw: objective.of_draw(draw, None)  # noqa: E731
        return -objective.gradient(bound, _at(sampler, vector), key, objective.draws, None)[0]

    def step(i: Array, state: tuple[Array, Any]) -> tuple[Array, Any]:
        vector, memory = state
        update, memory = adam.update(jax.grad(loss)(vector, jax.random.fold_in(key, i)), memory)
        return vector + update, memory

    vector, _ = jax.lax.fori_loop(0, _STEPS, step, (start, adam.init(start)))
    return vector


def _decoder_scale(
    model: LatentModel, looked: _Looked, given: np.ndarray | None, notes: _Notes
) -> DecoderScale | None:
    c = looked.y.shape[1]
    support = model.event(None if given is None else jnp.asarray(given[0])).support
    real = np.zeros(c, bool)
    for block, numbers in support.blocks if isinstance(support, Columns) else ((support, range(c)),):
        span = range_of(block)
        real[list(numbers)] = span is not None and not span.whole and math.isinf(span.high - span.low)
    found = np.full((4, c), np.nan)
    if looked.variance is not None and looked.residual is not None:
        for j in np.flatnonzero(real):
            seen = ~np.isnan(looked.y[:, j])
            deviation = looked.y[seen, j].std() if seen.sum() > 1 else 0.0
            scale, residual = np.sqrt(looked.variance[seen, j]), looked.residual[seen, j]
            if deviation > 0 and np.isfinite([scale, residual]).all():
                root = math.sqrt(residual.mean())
                error = standard_error_of_mean(residual) / (2 * root) if root > 0 else 0.0
                found[:, j] = np.median(scale) / deviation, scale.min() / deviation, root, error
    if np.isnan(found).all():
        notes.append("decoder scale: not judged, the likelihood has no real columns of a known variance")
        return None
    return DecoderScale(*found)


# What is found in it.


def _above(estimate: Estimate, threshold: float) -> bool:
    return estimate.mean - 2 * estimate.standard_error > threshold


def _verdict(name: str, fault: bool, finding: str, change: str) -> Verdict:
    return Verdict(name, not fault, finding, change if fault else "")


def _judged_finite(looked: _Looked) -> Iterator[Verdict]:
    broken = int((~np.isfinite(looked.elbo)).sum())
    if broken:
        yield _verdict(
            "not finite",
            True,
            f"The bound of {broken} of {len(looked.elbo)} rows is not a finite number.",
            "--learning-rate 0.0005, or in Python lb.fit(clip_norm=10); for real columns a likelihood whose "
            "scale does not depend on z, lb.DiagonalGaussian(scale=lb.LearnedScale())",
        )


def _judged_activity(activity: _Activity | None, n: int) -> Iterator[Verdict]:
    if activity is None or not np.isfinite(activity.share).all():
        return
    # A sample variance of n normal numbers is known to √(2/n).
    collapsed = np.flatnonzero(activity.share * (1 + 2 * math.sqrt(2 / n)) < ACTIVE)
    d = len(activity.share)
    if len(collapsed) == 0:
        finding = f"Of {d} dimensions of z each is used: the posterior's means have at least "
        finding += f"{activity.share.min():.1%} of its variance."
    else:
        finding = f"{len(collapsed)} of {d} dimensions of z ({listed(collapsed)}, counted from 0) say "
        finding += f"nothing about x: the posterior's means have less than {ACTIVE:.0%} of its variance."
    few = 2 * len(collapsed) <= d
    change = (
        f"--latent-dim {d - len(collapsed)}, which loses nothing; or to put them to use "
        if few
        else "to put them to use "
    )
    change += (
        "--beta 0.5, --objective iwae, or in Python lb.ELBO(free_nats=2.0), or a warm-up, "
        "lb.ELBO(beta=optax.linear_schedule(0.0, 1.0, 2000))"
    )
    yield _verdict("collapsed dimensions", len(collapsed) > 0, finding, change)


def _judged_gaps(model: LatentModel, gaps: _Gaps, notes: _Notes) -> Iterator[Verdict]:
    inference = _over_rows(gaps.inference)
    if not math.isfinite(inference.mean):
        notes.append("weak posterior, amortisation gap: not judged, log p(x) is not finite")
        return
    if gaps.approximation is None or gaps.amortization is None:
        yield _verdict(
            "inference gap",
            _above(inference, LOSS),
            f"The bound is {inference} below log p(x).",
            "--objective iwae; a larger encoder, --width 512 or --depth 3",
        )
        return
    family = _conditional(model).family
    approximation, amortization = _over_rows(gaps.approximation), _over_rows(gaps.amortization)
    yield _verdict(
        "weak posterior",
        _above(approximation, LOSS),
        f"With the best {type(family).__name__} for each row the bound is {approximation} below log p(x).",
        "--objective iwae, which does not need an exact posterior" + _wider_family(family),
    )
    yield _verdict(
        "amortisation gap",
        _above(amortization, LOSS),
        f"With the encoder's posterior the bound is {amortization} below the one with the best of its family "
        f"for each row, of {inference} that it is below log p(x).",
        "a larger encoder, --width 512 or --depth 3; longer training, --epochs 400; where the rows that "
        "it was trained on lose less, more rows or an earlier stop, --patience 10",
    )


def _wider_family(family: Any) -> str:
    if range_of(family.support) != range_of(constraints.real_vector):
        return ""
    if isinstance(family, (FullGaussian, LowRankGaussian)):
        return "; or --posterior autoregressive-flow"
    if isinstance(family, (LocationScale, InverseCDF)):
        return "; or a posterior that knows correlations, --posterior full-gaussian or autoregressive-flow"
    return "; or a flow of more layers, lb.AutoregressiveFlow(layers=8)"


def _judged_information(information: _Information, notes: _Notes) -> Iterator[Verdict]:
    if information.low is None or information.marginal_low is None or information.marginal_high is None:
        return
    told, low, high = map(_over_rows, (information.low, information.marginal_low, information.marginal_high))
    if not math.isfinite(low.mean + high.mean):
        notes.append("prior mismatch: not judged, KL(q(z) ‖ p(z)) is not finite")
        return
    # The most that I(x; z) can be found to be.
    near = "at least " if told.mean > math.log(len(information.low)) - 1 else ""
    yield _verdict(
        "prior mismatch",
        _above(low, LOSS),
        f"The codes of all rows together differ from the prior by KL(q(z) ‖ p(z)) of at least {low}, at most "
        f"{high}; a code tells {near}{told} about its row.",
        "a prior that is learned: --prior vamp-prior, --prior mixture-prior or --prior learned-prior",
    )


def _judged_memory(trained: _Looked | None, looked: _Looked, notes: _Notes) -> Iterator[Verdict]:
    """The share of pairs in which the training row has the higher bound (Mann & Whitney 1947), with its error
    where nothing is memorised."""
    if trained is None:
        return
    a, b = trained.elbo, np.sort(looked.elbo)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        notes.append("memorised rows: not judged, a bound is not finite")
        return
    n, m = len(a), len(b)
    higher = (np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")).mean() / (2 * m)
    error = math.sqrt((n + m + 1) / (12 * n * m))
    yield _verdict(
        "memorised rows",
        higher - 2 * error > MEMORISED,
        f"A training row has a higher bound than a held-out one in {higher:.0%} ± {error:.0%} of pairs (50 % "
        f"where none is memorised); the mean bound is higher by {_difference(a, b)}.",
        "stop earlier, --validation 0.2 with --patience 10; a smaller network, --width 64; fewer dimensions, "
        "--latent-dim 5; or in Python a prior on the weights, lb.fit(weight_prior=1.0)",
    )


def _judged_scale(scale: DecoderScale | None) -> Iterator[Verdict]:
    if scale is None:
        return
    error = 2 * scale.residual_standard_error
    narrow = np.flatnonzero((scale.smallest < NARROW) | (scale.residual - error > MISFIT))
    wide = np.flatnonzero(scale.residual + error < 1 / MISFIT)
    right, change = "standard deviations off (root mean square; 1 is right)", ""
    if len(narrow):
        finding = (
            f"The decoder is too sure of {len(narrow)} columns ({listed(narrow)}, counted from 0): its "
            f"standard deviation goes down to {scale.smallest[narrow].min():.2g} of the data's, and rows lie "
            f"up to {scale.residual[narrow].max():.2g} of its {right}."
        )
        change = (
            "a scale that does not depend on z, lb.DiagonalGaussian(scale=lb.LearnedScale()); heavier tails, "
            "--likelihood student-t; an earlier stop, --patience 10"
        )
    elif len(wide):
        finding = (
            f"The decoder is wider than the data in {len(wide)} columns ({listed(wide)}, counted from 0): "
            f"rows lie {scale.residual[wide].min():.2g} of its {right}."
        )
        change = (
            "a scale that is learned, lb.DiagonalGaussian(scale=lb.LearnedScale()); longer training, "
            "--epochs 400"
        )
    else:
        finding = (
            f"The decoder's standard deviation is {np.nanmedian(scale.median):.2g} of the data's, and rows "
            f"lie {np.nanmedian(scale.residual):.2f} of its {right}, in the median column."
        )
    yield _verdict("decoder scale", bool(len(narrow) or len(wide)), finding, change)


def _judged_warm_up(
    history: Sequence[Mapping[str, float]] | None, objective: Objective | None, notes: _Notes
) -> Iterator[Verdict]:
    if not history or objective is None:
        notes.append("unfinished warm-up: not judged, it needs history= and objective= of the training")
        return
    last = history[-1]
    step = int(last.get("best_step", last["step"]))
    unfinished = objective.unfinished(step)
    stood = unfinished or "no schedule was under way"
    yield _verdict(
        "unfinished warm-up",
        unfinished is not None,
        f"The model is that of step {step} of {int(last['step'])}: {stood}.",
        "more steps, --epochs 400, or a shorter schedule, "
        "lb.ELBO(beta=optax.linear_schedule(0.0, 1.0, 1000)) with fewer steps",
    )
