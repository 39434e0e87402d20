"""The family of categories whose levels have an order."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from lowerbound.distributions.discrete import LevelsDistribution
from lowerbound.distributions.special import within
from lowerbound.families.discrete import Leveled
from lowerbound.families.fitted import Fitted, Found
from lowerbound.families.location_scale import Heteroscedastic, Scale

__all__ = ["Ordinal", "Thresholds"]


class Thresholds(eqx.Module):
    """The thresholds between levels in order, b₁ < b₂ < … of each column, learned: the first is free, and
    each next one is further by a softplus, log(1 + eˢ), so that they stay in order.

    **Arguments:** `initial`: those at the start, (levels − 1, d), increasing.

    **Raises:** `ValueError` where they do not increase.

    >>> Thresholds([[-1.0], [0.0], [3.0]]).values.round(4)[:, 0].tolist()
    [-1.0, 0.0, 3.0]
    """

    spacing: Float[Array, "k d"]

    def __init__(self, initial: ArrayLike):
        b = np.asarray(initial, np.float64)
        gaps = np.diff(b, axis=0)
        if not (np.isfinite(b).all() and (gaps > 0).all()):
            raise ValueError(f"Thresholds.initial: expected finite numbers that increase, found {b.tolist()}")
        self.spacing = jnp.asarray(np.concatenate([b[:1], gaps + np.log(-np.expm1(-gaps))]))

    @property
    def gaps(self) -> Float[Array, "k-1 d"]:
        """How far each is from the one before."""
        return jax.nn.softplus(self.spacing[1:])

    @property
    def values(self) -> Float[Array, "k d"]:
        """The thresholds."""
        return jnp.cumsum(jnp.concatenate([self.spacing[:1], self.gaps]), axis=0)


class Ordinal(Leveled):
    """Each dimension is one of `levels` values 0, 1, …, levels − 1 in their order: a number about h, of the
    logistic distribution of scale σ, of which only is seen between which thresholds it fell,

        P(x ≤ k) = F((b_{k+1} − h)/σ),  F(t) = 1/(1 + e⁻ᵗ),  b₁ < … < b_{levels−1},

    in nats, of counting measure: cumulative logits (McCullagh 1980, section 6 for σ; HI-VAE, Nazábal et al.
    2020, section 4). The thresholds are learned, a column its own, and do not depend on the condition: a
    change of h moves the odds of "at most k" alike for every k, and σ the certainty. With
    `scale=FixedScale(1.0)` these are proportional odds.

    **Arguments:** `event_size`: number of dimensions; `levels`; `thresholds`: [`Thresholds`][] of
    (levels − 1, event_size), by default those that make all levels alike where h = 0 and σ = 1; `scale`:
    where σ comes from, one of [`Heteroscedastic`][] (the network), [`LearnedScale`][], [`FixedScale`][];
    `missing`: whether NaN stands for a value that was not observed.

    The vector holds h, then what the scale takes (by default log σ²).

    **Raises:** `ValueError` for thresholds of another shape.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.Ordinal(1, 3)
    >>> jnp.exp(family(jnp.zeros(2)).log_prob(jnp.arange(3.0)[:, None])).round(4).tolist()
    [0.3333, 0.3333, 0.3333]
    >>> up = jnp.array([jnp.log(2.0), 0.0])        # h = log 2: half the odds of at most 0, and of at most 1
    >>> jnp.exp(family(up).log_prob(jnp.arange(3.0)[:, None])).round(4).tolist()
    [0.2, 0.3, 0.5]
    """

    thresholds: Thresholds
    scale: Scale

    def __init__(
        self,
        event_size: int,
        levels: int,
        *,
        thresholds: Thresholds | None = None,
        scale: Scale | None = None,
        missing: bool = False,
    ):
        self.event_size, self.levels, self.missing = event_size, levels, missing
        self.thresholds = thresholds or Thresholds(np.broadcast_to(_even(levels), (levels - 1, event_size)))
        self.scale = scale or Heteroscedastic()

    def __check_init__(self) -> None:
        expected, found = (self.levels - 1, self.event_size), self.thresholds.spacing.shape
        if found != expected:
            raise ValueError(
                f"Ordinal.thresholds: expected (levels − 1, event_size) = {expected}, found {found}"
            )

    @classmethod
    def fitted_to_levels(cls, found: Found, levels: int) -> Fitted:
        """Its zeros have the frequencies of each column."""
        shares = found.frequencies(levels)
        odds = shares.cumsum(0)[:-1] / shares[::-1].cumsum(0)[::-1][1:]
        return Fitted(found.family(cls, levels, thresholds=Thresholds(np.log(odds))))

    def taking_missing(self) -> Ordinal:
        return Ordinal(
            self.event_size, self.levels, thresholds=self.thresholds, scale=self.scale, missing=True
        )

    @property
    def size(self) -> int:
        return self.event_size + self.scale.size(self.event_size)

    def marginals(self, parameters: Float[Array, " size"]) -> LevelsDistribution:
        h, rest = jnp.split(parameters, [self.event_size])
        return LevelsDistribution(self._log_probabilities(h, self.scale(rest)).T)

    def _log_probabilities(self, h: Float[Array, " d"], scale: Array) -> Float[Array, "levels d"]:
        """log P(x = k) = log F(u) + log F(−l) + log(1 − e^{l − u}), with u the upper and l the lower
        threshold of the level: no difference is taken of numbers that are near each other."""
        t = within(_FAR, (self.thresholds.values - h) / scale)
        gaps = within(_FAR, self.thresholds.gaps / scale)
        below = jnp.pad(jax.nn.log_sigmoid(t), ((0, 1), (0, 0)))
        above = jnp.pad(jax.nn.log_sigmoid(-t), ((1, 0), (0, 0)))
        between = jnp.pad(jnp.log(-jnp.expm1(-gaps)), ((1, 1), (0, 0)))
        return below + above + between[: self.levels]


_FAR = 1e30  # so many scales off; the density is a number there in float32, and its gradient 0


def _even(levels: int) -> Float[np.ndarray, "levels-1 1"]:
    """Thresholds between which the standard logistic distribution has equal mass."""
    share = np.arange(1, levels)[:, None] / levels
    return np.asarray(np.log(share / (1 - share)))
