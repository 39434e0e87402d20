"""A mixture of any family by EM: the M-step of a family without a closed form is a few steps of L-BFGS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float
from numpy.typing import ArrayLike

from lowerbound.baselines.density import Array, log_sum_exp, of_rows, real
from lowerbound.baselines.em import alternation, converged, nearest_of
from lowerbound.families.family import Family
from lowerbound.models.transforms import Transform
from lowerbound.networks.product import multiplying

__all__ = ["FamilyMixture", "expectation_maximization", "fit_family"]


@dataclass(frozen=True, eq=False)
class FamilyMixture:
    """p(x) = Σ_k w_k p(T(x); η_k) |T′(x)|, the components members of one family behind one transform.

    `weights` (k,); `parameters` η, (k, size): a vector of the family each; `transform` T, one that draws
    nothing.

    >>> import lowerbound as lb
    >>> coin = FamilyMixture(lb.Bernoulli(1), lb.Identity(), np.ones(1), np.zeros((1, 1)), note="a fair coin")
    >>> np.exp(coin.log_prob([[0], [1]])).round(4).tolist()
    [0.5, 0.5]
    """

    family: Family
    transform: Transform
    weights: Float[np.ndarray, " k"]
    parameters: Float[np.ndarray, "k size"]
    note: str

    def log_prob(self, x: ArrayLike) -> Array:
        """Log-density per row, in nats, in the measure of the family and the units of x."""
        rows = real(x, self.family.event_size)
        joint = partial(_log_joint, self.family, np.log(self.weights), self.parameters)
        score = lambda x: log_sum_exp(np.asarray(joint(_seen(self, x)), np.float64))  # noqa: E731
        jacobian = jax.vmap(self.transform.log_jacobian)(jnp.asarray(rows, float))
        return of_rows(score, rows) + np.asarray(jacobian).astype(np.float64)


def _seen(mixture: FamilyMixture, x: Array) -> np.ndarray:
    """The rows behind the transform, which draws nothing and so needs no key."""
    return np.asarray(mixture.transform(jnp.asarray(x, float), jax.random.key(0)), np.float32)


@eqx.filter_jit
def _log_joint(family: Family, log_weights: ArrayLike, parameters: ArrayLike, y: ArrayLike) -> jax.Array:
    """log w_k + log p(yᵢ; η_k): (n, k)."""
    members = jnp.asarray(parameters, float)

    def of_row(row: jax.Array) -> jax.Array:
        return jax.vmap(lambda eta: family(eta).log_prob(row))(members)

    with multiplying():
        log_p = jax.vmap(of_row)(jnp.asarray(y, float))
    return log_p + jnp.asarray(log_weights)


# Steps of L-BFGS in an M-step: EM goes on from any member that is no worse, so that the best is not needed.
_STEPS = 8


@eqx.filter_jit
def _maximized(family: Family, parameters: Any, y: Any, responsibilities: Any) -> jax.Array:
    """η that raises Σᵢₖ rᵢₖ log p(yᵢ; η_k)/n, or `parameters` where none was found."""

    def loss(parameters: Any) -> jax.Array:
        log_p = _log_joint(family, jnp.zeros(len(parameters)), parameters, y)
        return -jnp.where(weight > 0, weight * log_p, 0.0).sum() / len(weight)

    weight = jnp.asarray(responsibilities)
    first = jnp.asarray(parameters, float)
    optimizer = optax.lbfgs()
    value_and_grad = optax.value_and_grad_from_state(loss)

    def step(_: jax.Array, carry: tuple[jax.Array, optax.OptState]) -> tuple[jax.Array, optax.OptState]:
        parameters, state = carry
        value, gradient = value_and_grad(parameters, state=state)
        updates, state = optimizer.update(
            gradient, state, parameters, value=value, grad=gradient, value_fn=loss
        )
        return optax.apply_updates(parameters, updates), state

    with multiplying():
        found, _ = jax.lax.fori_loop(0, _STEPS, step, (first, optimizer.init(first)))
    return jnp.where(loss(found) <= loss(first), found, first)


def expectation_maximization(
    mixture: FamilyMixture, x: Array, responsibilities: Array, pseudo_rows: float = 1.0
) -> Iterator[tuple[FamilyMixture, float]]:
    """Generalised EM (Dempster, Laird, Rubin 1977): yields (mixture, objective) after each step, without end.

    The objective is a penalised log-likelihood, in nats,

        Σᵢ log Σ_k w_k p(yᵢ; η_k) + c Σ_k [log w_k + (1/n) Σᵢ log p(yᵢ; η_k)],

    with c = `pseudo_rows` spread over all rows in each component, so that none shrinks to a single row.
    No step lowers it. `x` holds rows (n, d), `responsibilities` the p(k∣xᵢ), (n, k), to start from.

    >>> import lowerbound as lb
    >>> x = np.array([[0.0], [1.0], [9.0], [11.0]])
    >>> start = FamilyMixture(lb.Poisson(1), lb.Identity(), np.full(2, 0.5), np.zeros((2, 1)), note="")
    >>> steps = expectation_maximization(start, x, np.eye(2)[[0, 0, 1, 1]], pseudo_rows=1e-3)
    >>> mixture, _ = next(steps)
    >>> np.exp(mixture.parameters[:, 0]).round(1).tolist()          # the rates are the groups' means
    [0.5, 10.0]
    """
    y, n = _seen(mixture, x), len(x)

    def maximized(mixture: FamilyMixture, responsibilities: Array) -> tuple[FamilyMixture, Array, float]:
        weights = responsibilities.sum(0) + pseudo_rows
        weighed = np.asarray(responsibilities + pseudo_rows / n, np.float32)
        parameters = _maximized(mixture.family, mixture.parameters, y, weighed)
        mixture = replace(mixture, weights=weights / weights.sum(), parameters=np.asarray(parameters))
        log_w = np.log(mixture.weights)
        joint = np.asarray(_log_joint(mixture.family, log_w, mixture.parameters, y), np.float64)
        return mixture, joint, pseudo_rows * float(joint.mean(0).sum())

    return alternation(maximized, mixture, responsibilities)


def fit_family(
    x: Array,
    components: int,
    *,
    family: Family,
    transform: Transform,
    seed: int,
    steps: int = 50,
) -> FamilyMixture:
    """EM from the nearest of `components` random rows, until a step gains under 1e-4 nats a row."""
    start = FamilyMixture(
        family, transform, np.full(components, 1 / components), np.zeros((components, family.size)), note=""
    )
    y = _seen(start, x)
    nearest = nearest_of(y / np.maximum(y.std(0), 1e-6), components, seed)
    return converged(expectation_maximization(start, x, nearest), len(x), steps)
