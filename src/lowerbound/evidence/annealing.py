"""Annealed importance sampling: log p(x) along a path of distributions.

Between p₀(z), which is drawn from exactly, and p(x, z) lie f_b(z) = p₀(z)^(1−b) p(x, z)^b, 0 ≤ b ≤ 1. A chain
starts at z ~ p₀ and goes through 0 = b₀ < … < b_N = 1: its weight gains (b_k − b_{k−1}) [log p(x, z) −
log p₀(z)], then z makes a move that leaves f at b_k as it is. E[w] = p(x) for any number of steps (Neal 2001;
Jarzynski 1997). The moves are Hamiltonian, corrected by Metropolis, in coordinates u without bounds.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution

from lowerbound.evidence.coordinates import Target
from lowerbound.evidence.refined import Refined
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, keys_of

__all__ = ["AnnealedDraw", "Path", "Schedule", "Start", "annealed", "log_mean_exp"]

Start = Literal["prior", "posterior"]

# Of a move: with two leaps to each temperature the ends of a sandwich were nearer than with 1, 3, 4 or 8 at
# the same number of gradients.
_LEAPS = 2
# Of the pilot: temperatures, chains, moves of each at a temperature, and the acceptance that is aimed at.
_KNOTS, _CHAINS, _MOVES, _ACCEPTANCE = 32, 16, 4, 0.7
# A number that no chain has.
_PILOT = 2**32 - 1


class AnnealedDraw(eqx.Module):
    """K annealed chains of one data point, independent given its pilot, each of shape (K,), in nats.

    `log_weight`: log w, E[w] = p(x). `z`: where the chains end: with the weights w they stand for p(z∣x);
    `log_likelihood`: log p(x∣z) there. `acceptance`: the mean probability with which a chain's moves were
    accepted; far from 0.7 the pilot did not settle.
    """

    log_weight: Float[Array, " K"]
    z: Float[Array, "K ..."]
    log_likelihood: Float[Array, " K"]
    acceptance: Float[Array, " K"]

    @property
    def log_prob(self) -> Float[Array, ""]:
        """log (1/K) Σⱼ wⱼ: its expectation is at most log p(x)."""
        return log_mean_exp(self.log_weight)


def annealed(
    model: LatentModel,
    x: Array,
    key: PRNGKeyArray | RowKeys,
    given: Array | None = None,
    *,
    chains: int = 16,
    steps: int | Array = 4000,
    start: Start = "prior",
) -> AnnealedDraw:
    """Annealed importance sampling of log p(x) for one data point (Neal 2001; Wu et al. 2017), in nats.

    A pilot of 16 chains over 32 temperatures, with a key of its own, first learns how large the moves are
    to be at each temperature and how the temperatures are to be spaced. What it learned is then held, so
    that E[w] = p(x) whatever it was. Chain j depends on (key, j) only.

    The path starts at the prior by default, the safer of the two: the prior has mass wherever p(z∣x) has,
    and p̂ is then a number of prior and likelihood alone. A posterior that misses a mode of p(z∣x) gives
    an estimate that is low while its chains agree. Where q(z∣x) is near p(z∣x) a start from it needs about
    a quarter of the steps; but there importance sampling does too ([`log_evidence`][]).

    **Arguments:** `x`: (d,); `key`: the row's key; `chains`: K; `steps`: N, temperatures after the first, an
    array where another N is to compile nothing: the variance of log w falls as 1/N; `start`: `"prior"` or
    `"posterior"`. A step costs two gradients of log p(x∣z) a chain, the pilot 4,096 in all (4,000 steps of
    16 chains: 128,000).

    **Raises:** `TypeError` for discrete codes, for latents on a set that no bijection from unbounded
    coordinates is known for (a sphere), and for `"posterior"` where its support moves with its parameters.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> latent = lb.DiagonalGaussian(1)                              # p(x) = N(0, 2), q(z∣x) is far off
    >>> model = lb.VAE(lb.StandardNormal(1), lambda x: latent(jnp.array([3.0, -2.0])), lambda z: latent(
    ...     jnp.concatenate([z, jnp.zeros(1)])))
    >>> estimate = jax.jit(lambda x, key: lb.annealed(model, x, key, steps=200, chains=64).log_prob)
    >>> log_prob = estimate(jnp.ones(1), jax.random.key(0))
    >>> bool(abs(log_prob - (-0.25 - 0.5 * jnp.log(4 * jnp.pi))) < 0.05)
    True
    """
    keys = RowKeys.of(key)
    path = Path(model.sampler(x, keys.transform, given), start=start)
    return path.sampled(keys.draws, chains, steps)


class _Point(NamedTuple):
    """A place u with the log-densities there, as densities of u, of the path's two ends: p₀(z) and p(x, z);
    and their gradients. All of f_b is made of these."""

    u: Float[Array, ...]
    log_density: Float[Array, " 2"]
    score: Float[Array, "2 ..."]

    @property
    def log_weight(self) -> Float[Array, ""]:
        """log p(x, z) − log p₀(z): in the difference the Jacobian of z(u) is gone."""
        return self.log_density[1] - self.log_density[0]


class Schedule(NamedTuple):
    """What a pilot learned at G knots along the path: where they lie (`progress` from 0 to 1), their
    temperatures b, and the size and the scales of a move there."""

    progress: Float[Array, " G"]
    temperature: Float[Array, " G"]
    step: Float[Array, " G"]
    scale: Float[Array, "G ..."]

    def b(self, t: Float[Array, ""]) -> Float[Array, ""]:
        """The temperature at t of the way, 0 ≤ t ≤ 1."""
        return jnp.interp(t, self.progress, self.temperature)

    def move(self, t: Float[Array, ""]) -> tuple[Array, Array]:
        """Step and scales of the nearest knot."""
        numbers = jnp.arange(len(self.progress), dtype=float)
        knot = jnp.round(jnp.interp(t, self.progress, numbers)).astype(int)
        return self.step[knot], self.scale[knot]


class Path:
    """The path f_b of one data point, its moves, and the walks along it in both directions."""

    def __init__(self, sampler: Sampler, *, start: Start | Refined = "prior"):
        if not isinstance(start, Refined) and start not in ("prior", "posterior"):
            raise ValueError(f'start: expected "prior" or "posterior", found {start!r}')
        if start == "posterior" and sampler.moving_support:
            raise TypeError(
                'start="posterior": the posterior\'s support moves with its parameters, and what p(z∣x) has '
                'outside it would be left out; use start="prior"'
            )
        self.target = Target(sampler)
        # In the coordinates in which the best of the fits is N(0, I), where there are any.
        self.fit = start.best if isinstance(start, Refined) else None
        if isinstance(start, Refined):
            self.start: Distribution = start
        else:
            self.start = sampler.p if start == "prior" else sampler.q

    def at(self, v: Float[Array, ...]) -> _Point:
        def start(v: Array) -> Array:
            u = self._u(v)
            z = self.target.z_of(u)
            return self.start.log_prob(z) + self.target.log_jacobian(u, z)

        def end(v: Array) -> Array:
            return self.target(self._u(v))

        (log_start, start_score), (log_end, end_score) = (jax.value_and_grad(f)(v) for f in (start, end))
        return _Point(v, jnp.stack([log_start, log_end]), jnp.stack([start_score, end_score]))

    def _u(self, v: Array) -> Array:
        return v if self.fit is None else self.fit.u(v)

    def z_of(self, v: Array) -> Array:
        """z at the path's coordinates."""
        return self.target.z_of(self._u(v))

    def first(self, key: PRNGKeyArray) -> _Point:
        """A draw from the path's start."""
        return self.from_z(self.start.sample(key))

    def from_z(self, z: Array) -> _Point:
        u = self.target.u_of(z)
        return self.at(u if self.fit is None else self.fit.e(u))

    def move(
        self, key: PRNGKeyArray, point: _Point, b: Array, step: Array, scale: Array
    ) -> tuple[_Point, Float[Array, ""]]:
        """A Hamiltonian move, reversible with respect to f_b (Duane et al. 1987), and the probability with
        which it was accepted. Its step varies by a tenth from move to move, against orbits that close."""
        # One call for all that is random, since compiling the generator takes longer than the rest of a move.
        (jitter, *two), momentum = jnp.split(jax.random.normal(key, (3 + point.u.size,)), [3])
        step = step * scale * jnp.exp(0.1 * jitter)
        momentum, blend = momentum.reshape(point.u.shape), jnp.stack([1 - b, b])

        def half_kick(momentum: Array, point: _Point) -> Array:
            return momentum + 0.5 * step * jnp.tensordot(blend, point.score, 1)

        def leap(_: Array, state: tuple[_Point, Array]) -> tuple[_Point, Array]:
            point, momentum = state
            momentum = half_kick(momentum, point)
            point = self.at(point.u + step * momentum)
            return point, half_kick(momentum, point)

        proposal, last = jax.lax.fori_loop(0, _LEAPS, leap, (point, momentum))
        kinetic = 0.5 * jnp.sum(momentum**2 - last**2)
        log_ratio = blend @ (proposal.log_density - point.log_density) + kinetic
        # Half the sum of two squares is a unit exponential, −log of a uniform number.
        accepted = -0.5 * (two[0] ** 2 + two[1] ** 2) < log_ratio  # not where that is NaN
        point = jax.tree.map(lambda new, old: jnp.where(accepted, new, old), proposal, point)
        return point, jnp.nan_to_num(jnp.exp(jnp.minimum(log_ratio, 0.0)))

    def pilot(self, key: PRNGKeyArray) -> Schedule:
        """A short run that learns the schedule.

        At each knot the step's logarithm follows the mean acceptance, and the scales are the standard
        deviations of u over chains and moves. Steps of equal length ∫ √Var_b[log p(x, z) − log p₀(z)] db
        make the variance of log w least (Gelman & Meng 1998), and so the knots are spaced; a tenth of the
        steps is spread evenly over them, since the variances are estimates.
        """
        start_key, key = jax.random.split(jax.random.fold_in(key, _PILOT))
        points = jax.vmap(self.first)(jax.random.split(start_key, _CHAINS))
        sigmoid = jax.nn.sigmoid(jnp.linspace(-4.0, 4.0, _KNOTS))  # Wu et al. 2017
        temperature = (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])

        def knot(state: tuple[_Point, Array, Array], inputs: tuple[Array, Array]) -> tuple[Any, Any]:
            points, log_step, scale = state
            b, key = inputs

            def adapt(carry: tuple[_Point, Array], key: PRNGKeyArray) -> tuple[Any, Any]:
                points, log_step = carry
                keys, step = jax.random.split(key, _CHAINS), jnp.exp(log_step)
                points, acceptance = jax.vmap(self.move, (0, 0, None, None, None))(
                    keys, points, b, step, scale
                )
                log_step = log_step + acceptance.mean() - _ACCEPTANCE
                return (points, log_step), (points.u, jax.vmap(lambda point: point.log_weight)(points))

            keys = jax.random.split(key, _MOVES)
            (points, log_step), (u, log_weight) = jax.lax.scan(adapt, (points, log_step), keys)
            scale = _standard_deviation(u)
            return (points, log_step, scale), (jnp.exp(log_step), scale, log_weight.std())

        state = points, jnp.log(0.5), _standard_deviation(points.u[None])
        _, (step, scale, spread) = jax.lax.scan(knot, state, (temperature, jax.random.split(key, _KNOTS)))
        spread = jnp.where(jnp.isfinite(spread), spread, 0.0)  # a weight of 0 has no logarithm
        length = 0.5 * (spread[1:] + spread[:-1]) * jnp.diff(temperature)
        length = jnp.cumsum(length + 0.1 * length.mean() + 1e-6)
        return Schedule(jnp.concatenate([jnp.zeros(1), length / length[-1]]), temperature, step, scale)

    def sampled(self, key: PRNGKeyArray, chains: int, steps: int | Array) -> AnnealedDraw:
        """Chains by the schedule that a pilot with the same key learns."""
        return self.draw(key, self.pilot(key), chains, steps)

    def draw(self, key: PRNGKeyArray, schedule: Schedule, chains: int, steps: int | Array) -> AnnealedDraw:
        """Chains from the path's start to its end; chain j depends on (key, j) only, given the schedule."""

        def chain(key: PRNGKeyArray) -> tuple[Array, _Point, Array]:
            return self.walk(key, self.first(jax.random.fold_in(key, 0)), schedule, steps)

        log_weight, point, acceptance = jax.vmap(chain)(keys_of(key, jnp.arange(chains)))
        z = jax.vmap(self.z_of)(point.u)
        return AnnealedDraw(log_weight, z, jax.vmap(self.target.sampler.log_likelihood)(z), acceptance)

    def walk(
        self,
        key: PRNGKeyArray,
        point: _Point,
        schedule: Schedule,
        steps: int | Array,
        forward: bool | Array = True,
    ) -> tuple[Float[Array, ""], _Point, Float[Array, ""]]:
        """One chain from `point`: log w, where it ends, and its mean acceptance.

        Forward, from a draw of p₀, a step gains its weight and then moves: E[w] = p(x). The other way, from
        a draw of p(z∣x), the same steps are taken in the opposite order, each moves and then gains its
        weight: E[1/w] = 1/p(x).
        """

        def step(i: Array, state: tuple[Array, _Point, Array]) -> tuple[Array, _Point, Array]:
            log_weight, point, acceptance = state
            k = jnp.where(forward, i, steps + 1 - i)
            before, b = schedule.b((k - 1) / steps), schedule.b(k / steps)
            moved, accepted = self.move(jax.random.fold_in(key, k), point, b, *schedule.move(k / steps))
            gain = (b - before) * jnp.where(forward, point.log_weight, moved.log_weight)
            return log_weight + gain, moved, acceptance + accepted / steps

        state = jnp.zeros(()), point, jnp.zeros(())
        return jax.lax.fori_loop(1, steps + 1, step, state)


def log_mean_exp(log_values: Float[Array, " K"]) -> Float[Array, ""]:
    """log (1/K) Σⱼ exp(log valueⱼ)."""
    return jax.nn.logsumexp(log_values) - math.log(len(log_values))


def _standard_deviation(u: Float[Array, "M K ..."]) -> Float[Array, ...]:
    """Over moves and chains, and not 0."""
    return jnp.maximum(u.std((0, 1)), 1e-6)
