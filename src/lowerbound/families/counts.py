"""Families over whole numbers 0, 1, …, n."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.families.family import Family, positive_size

__all__ = ["BetaBinomial", "Binomial"]


class Binomial(Family):
    """log p(x) = Σᵢ [log C(n, xᵢ) + xᵢ log πᵢ + (n − xᵢ) log(1 − πᵢ)]; the vector holds the logits of π.

    **Arguments:** `event_size`: number of dimensions; `trials`: n.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Binomial(1, 2)(jnp.zeros(1)).log_prob(jnp.array([1]))), 4)        # log ½
    -0.6931
    """

    event_size: int = eqx.field(static=True)
    trials: int = eqx.field(static=True)

    def __init__(self, event_size: int, trials: int):
        self.event_size = positive_size("Binomial", event_size)
        self.trials = positive_size("Binomial.trials", trials)

    @property
    def size(self) -> int:
        return self.event_size

    @property
    def support(self) -> Constraint:
        return constraints.independent(constraints.integer_interval(0, self.trials), 1)

    def __call__(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        return dist.BinomialLogits(parameters, total_count=self.trials).to_event(1)


class BetaBinomial(Family):
    """A binomial whose π is itself Beta(a, b): counts that spread wider than a binomial's.

    P(x) = C(n, x) B(x + a, n − x + b) / B(a, b). The vector holds the logit of the mean
    m = a/(a + b), then the log of the concentration s = a + b, for each dimension. Both a and b are kept
    in [1e-6, 1e6], so that no count has probability 0 and n·m stays finite in float32.

    **Arguments:** `event_size`: number of dimensions; `trials`: n.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.BetaBinomial(1, 4)(jnp.array([0.0, jnp.log(2.0)]))    # a = b = 1: uniform over 0..4
    >>> round(float(jnp.exp(p.log_prob(jnp.array([3])))), 4)
    0.2
    """

    event_size: int = eqx.field(static=True)
    trials: int = eqx.field(static=True)

    def __init__(self, event_size: int, trials: int):
        self.event_size = positive_size("BetaBinomial", event_size)
        self.trials = positive_size("BetaBinomial.trials", trials)

    @property
    def size(self) -> int:
        return 2 * self.event_size

    @property
    def support(self) -> Constraint:
        return constraints.independent(constraints.integer_interval(0, self.trials), 1)

    def __call__(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        logit, log_concentration = jnp.split(parameters, 2)
        s = jnp.exp(jnp.clip(log_concentration, -13.0, 13.0))
        a, b = s * jax.nn.sigmoid(logit), s * jax.nn.sigmoid(-logit)
        a, b = jnp.maximum(a, 1e-6), jnp.maximum(b, 1e-6)
        return _ProductBetaBinomial(a, b, total_count=self.trials).to_event(1)


# Up to this many trials the product form is the cheaper one.
_PRODUCT_TRIALS = 64


class _ProductBetaBinomial(dist.BetaBinomial):
    """NumPyro's BetaBinomial with the log-probability as a product where n is small.

    The gamma functions of P(x) are rising factorials, so that

        P(x) = Π_{k<n} rₖ,   rₖ = [(a + k)(n − k)/(k + 1) if k < x else b + n − 1 − k] / (a + b + k):

    n multiplications and a logarithm for every four, against nine log-gammas and, in the gradient, as
    many digammas. Four factors at a time stay inside float32's range for all a, b in [1e-6, 1e6].
    """

    def log_prob(self, value: Array) -> Array:
        n = self.total_count
        if not isinstance(n, int) or n > _PRODUCT_TRIALS:
            return super().log_prob(value)
        a, b = self.concentration1, self.concentration0
        ratios = [
            jnp.where(k < value, (a + k) * ((n - k) / (k + 1)), b + (n - 1 - k)) / (a + b + k)
            for k in range(n)
        ]
        return jnp.stack([jnp.log(math.prod(ratios[i : i + 4])) for i in range(0, n, 4)]).sum(0)
