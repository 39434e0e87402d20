"""Figure 3: the marginal likelihood of MNIST over training with three latents and 100 hidden units, for 1,000
and for 50,000 training rows: AEVB, wake-sleep, and Monte Carlo EM.

    python examples/aevb/figure_3.py

log p(x) depends on the decoder alone, and three latents are few enough to integrate over: for all methods it
is the mean of p(x∣z) over quasi-random points of the prior, which no encoder can make better or worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import paper
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from scipy.special import ndtri
from scipy.stats import qmc

import lowerbound as lb
from lowerbound.data.chunks import transformed

LATENTS, HIDDEN = 3, 100
LEAPFROGS, UPDATES, ACCEPTANCE = 10, 5, 0.9


def hmc(
    log_joint: Callable[[Array], Array], z: Float[Array, " d"], step: Array, key: PRNGKeyArray
) -> tuple[Float[Array, " d"], Array]:
    """One move of Hamiltonian Monte Carlo towards p(z∣x) ∝ exp(log_joint(z)): where the chain is then, and
    the probability of acceptance."""
    momentum_key, accept_key = jax.random.split(key)
    gradient = jax.grad(log_joint)
    start = jax.random.normal(momentum_key, z.shape)

    def leap(_: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        place, momentum = state
        place = place + step * momentum
        return place, momentum + step * gradient(place)

    place, momentum = jax.lax.fori_loop(0, LEAPFROGS, leap, (z, start + 0.5 * step * gradient(z)))
    momentum = momentum - 0.5 * step * gradient(place)  # the last kick was whole
    log_ratio = log_joint(place) - log_joint(z) + 0.5 * (start @ start - momentum @ momentum)
    accepted = jnp.log(jax.random.uniform(accept_key)) < log_ratio
    return jnp.where(accepted, place, z), jnp.exp(jnp.minimum(log_ratio, 0.0))


class EM(NamedTuple):
    """What Monte Carlo EM changes: the likelihood's arrays, the optimiser's, a chain a row, HMC's step."""

    theta: PyTree
    optimizer: PyTree
    z: Float[Array, "n d"]
    step: Array
    batches: Int[Array, ""]


def monte_carlo_em(data: paper.Data, x: np.ndarray, start: lb.VAE, seed: int, rate: float) -> paper.Learner:
    """Minibatch after minibatch: a move of every row's own chain towards p(z∣x), then UPDATES steps on
    log p(x, z) and log p(θ)/N with that z. A batch's 100 rows count once as seen. Batches come by the ten."""
    optimizer, rows = paper.adam(rate), jnp.asarray(x)
    theta, constants = eqx.partition(start.likelihood, eqx.is_inexact_array)
    key = jax.random.key(seed)

    def initial() -> EM:
        z = jax.random.normal(key, (len(x), LATENTS))
        return EM(theta, optimizer.init(theta), z, jnp.asarray(0.1), jnp.asarray(0))

    def until(seen: int, state: EM | None) -> tuple[lb.VAE, EM]:
        state = state or initial()
        while (done := int(state.batches)) * paper.BATCH < seen:
            places = np.stack([batch(len(x), seed, done + i) for i in range(10)])
            state = steps(optimizer, constants, data.transform, rows, key, places, state)
        likelihood = eqx.combine(state.theta, constants)
        return replace(start, likelihood=likelihood), state

    return until


def batch(n: int, seed: int, number: int) -> Int[np.ndarray, " batch"]:
    """The rows of a batch; every epoch has an order of its own."""
    epoch, place = divmod(number, n // paper.BATCH)
    order = np.random.default_rng((seed, epoch)).permutation(n)
    return order[place * paper.BATCH : (place + 1) * paper.BATCH]


@eqx.filter_jit
def steps(
    optimizer: optax.GradientTransformation,
    constants: PyTree,
    transform: lb.DynamicBinarization,
    rows: Array,
    key: PRNGKeyArray,
    places: Int[Array, "batches batch"],
    state: EM,
) -> EM:
    """The E step and the M step of each batch of `places`."""
    prior = lb.StandardNormal(LATENTS)()

    def step(state: EM, index: Int[Array, " batch"]) -> tuple[EM, None]:
        bits_key, hmc_key = jax.random.split(jax.random.fold_in(key, state.batches))
        x = jax.vmap(transform)(rows[index], jax.random.split(bits_key, len(index)))

        def log_joint(theta: PyTree, x: Array, z: Array) -> Array:
            return eqx.combine(theta, constants)(z).log_prob(x) + prior.log_prob(z)

        def move(x: Array, z: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
            return hmc(lambda z: log_joint(state.theta, x, z), z, state.step, key)

        z, acceptance = jax.vmap(move)(x, state.z[index], jax.random.split(hmc_key, len(index)))

        def loss(theta: PyTree) -> Array:
            log_prior = -0.5 * sum((leaf**2).sum() for leaf in jax.tree.leaves(theta))
            return -jax.vmap(partial(log_joint, theta))(x, z).mean() - log_prior / len(rows)

        def update(_: Array, fitted: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            theta, moments = fitted
            change, moments = optimizer.update(jax.grad(loss)(theta), moments, theta)
            return optax.apply_updates(theta, change), moments

        theta, moments = jax.lax.fori_loop(0, UPDATES, update, (state.theta, state.optimizer))
        return EM(
            theta=theta,
            optimizer=moments,
            z=state.z.at[index].set(z),
            step=state.step * jnp.where(acceptance.mean() > ACCEPTANCE, 1.02, 1 / 1.02),
            batches=state.batches + 1,
        ), None

    return jax.lax.scan(step, state, places)[0]


def marginal_likelihood(
    data: paper.Data, x: np.ndarray, evaluated: int, log2_points: int
) -> Callable[[lb.VAE], paper.Point]:
    """log p(x) = log ∫ p(x∣z) p(z) dz of the first rows of x and of the test rows, in nats a row, with its
    standard error over rows; and `sparse`, the share of rows whose integral rests on fewer than 10 points."""
    u = qmc.Sobol(LATENTS, seed=0).random_base2(log2_points)
    z = jnp.asarray(ndtri(np.clip(u, 1e-9, 1 - 1e-9)), jnp.float32)
    rows = {"train": x[:evaluated], "test": data.test[:evaluated]}
    y = jnp.asarray(np.concatenate([transformed(data.transform, each) for each in rows.values()]))

    def assess(trained: lb.VAE) -> paper.Point:
        log_p, effective = map(np.asarray, quadrature(trained.likelihood.network, z, y))
        point = {"sparse": float((effective < 10).mean())}
        for name, part in zip(rows, np.split(log_p, [len(rows["train"])]), strict=True):
            point |= {name: float(part.mean()), f"{name}_error": float(part.std(ddof=1) / np.sqrt(len(part)))}
        return point

    return assess


@eqx.filter_jit
def quadrature(
    network: Callable[[Array], Array], z: Float[Array, "m d"], y: Float[Array, "n pixels"]
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """log (1/m) Σᵢ p(y∣zᵢ) of each binary row, and the effective number of points (Σp)²/Σp². The points are
    shared by all rows, so that log p(y∣z) = y·η − Σ log(1 + e^η), η = network(z), is one matrix product."""

    def add(sums: tuple[Array, Array], z: Array) -> tuple[tuple[Array, Array], None]:
        logits = jax.vmap(network)(z)
        log_p = y @ logits.T - jax.nn.softplus(logits).sum(1)
        of_block = logsumexp(log_p, 1), logsumexp(2 * log_p, 1)
        return jax.tree.map(jnp.logaddexp, sums, of_block), None

    nothing = jnp.full(len(y), -jnp.inf)
    blocks = z.reshape(-1, min(len(z), 4096), z.shape[1])
    (total, squares), _ = jax.lax.scan(add, (nothing, nothing), blocks)
    return total - jnp.log(len(z)), jnp.exp(2 * total - squares)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = paper.parser(__doc__, rows=300_000)
    parser.set_defaults(evaluated=250)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 50_000], help="[1000 50000]")
    parser.add_argument("--log2-points", type=int, default=19, help="of the integral over z, 2 to the [19]")
    options = parser.parse_args(arguments)
    data = paper.mnist(options.folder)
    title = "The marginal likelihood over training: MNIST, 3 latents, 100 hidden units"
    names = [f"{size:,} training rows" for size in options.sizes]
    figure, axes = paper.panels(names, title, "log p(x), nats per row")
    start, curves = paper.model(data, LATENTS, HIDDEN, options.seed), []
    for size, panel in zip(options.sizes, axes, strict=True):
        x = data.train[:size]
        learners: dict[str, Callable[[float], paper.Learner]] = {
            method: partial(paper.ascent, data, x, start, objective, options.seed)
            for method, objective in paper.METHODS.items()
        }
        learners["mcem"] = partial(monte_carlo_em, data, x, start, options.seed)
        for method, learner in learners.items():
            name = f"mnist-marginal-{size}-{method}-{options.rows}-seed-{options.seed}"
            assess = marginal_likelihood(data, x, options.evaluated, options.log2_points)
            about: dict[str, Any] = dict(method=method, latents=LATENTS, hidden=HIDDEN, n=size)
            path = options.out / "curves" / name
            found = paper.curve(path, learner, assess, options, seed=options.seed, **about)
            curves.append(found)
            paper.draw(panel, found)
    paper.finish(figure, list(paper.LOOKS), low=-190.0)
    paper.kept(figure, curves, options, "figure-3")


if __name__ == "__main__":
    main()
