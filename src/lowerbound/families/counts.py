"""Families over whole numbers 0, 1, …, n."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import gammaln
from jaxtyping import Array, Float
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.families.family import Factorized, positive_size

__all__ = ["BetaBinomial", "Binomial"]


class Binomial(Factorized):
    """log p(x) = Σᵢ [log C(n, xᵢ) + xᵢ log πᵢ + (n − xᵢ) log(1 − πᵢ)]; the vector holds the logits of π.

    **Arguments:** `event_size`: number of dimensions; `trials`: n; `missing`: whether NaN stands for a
    value that was not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Binomial(1, 2)(jnp.zeros(1)).log_prob(jnp.array([1]))), 4)        # log ½
    -0.6931
    """

    trials: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        positive_size("Binomial.trials", self.trials)

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.trials)

    def marginals(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        return dist.BinomialLogits(parameters, total_count=self.trials)


class BetaBinomial(Factorized):
    """A binomial whose π is itself Beta(a, b): counts that spread wider than a binomial's.

    P(x) = C(n, x) B(x + a, n − x + b) / B(a, b). The vector holds the logit of the mean
    m = a/(a + b), then the log of the concentration s = a + b, for each dimension. Both a and b are kept
    in [1e-6, 1e6], so that no count has probability 0 and n·m stays finite in float32.

    **Arguments:** `event_size`: number of dimensions; `trials`: n; `missing`: whether NaN stands for a
    value that was not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.BetaBinomial(1, 4)(jnp.array([0.0, jnp.log(2.0)]))    # a = b = 1: uniform over 0..4
    >>> round(float(jnp.exp(p.log_prob(jnp.array([3])))), 4)
    0.2
    """

    trials: int = eqx.field(static=True)

    blocks = 2

    def __check_init__(self) -> None:
        positive_size("BetaBinomial.trials", self.trials)

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.trials)

    def marginals(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        logit, log_concentration = jnp.split(parameters, 2)
        s = jnp.exp(jnp.clip(log_concentration, -13.0, 13.0))
        a, b = s * jax.nn.sigmoid(logit), s * jax.nn.sigmoid(-logit)
        a, b = jnp.maximum(a, 1e-6), jnp.maximum(b, 1e-6)
        return _BetaBinomial(a, b, self.trials)


# Up to this many trials the product form is the cheaper one.
_PRODUCT_TRIALS = 64


class _BetaBinomial(dist.BetaBinomial):
    """NumPyro's BetaBinomial with a log-probability that stays accurate, and differentiable, in float32 for
    all a, b in [1e-6, 1e6]; its own is a difference of log-gammas of up to 1e7."""

    trials: int
    pytree_aux_fields = ("trials",)

    def __init__(self, a: Array, b: Array, trials: int):
        self.trials = trials
        super().__init__(a, b, total_count=trials)

    def log_prob(self, value: Array) -> Array:
        form = _product_form if self.trials <= _PRODUCT_TRIALS else _gamma_form
        return form(self.concentration1, self.concentration0, value, self.trials)


def _product_form(a: Array, b: Array, x: Array, n: int) -> Array:
    """log P(x) with P(x) as n factors, since its gamma functions are rising factorials:

        P(x) = Π_{k<n} rₖ,   rₖ = [(a + k)(n − k)/(k + 1) if k < x else b + n − 1 − k] / (a + b + k).

    A logarithm for every four factors, which stay inside float32's range, against nine log-gammas and as
    many digammas in the gradient.
    """
    ratios = [
        jnp.where(k < x, (a + k) * ((n - k) / (k + 1)), b + (n - 1 - k)) / (a + b + k) for k in range(n)
    ]
    logarithms = [jnp.log(math.prod(ratios[i : i + 4])) for i in range(0, n, 4)]
    return sum(logarithms[1:], logarithms[0])


def _gamma_form(a: Array, b: Array, x: Array, n: int) -> Array:
    """log P(x) = log C(n, x) + log (a)ₓ + log (b)ₙ₋ₓ − log (a + b)ₙ, (a)ₓ = Γ(a + x)/Γ(a)."""
    log_choose = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    return log_choose + _log_rising(a, x) + _log_rising(b, n - x) - _log_rising(a + b, n)


def _log_rising(a: Array, x: Array | int) -> Array:
    """log Γ(a + x) − log Γ(a); for large a by Stirling's series, whose leading terms cancel exactly."""
    large = jnp.maximum(a, 10.0)
    series = (large + x - 0.5) * jnp.log1p(x / large) + x * (jnp.log(large) - 1)
    series = series + _stirling_tail(large + x) - _stirling_tail(large)
    small = jnp.minimum(a, 10.0)
    return jnp.where(a > 10, series, gammaln(small + x) - gammaln(small))


def _stirling_tail(a: Array) -> Array:
    """1/(12a) − 1/(360a³): Stirling's series beyond its leading terms, to 1e-8 for a > 10."""
    return (1 - 1 / (30 * a**2)) / (12 * a)
