"""Mixtures of distributions that one function makes from rows of parameters."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.each import each_drawn

__all__ = ["Mixture"]


class Mixture(Distribution):
    """p(z) = Σₖ πₖ pₖ(z), pₖ = component(rowₖ).

    **Arguments:** `logits`: (K,), of π; `rows`: (K, …), what each component is made of; `component`: from
    a row to a distribution over one event. Samples of a mixture have no path: the component jumps.

    >>> import jax.numpy as jnp, numpyro.distributions as dist
    >>> p = Mixture(jnp.zeros(2), jnp.array([[-1.0], [1.0]]), lambda row: dist.Normal(row, 1.0).to_event(1))
    >>> p.mean.tolist(), p.variance.tolist()
    ([0.0], [2.0])
    """

    arg_constraints: dict[str, Constraint] = {}  # noqa: RUF012 (NumPyro's class attribute)
    reparametrized_params: list[str] = []  # noqa: RUF012
    has_rsample = False

    def __init__(
        self, logits: Float[Array, " K"], rows: Array, component: Callable[[Array], Distribution]
    ) -> None:
        # Of a fitted estimator they are NumPy's, which a traced number cannot index.
        self.log_weights, self.rows, self.component = jax.nn.log_softmax(logits), jnp.asarray(rows), component
        first = component(self.rows[0])
        self._support = first.support
        super().__init__(batch_shape=(), event_shape=first.event_shape)

    @property
    def support(self) -> Constraint:
        return self._support

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        def one(key: PRNGKeyArray) -> Array:
            k_key, z_key = jax.random.split(key)
            return self.component(self.rows[jax.random.categorical(k_key, self.log_weights)]).sample(z_key)

        return each_drawn(one, key, sample_shape)

    def log_prob(self, value: Array) -> Array:
        if jnp.ndim(value) > self.event_dim:
            return jax.vmap(self.log_prob)(value)
        of_component = jax.vmap(lambda row: self.component(row).log_prob(value))(self.rows)
        return jax.nn.logsumexp(self.log_weights + of_component)

    @property
    def mean(self) -> Array:
        return self._average(jax.vmap(lambda row: self.component(row).mean)(self.rows))

    @property
    def variance(self) -> Array:
        """Var z = E Var(z∣k) + Var E(z∣k)."""
        means = jax.vmap(lambda row: self.component(row).mean)(self.rows)
        variances = jax.vmap(lambda row: self.component(row).variance)(self.rows)
        return self._average(variances + (means - self._average(means)) ** 2)

    def _average(self, of_component: Array) -> Array:
        return jnp.tensordot(jnp.exp(self.log_weights), of_component, axes=1)
