"""Families over counts: whole numbers 0, 1, …, n, or without an end."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.counts import (
    BetaBinomialDistribution,
    NegativeBinomialDistribution,
    PoissonDistribution,
    ZeroInflatedDistribution,
)
from lowerbound.families.family import Factorized, positive_size
from lowerbound.families.fitted import Fitted, Found

__all__ = ["BetaBinomial", "Binomial", "NegativeBinomial", "Poisson", "ZeroInflatedNegativeBinomial"]


_MOST_TRIALS = 2**16


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

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Up to the greatest count that was found; the start has the columns' means."""
        return Fitted(found.family(cls, found.greatest), start=found.logits(found.greatest))

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.trials)

    def marginals(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        return dist.BinomialLogits(parameters, total_count=self.trials)


class BetaBinomial(Factorized):
    """A binomial whose π is itself Beta(a, b): counts that spread wider than a binomial's.

    P(x) = C(n, x) B(x + a, n − x + b) / B(a, b). The vector holds the logit of the mean
    m = a/(a + b), then the log of the concentration s = a + b, for each dimension. Both a and b are kept
    in [1e-6, 1e6], so that no count has probability 0 and n·m stays finite in float32. log P(x) is exact to
    1e-5, relative or absolute, whichever is more.

    **Arguments:** `event_size`: number of dimensions; `trials`: n, at most 2¹⁶; `missing`: whether NaN
    stands for a value that was not observed.

    **Raises:** `ValueError` for another n.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.BetaBinomial(1, 4)(jnp.array([0.0, jnp.log(2.0)]))    # a = b = 1: uniform over 0..4
    >>> round(float(jnp.exp(p.log_prob(jnp.array([3])))), 4)
    0.2
    """

    trials: int = eqx.field(static=True)

    blocks = 2

    def __check_init__(self) -> None:
        if positive_size("BetaBinomial.trials", self.trials) > _MOST_TRIALS:
            raise ValueError(
                f"BetaBinomial.trials: expected at most {_MOST_TRIALS}, where log P(x) is exact to 1e-5; "
                f"found {self.trials}; use NegativeBinomial, whose counts have no end"
            )

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Up to the greatest count that was found. The start has the columns' means and, by the method of
        moments, their variances n m (1 − m) (1 + (n − 1)/(s + 1))."""
        n, logits = found.greatest, found.logits(found.greatest)
        m = 1 / (1 + np.exp(-logits))
        wider = found.moments()[1] ** 2 / (n * m * (1 - m)) - 1
        log_s = np.log(1 / np.clip(wider / max(n - 1, 1), 0.01, 0.9) - 1)
        return Fitted(found.family(cls, n), start=np.concatenate([logits, log_s]))

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.trials)

    def marginals(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        logit, log_concentration = jnp.split(parameters, 2)
        s = jnp.exp(jnp.clip(log_concentration, -13.0, 13.0))
        a, b = s * jax.nn.sigmoid(logit), s * jax.nn.sigmoid(-logit)
        a, b = jnp.maximum(a, 1e-6), jnp.maximum(b, 1e-6)
        return BetaBinomialDistribution(a, b, self.trials)


# Means above e²⁰ ≈ 5e8 would give counts that no 32-bit whole number holds.
_LOG_MEAN = 20.0
_LOG_CONCENTRATION = 13.0


class Poisson(Factorized):
    """log P(x) = Σᵢ [xᵢ log λᵢ − λᵢ − log xᵢ!], x = 0, 1, 2, …, in nats, of counting measure. The vector
    holds log λ, the logs of the means; zeros are the mean 1.

    log λ is kept at most 20, so that samples fit into 32 bits; beyond, its gradient is 0. The
    log-probability is accurate in float32 for large counts too, where the three terms cancel (the
    saddle-point form of Loader 2000).

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Poisson(2)(jnp.zeros(2)).log_prob(jnp.array([0, 2]))), 4)         # −2 − log 2
    -2.6931
    """

    @property
    def each(self) -> Constraint:
        return constraints.nonnegative_integer

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """The start has the columns' means."""
        return Fitted(found.family(cls), start=found.log_means())

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return PoissonDistribution(jnp.minimum(parameters, _LOG_MEAN))


class NegativeBinomial(Factorized):
    """Counts with mean m and variance m + m²/r, a Poisson distribution whose rate is Gamma(r, r/m):

        log P(x) = Σᵢ [log Γ(xᵢ + rᵢ) − log xᵢ! − log Γ(rᵢ) + rᵢ log rᵢ/(rᵢ + mᵢ) + xᵢ log mᵢ/(rᵢ + mᵢ)],

    x = 0, 1, 2, …, in nats, of counting measure. The vector holds the logs of the means m, then those of the
    concentrations r; zeros are m = r = 1, the geometric distribution on 0, 1, … with ratio ½.

    log m is kept at most 20, and log r in ±13 (beyond an end the gradient of that number is 0); the rate
    of a sample is at most e²¹, so that samples fit into 32 bits. Accurate in float32 for large counts.

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.NegativeBinomial(1)(jnp.zeros(2))
    >>> jnp.exp(p.log_prob(jnp.arange(3.0)[:, None])).round(4).tolist()
    [0.5, 0.25, 0.125]
    """

    blocks = 2

    @property
    def each(self) -> Constraint:
        return constraints.nonnegative_integer

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """The start has the columns' means and, by the method of moments, their variances."""
        mean, spread = found.moments()
        return Fitted(
            found.family(cls),
            start=np.concatenate([found.log_means(), found.log_concentrations(mean, spread**2)]),
        )

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return _negative_binomial(*jnp.split(parameters, 2))


class ZeroInflatedNegativeBinomial(Factorized):
    """0 with probability π, else a draw of [`NegativeBinomial`][]: P(0) = π + (1 − π) NB(0) and P(x) =
    (1 − π) NB(x), in nats, of counting measure (counts with more zeros than a rate explains; Lopez et al.
    2018).

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    The vector holds log m and log r of the negative binomial, then the logits of π; zeros are m = r = 1
    and π = ½. The mean is (1 − π) m. Bounds are those of [`NegativeBinomial`][].

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.ZeroInflatedNegativeBinomial(1)(jnp.zeros(3))
    >>> jnp.exp(p.log_prob(jnp.arange(3.0)[:, None])).round(4).tolist()
    [0.75, 0.125, 0.0625]
    """

    blocks = 3

    @property
    def each(self) -> Constraint:
        return constraints.nonnegative_integer

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """The start has the columns' means and variances, with half of the zeros beyond those of the negative
        binomial: the variance is (1 − π) (v + π m²), with m and v those of its counts."""
        mean, spread = found.moments()
        zero = ((found.x == 0).sum(0) + 0.5) / (2 * len(found.x) + 2)
        m = mean / (1 - zero)
        log_r = found.log_concentrations(m, spread**2 / (1 - zero) - zero * m**2)
        log_m, logit = found.log_means() - np.log1p(-zero), np.log(zero / (1 - zero))
        return Fitted(found.family(cls), start=np.concatenate([log_m, log_r, logit]))

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        log_mean, log_concentration, logit = jnp.split(parameters, 3)
        return ZeroInflatedDistribution(logit, _negative_binomial(log_mean, log_concentration))


def _negative_binomial(log_mean: Array, log_concentration: Array) -> NegativeBinomialDistribution:
    bounded = jnp.clip(log_concentration, -_LOG_CONCENTRATION, _LOG_CONCENTRATION)
    return NegativeBinomialDistribution(jnp.minimum(log_mean, _LOG_MEAN), bounded)
