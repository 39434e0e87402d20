"""A posterior refined for one row: the Gaussian of the highest bound, and the samples drawn around it.

In coordinates u without bounds, f(u) = log p(x, z(u)) + log ∣det ∂z/∂u∣. The Gaussian N(m, SSᵀ) that
maximises E[f(u)] + its entropy has E[∇f] = 0 and (SSᵀ)⁻¹ = −E[∇²f] (Opper & Archambeau 2009). By Stein's
lemma E[∇²f] is the regression of ∇f(m + S e) on e ~ N(0, I), so that a round needs gradients alone: no rate,
no Hessian.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from numpyro.distributions.constraints import Constraint

from lowerbound.data.kept import by_name
from lowerbound.distributions.kinds import OnePass, sample_with_log_prob
from lowerbound.evidence.coordinates import Target, finite
from lowerbound.evidence.k_hat import tail_length
from lowerbound.evidence.stream import Plan, Weights
from lowerbound.matrices import eigh
from lowerbound.randomness.keys import keys_of

__all__ = ["SHARES", "Fit", "Refined", "fitted", "log_weights", "plan_of", "refitted", "weights_of"]

# Rounds; in the last the step is half as long. With fewer a posterior that q misses by some scales is not
# reached.
_ROUNDS, _MORE_ROUNDS = 4, 15
# Up to so many dimensions another fit costs less than the samples do. It begins where rough fits from draws
# of p(z) found mass that may count (within so many nats) and of which the first knows least.
_SEVERAL, _EXPLORERS, _EXPLORING_ROUNDS, _EXPLORING_PAIRS = 16, 6, 7, 3
_NEGLIGIBLE, _FAR = 12.0, 25.0
# Above so many dimensions a covariance is diagonal, fitted in more rounds: a full one takes 4d gradients a
# round.
_FULL, _DIAGONAL_ROUNDS, _DIAGONAL_PAIRS = 100, 10, 32
# In a round no curvature changes by more, and the mean moves by no more than twice the radius of N(0, I).
_LEAST, _MOST, _RADIUS = 0.2, 5.0, 2.0
# A score beyond is none.
_WILD = 1e6
# Gradients that are computed together.
_AT_ONCE = 40
# Nats, and nats a dimension, that a round seems to gain where there is nothing to gain, at most.
_NOISY = (1.0, 0.02)
# Numbers that no sample has: the fit's noise is apart from that of the estimate.
_NOISE = 2**32 - 2
# Degrees of freedom: a tail heavier than p(z∣x) has, so that no weight is large, at little cost in its
# middle.
_NU = 8
# Of ten samples eight are of the fits, one of q(z∣x) and one of p(z): a mode that the fits miss is met by
# those.
SHARES = (8, 1, 1)


@by_name
class Fit(NamedTuple):
    """N(m, SSᵀ) over u: `mean` m; `root` S and its `inverse`, (d, d), or (d,) where they are diagonal;
    `log_det`, log ∣det S∣; the `bound` that it has for the row, up to a constant; and the `gain` in it that
    another round promised. Several have a leading axis."""

    mean: Float[Array, "*J d"]
    root: Float[Array, "*J d *d"]
    inverse: Float[Array, "*J d *d"]
    log_det: Float[Array, "*J"]
    bound: Float[Array, "*J"]
    gain: Float[Array, "*J"]

    @classmethod
    def at(cls, mean: Float[Array, " d"], scale: Float[Array, " d"], *, full: bool) -> Self:
        """A start, of independent dimensions, for a covariance that is full or diagonal."""
        roots = (jnp.diag(scale), jnp.diag(1 / scale)) if full else (scale, 1 / scale)
        return cls(mean, *roots, jnp.log(scale).sum(), jnp.asarray(-jnp.inf), jnp.asarray(jnp.inf))

    def u(self, e: Float[Array, " d"]) -> Float[Array, " d"]:
        """m + S e."""
        return self.mean + _times(self.root, e)

    def e(self, u: Float[Array, " d"]) -> Float[Array, " d"]:
        """S⁻¹ (u − m)."""
        return _times(self.inverse, u - self.mean)

    @property
    def covariance(self) -> Float[Array, "*J d d"]:
        """SSᵀ."""
        root = self.root if self.root.ndim > self.mean.ndim else jax.vmap(jnp.diag)(self.root)
        return root @ jnp.swapaxes(root, -1, -2)


def _times(matrix: Array, vector: Array) -> Array:
    return matrix * vector if matrix.ndim == 1 else matrix @ vector


def fitted(target: Target, key: PRNGKeyArray) -> Fit:
    """The Gaussians found for a row, (J, …): from the moments of q(z∣x), and, where there are few dimensions,
    from where else p(z∣x) has mass that the first knows least of."""
    start_key, round_key, elsewhere = jax.random.split(jax.random.fold_in(key, _NOISE), 3)
    full = target.size <= _FULL
    rounds, pairs = _ROUNDS if full else _DIAGONAL_ROUNDS, _pairs(target)
    start = Fit.at(*target.moments(target.sampler.q, start_key), full=full)
    if target.size > _SEVERAL:
        fit = _moved(*_climbed(target, start, round_key, rounds, pairs))
        return jax.tree.map(lambda leaf: leaf[None], fit)
    explored = _explored(target, elsewhere)

    def another(before: Fit, number: Array) -> tuple[Fit, Fit]:
        """The fit from q, then one from where it is not."""
        begun = jax.tree.map(lambda a, b: jnp.where(number == 0, a, b), before, _away_from(before, explored))
        fit = _moved(*_climbed(target, begun, jax.random.fold_in(round_key, number), rounds, pairs))
        return fit, fit

    return jax.lax.scan(another, start, jnp.arange(2))[1]


def refitted(target: Target, fits: Fit, key: PRNGKeyArray) -> Fit:
    """The same Gaussians after more rounds."""
    key = jax.random.fold_in(key, _NOISE - 1)

    def again(given: tuple[Fit, Array]) -> Fit:
        fit, number = given
        key_of = jax.random.fold_in(key, number)
        return _moved(*_climbed(target, fit, key_of, _MORE_ROUNDS, _pairs(target)))

    return jax.lax.map(again, (fits, jnp.arange(len(fits.bound))))


def _pairs(target: Target) -> int:
    """Antithetic pairs of draws of a round: enough for the regression of scores on them."""
    return max(2 * target.size, 8) if target.size <= _FULL else _DIAGONAL_PAIRS


def _explored(target: Target, key: PRNGKeyArray) -> Fit:
    """Rough fits, diagonal and of few gradients, from draws of p(z): where modes of p(z∣x) are."""
    p, (moments_key, draws_key, noise) = target.sampler.p, jax.random.split(key, 3)
    mean, scale = target.moments(p, moments_key)

    def one(number: Array) -> Fit:
        # In pairs that mirror each other, so that no half of p(z) is left out.
        drawn = finite(target.u_of(p.sample(jax.random.fold_in(draws_key, number // 2))))
        start = Fit.at(jnp.where(number % 2, 2 * mean - drawn, drawn), 0.5 * scale, full=False)
        noise_key = jax.random.fold_in(noise, number)
        return _climbed(target, start, noise_key, _EXPLORING_ROUNDS, _EXPLORING_PAIRS).seen.fit

    return jax.vmap(one)(jnp.arange(_EXPLORERS))


def _away_from(fit: Fit, explored: Fit) -> Fit:
    """Of the rough fits whose mass may count beside that of `fit`, the one of which `fit` knows least: whose
    bound is highest above what the tail of `fit` says of there."""
    squared = jax.vmap(lambda mean: (fit.e(mean) ** 2).sum())(explored.mean)
    unknown = explored.bound + jnp.minimum(0.5 * squared, _FAR)
    chosen = jnp.argmax(jnp.where(explored.bound > fit.bound - _NEGLIGIBLE, unknown, -jnp.inf))
    # No wider than `fit` is, lest the first step lead back to it.
    scale = jnp.minimum(explored.root[chosen], jnp.linalg.norm(fit.root, axis=-1))
    return Fit.at(explored.mean[chosen], scale, full=True)


class _Seen(NamedTuple):
    """A Gaussian, and what scores at draws of it say: its bound and their error, the slope E[Sᵀ∇f], and the
    curvature −SᵀE[∇²f]S, by eigenvalues and axes (the axes alone where the covariance is full)."""

    fit: Fit
    error: Float[Array, ""]
    slope: Float[Array, " d"]
    curvature: Float[Array, " d"]
    axes: Float[Array, "d d"] | None


class _Climbed(NamedTuple):
    """What was seen last, and the share of a step that may be taken from there."""

    seen: _Seen
    share: Float[Array, ""]


def _climbed(target: Target, start: Fit, key: PRNGKeyArray, rounds: int, pairs: int) -> _Climbed:
    """Where so many rounds lead. A step to a bound that is clearly lower is taken back, and a quarter of it
    is tried; the last is half as long."""
    (d,) = start.mean.shape
    full = start.root.ndim > 1
    begun = start._replace(bound=jnp.asarray(-jnp.inf))
    nothing = _Seen(begun, jnp.zeros(()), jnp.zeros(d), jnp.ones(d), jnp.eye(d) if full else None)

    def round_of(i: Array, state: _Climbed) -> _Climbed:
        there = _looked(target, _moved(*state), jax.random.fold_in(key, i), pairs)
        seen, share = state
        good = there.fit.bound > seen.fit.bound - 1.0 - 3.0 * seen.error
        seen = jax.tree.map(lambda new, old: jnp.where(good, new, old), there, seen)
        return _Climbed(seen, jnp.where(good, jnp.minimum(2 * share, 1.0), 0.25 * share))

    seen, share = jax.lax.fori_loop(0, rounds, round_of, _Climbed(nothing, jnp.ones(())))
    return _Climbed(seen, 0.5 * share)


def _looked(target: Target, fit: Fit, key: PRNGKeyArray, pairs: int) -> _Seen:
    """What the scores at some draws of `fit` say."""
    (d,) = fit.mean.shape
    e = jax.random.normal(key, (pairs, d))
    both = jnp.concatenate([e, -e])
    value, score = jax.lax.map(
        jax.value_and_grad(lambda e: target(fit.u(e))), both, batch_size=min(_AT_ONCE, len(both))
    )
    # Sᵀ∇f(m + S e); one that is none counts as that of N(m, SSᵀ) itself.
    sound = (jnp.abs(score).max(-1) < _WILD) & jnp.isfinite(value)
    score = jnp.where(sound[:, None], score, -both)
    odd = 0.5 * (score[:pairs] - score[pairs:])
    axes = None
    if fit.root.ndim == 1:
        curvature = -(e * odd).sum(0) / (e**2).sum(0)
    else:
        # By eigenvectors, since triangular solves of many small matrices wait for one another on a CPU.
        gram, basis = eigh(e.T @ e)
        A = -(basis / gram) @ (basis.T @ (e.T @ odd))
        curvature, axes = eigh(0.5 * (A + A.T))
    bound = jnp.where(sound.any(), value.mean(where=sound), -jnp.inf) + fit.log_det
    error = value.std(where=sound) / jnp.sqrt(sound.sum())
    slope, curvature = score.mean(0), jnp.clip(curvature, _LEAST, _MOST)
    along = slope if axes is None else axes.T @ slope
    gain = 0.5 * (along**2 / curvature + curvature - 1 - jnp.log(curvature)).sum()
    return _Seen(fit._replace(bound=bound, gain=gain), error, slope, curvature, axes)


def _moved(seen: _Seen, share: Array) -> Fit:
    """The Gaussian that this share of the step leads to, or, where that is none, the one that was."""
    fit, axes = seen.fit, seen.axes
    along = seen.slope if axes is None else axes.T @ seen.slope
    move = along / seen.curvature
    move = move if axes is None else axes @ move
    move = share * move * jnp.minimum(1.0, _RADIUS * math.sqrt(len(move)) / jnp.linalg.norm(move))
    widen = seen.curvature ** (-0.5 * share)
    if axes is None:
        root, inverse = fit.root * widen, fit.inverse / widen
    else:
        root, inverse = (fit.root @ axes) * widen, (axes.T @ fit.inverse) / widen[:, None]
    found = fit._replace(
        mean=fit.u(move), root=root, inverse=inverse, log_det=fit.log_det + jnp.log(widen).sum()
    )
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in found[:4]]).all()
    return jax.tree.map(lambda new, old: jnp.where(finite, new, old), found, fit)


class Refined(OnePass):
    """The density of z that the fits make together: Student-t's about them, each with a share that grows with
    its bound."""

    def __init__(self, target: Target, fits: Fit):
        self.target, self.fits = target, fits
        self.log_share = jax.nn.log_softmax(jnp.nan_to_num(fits.bound, nan=-1e30, neginf=-1e30))
        self._support = target.sampler.p.support
        event_shape = target.sampler.p.event_shape
        super().__init__(batch_shape=(), event_shape=event_shape)

    @property
    def support(self) -> Constraint:
        return self._support

    @property
    def best(self) -> Fit:
        """The fit of the highest bound."""
        return jax.tree.map(lambda leaf: leaf[jnp.argmax(self.log_share)], self.fits)

    @property
    def settled(self) -> Bool[Array, ""]:
        """Whether another round would gain no more than the noise of a round does."""
        return self.best.gain < _NOISY[0] + _NOISY[1] * self.target.size

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        return self.sample_with_log_prob(key)[0]

    def sample_with_log_prob(self, key: PRNGKeyArray) -> tuple[Array, Array]:
        normal_key, scale_key = jax.random.split(key)
        uniform = 1 - jax.random.uniform(scale_key, (_NU // 2 + 1,))
        # χ² of ν degrees of freedom, as −2 log of ν/2 uniform numbers.
        chi_squared = -2 * jnp.log(uniform[1:]).sum()
        e = jax.random.normal(normal_key, (self.target.size,)) * jnp.sqrt(_NU / chi_squared)
        of = (uniform[0] > jnp.cumsum(jnp.exp(self.log_share))[:-1]).sum()
        u = jax.tree.map(lambda leaf: leaf[of], self.fits).u(e)
        z = self.target.z_of(u)
        return z, self._log_prob_at(u, z)

    def log_prob(self, z: Array) -> Array:
        return self._log_prob_at(self.target.u_of(z), z)

    def _log_prob_at(self, u: Array, z: Array) -> Array:
        d = self.target.size
        e = jax.vmap(lambda fit: fit.e(u))(self.fits)
        constant = math.lgamma((_NU + d) / 2) - math.lgamma(_NU / 2) - 0.5 * d * math.log(_NU * math.pi)
        log_t = constant - 0.5 * (_NU + d) * jnp.log1p((e**2).sum(-1) / _NU) - self.fits.log_det
        return jax.nn.logsumexp(self.log_share + log_t) - self.target.log_jacobian(u, z)


def plan_of(samples: int, chunk: int) -> tuple[int, Plan]:
    """So many samples, and as many at once, or a few more: a whole number of every stratum, as p̂ needs it."""
    period = sum(SHARES)
    count, at_once = (-(-number // period) * period for number in (samples, chunk))
    return count, Plan(SHARES, 1, at_once, tail_length(count) + 1)


def weights_of(target: Target, fits: Fit, key: PRNGKeyArray, numbers: Int[Array, " chunk"]) -> Weights:
    """The log-weights of samples of these numbers, which stand in the order of [`SHARES`][]: of the fits, of
    q(z∣x) and of p(z). Sample j depends on (key, j) only.

    Each is weighed by the density of all three together, in the shares in which they are drawn: p̂ is without
    a bias whatever the fits are, no weight is more than ten times p(x∣z), and none more than ten times that
    of plain importance sampling.
    """
    q, p, refined = target.sampler.q, target.sampler.p, Refined(target, fits)
    keys = keys_of(key, numbers)
    of_fits, of_q = (len(numbers) * share // sum(SHARES) for share in SHARES[:2])
    own, own_log_q = jax.vmap(lambda key: sample_with_log_prob(q, key))(keys[of_fits : of_fits + of_q])
    z = jnp.concatenate(
        [jax.vmap(refined.sample)(keys[:of_fits]), own, jax.vmap(p.sample)(keys[of_fits + of_q :])]
    )
    log_likelihood, log_p = jax.vmap(target.sampler.log_likelihood)(z), jax.vmap(p.log_prob)(z)
    log_proposal = _log_proposal(target, refined, z, log_p)
    mine = slice(of_fits, of_fits + of_q)
    return Weights(
        log_weight=log_likelihood + log_p - log_proposal,
        own_log_weight=log_likelihood[mine] + log_p[mine] - own_log_q,
        own_log_likelihood=log_likelihood[mine],
    )


def log_weights(target: Target, refined: Refined, z: Array) -> Float[Array, " K"]:
    """log p(x, z) less the density of what samples are drawn from, of some z."""
    log_p = jax.vmap(target.sampler.p.log_prob)(z)
    log_joint = jax.vmap(target.sampler.log_likelihood)(z) + log_p
    return log_joint - _log_proposal(target, refined, z, log_p)


def _log_proposal(target: Target, refined: Refined, z: Array, log_p: Array) -> Float[Array, " K"]:
    log_q = jax.vmap(target.sampler.q.log_prob)(z)
    log_q = jnp.where(jnp.isnan(log_q), -jnp.inf, log_q)  # where q has no mass, some say so
    each = [jax.vmap(refined.log_prob)(z), log_q, log_p]
    shares = [math.log(share / sum(SHARES)) for share in SHARES]
    return jax.nn.logsumexp(jnp.stack([log + share for log, share in zip(each, shares, strict=True)]), 0)
