"""Objectives: from draws to a lower bound on log p(x) for one data point, in nats, to be maximised."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from lowerbound.families.family import positive_size
from lowerbound.models.draws import Draw
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.gradients import (
    DoublyReparameterized,
    Enumeration,
    Gradient,
    ScoreFunction,
    StickingTheLanding,
    Terms,
    gradient_named,
    stop,
)
from lowerbound.objectives.objective import END, DataPoint, Objective, OfDraw, Progress, Schedule, held

__all__ = ["CIWAE", "ELBO", "IWAE", "MIWAE", "PIWAE", "Renyi"]


class ELBO(OfDraw):
    """The evidence lower bound, in both estimators of Kingma & Welling 2014.

    - `kl="monte_carlo"` (eq. 6): (1/L) Σₗ [log p(x∣z⁽ˡ⁾) + log p(z⁽ˡ⁾) − log q(z⁽ˡ⁾∣x)];
    - `kl="analytic"` (eq. 7): (1/L) Σₗ log p(x∣z⁽ˡ⁾) − KL(q(z∣x) ‖ p(z)), refused where that KL has
      no closed form;
    - `kl="auto"`: the second where it exists and the gradient allows it, else the first.

    **Arguments:** `samples`: L; `beta`: weight of the KL (β-VAE, Higgins et al. 2017), a number or a
    schedule of the training step, as Optax has them; `free_nats`: the KL of a data point counts at
    least this much, max(KL, free_nats), so that nothing is gained below it (Kingma et al. 2016); where
    the KL is estimated the estimate is floored, which is a little more than the floored KL; `capacity`:
    the penalty is β·|KL − capacity| (Burgess et al. 2018), a number of nats or a schedule; `column_weights`:
    what each column's term of log p(x∣z) counts, one number a place of a row, such as more than 1 for a
    property that z is to know; columns that are not independent given z have one term, that of the first;
    `gradient`:
    `"reparameterized"`, `"sticking_the_landing"`, `"score_function"` (with the running mean as baseline),
    `"vimco"` (leave-one-out baseline), `"enumeration"`, or one of the estimators of
    `lowerbound.objectives.gradients`.

    With β = 1, no free nats, no capacity and no weights its value is a lower bound on log p(x), in nats; the
    term `bound` always is that bound.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> key, latent, pixels = jax.random.key(0), lb.DiagonalGaussian(2), lb.Bernoulli(4)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> bound = jax.jit(lambda x, key: lb.ELBO(samples=8)(model, x, key))
    >>> bool(bound(jnp.ones(4), key) < 0)
    True
    """

    samples: int = eqx.field(static=True)
    kl: Literal["auto", "analytic", "monte_carlo"] = eqx.field(static=True)
    beta: float | Array | Schedule
    free_nats: float | Array
    capacity: float | Array | Schedule | None
    column_weights: Float[Array, " d"] | None
    gradient: Gradient

    def __init__(
        self,
        samples: int = 1,
        *,
        kl: Literal["auto", "analytic", "monte_carlo"] = "auto",
        beta: float | Schedule = 1.0,
        free_nats: float = 0.0,
        capacity: float | Schedule | None = None,
        column_weights: ArrayLike | None = None,
        gradient: str | Gradient = "reparameterized",
    ):
        self.samples = positive_size("ELBO.samples", samples)
        if kl not in ("auto", "analytic", "monte_carlo"):
            raise ValueError(f"ELBO.kl: expected auto, analytic or monte_carlo; found {kl!r}")
        if not callable(beta) and not beta >= 0:
            raise ValueError(f"ELBO.beta: expected at least 0, found {beta}")
        if not free_nats >= 0:
            raise ValueError(f"ELBO.free_nats: expected at least 0 nats, found {free_nats}")
        if capacity is not None and not callable(capacity) and not capacity >= 0:
            raise ValueError(f"ELBO.capacity: expected at least 0 nats, found {capacity}")
        weights = None if column_weights is None else np.asarray(column_weights, float)
        if weights is not None and not (weights.ndim == 1 and (weights >= 0).all() and weights.any()):
            raise ValueError(
                f"ELBO.column_weights: expected one number of at least 0 a column, not all 0; found {weights}"
            )
        self.column_weights = None if weights is None else jnp.asarray(weights, float)
        self.gradient = gradient_named(gradient)
        if isinstance(self.gradient, DoublyReparameterized):
            raise ValueError(
                "ELBO.gradient: the bound is linear in log w, where doubly_reparameterized is "
                "sticking_the_landing; use that name"
            )
        if isinstance(self.gradient, StickingTheLanding):
            if kl == "analytic":
                raise ValueError(
                    "ELBO.gradient: sticking_the_landing is of the Monte-Carlo bound; use kl='monte_carlo' "
                    "or 'auto'"
                )
            if free_nats > 0 or capacity is not None:
                raise ValueError(
                    "ELBO.gradient: sticking_the_landing is biased with free_nats or a capacity, which are "
                    "not linear in the KL; use reparameterized"
                )
            kl = "monte_carlo"
        _check_leave_one_out("ELBO", self.gradient, samples)
        self.kl = kl
        self.beta = beta if callable(beta) else float(beta)
        self.free_nats = float(free_nats)
        self.capacity = capacity if callable(capacity) or capacity is None else float(capacity)

    @property
    def draws(self) -> int:
        return self.samples

    @property
    def weighs_columns(self) -> Float[Array, " d"] | None:
        return self.column_weights

    def of_draw(self, draw: Draw, progress: Progress = END) -> tuple[Float[Array, ""], Terms]:
        log_likelihood = draw.expectation(draw.log_likelihood)
        kl = self._kl(draw)
        # An estimate of the KL may be negative at a draw, so without free nats nothing is floored.
        floored = jnp.where(self.free_nats > 0, jnp.maximum(kl, self.free_nats), kl)
        if self.capacity is not None:
            floored = jnp.abs(floored - progress.at(self.capacity))
        weighed = draw.log_likelihood if draw.weighed_likelihood is None else draw.weighed_likelihood
        value = draw.expectation(weighed) - progress.at(self.beta) * floored
        return value, {"bound": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}

    def _kl(self, draw: Draw) -> Array:
        if self.kl == "monte_carlo" or (self.kl == "auto" and draw.kl is None):
            return draw.expectation(draw.log_posterior - draw.log_prior)
        if draw.kl is None:
            raise ValueError(
                'ELBO(kl="analytic"): KL(q(z∣x) ‖ p(z)) has no closed form for this posterior and '
                'prior; use kl="monte_carlo", or "auto" to have that chosen'
            )
        return draw.kl

    def unfinished(self, step: int) -> str | None:
        if not callable(self.beta):
            return None
        last, later = (float(self.beta(jnp.asarray(at))) for at in (max(step - 1, 0), 2 * step))
        if abs(last - 1) < 1e-6 or last == later:  # where it no longer moves, it was meant to end there
            return None
        return (
            f"the schedule of beta stood at {last:.3g} at the last step and had not reached "
            f"{float(END.at(self.beta)):.3g}, so the model was trained for another objective than that which "
            "it was to end with (the bound that is reported is that of beta = 1)"
        )


class MultiSample(OfDraw):
    """A bound that is a function of the importance weights of K samples alone."""

    @abstractmethod
    def of_log_weights(self, log_w: Float[Array, " K"]) -> Float[Array, ""]:
        """The bound, in nats, from log w = log p(x, z) − log q(z∣x) at each sample."""

    def __check_init__(self) -> None:
        name = type(self).__name__
        if isinstance(self.gradient, StickingTheLanding):
            raise ValueError(
                f"{name}.gradient: sticking_the_landing is biased inside a logarithm; use "
                "doubly_reparameterized, its right form for importance-weighted bounds"
            )
        if isinstance(self.gradient, Enumeration):
            raise ValueError(f"{name}.gradient: enumeration is exact for ELBO, whose samples it replaces")
        _check_leave_one_out(name, self.gradient, self.draws)

    def of_draw(self, draw: Draw, progress: Progress = END) -> tuple[Float[Array, ""], Terms]:
        bound = self.of_log_weights(draw.log_weight)
        return bound, {
            "bound": bound,
            "log_likelihood": draw.log_likelihood.mean(),
            "kl": (draw.log_posterior - draw.log_prior).mean(),
        }


def _log_mean_exp(log_w: Float[Array, "... K"]) -> Float[Array, " ..."]:
    return jax.nn.logsumexp(log_w, axis=-1) - math.log(log_w.shape[-1])


class IWAE(MultiSample):
    """The importance-weighted bound log (1/K) Σⱼ wⱼ, w = p(x, z)/q(z∣x) (Burda, Grosse &
    Salakhutdinov 2016, eq. 8): ELBO ≤ IWAE-K ≤ IWAE-(K+1) ≤ log p(x), in nats.

    **Arguments:** `samples`: K; `gradient`: `"reparameterized"`, `"doubly_reparameterized"` (its signal
    does not drown in noise as K grows), `"score_function"` or `"vimco"`.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> key, latent, pixels = jax.random.key(0), lb.DiagonalGaussian(2), lb.Bernoulli(4)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> elbo, iwae = lb.ELBO(samples=50, kl="monte_carlo"), lb.IWAE(samples=50)
    >>> both = jax.jit(lambda x, key: (elbo(model, x, key), iwae(model, x, key)))
    >>> lower, higher = both(jnp.ones(4), key)
    >>> bool(lower <= higher)                                        # Jensen, on the same draws
    True
    """

    samples: int = eqx.field(static=True)
    gradient: Gradient

    def __init__(self, samples: int = 50, *, gradient: str | Gradient = "reparameterized"):
        self.samples = positive_size("IWAE.samples", samples)
        self.gradient = gradient_named(gradient)

    @property
    def draws(self) -> int:
        return self.samples

    def of_log_weights(self, log_w: Float[Array, " K"]) -> Float[Array, ""]:
        return _log_mean_exp(log_w)


class MIWAE(MultiSample):
    """The mean of M importance-weighted bounds of K samples each, (1/M) Σₘ log (1/K) Σₖ wₘₖ (Rainforth et
    al. 2018, eq. 15): IWAE-K itself, with less noise.

    **Arguments:** `samples`: K, in a group; `groups`: M; `gradient`: as for [`IWAE`][].

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> log_w = jnp.log(jnp.array([1.0, 3.0, 2.0, 2.0]))             # two groups, each of mean 2
    >>> round(float(jnp.exp(lb.MIWAE(samples=2, groups=2).of_log_weights(log_w))), 4)
    2.0
    """

    samples: int = eqx.field(static=True)
    groups: int = eqx.field(static=True)
    gradient: Gradient

    def __init__(self, samples: int = 8, groups: int = 8, *, gradient: str | Gradient = "reparameterized"):
        self.samples = positive_size("MIWAE.samples", samples)
        self.groups = positive_size("MIWAE.groups", groups)
        self.gradient = gradient_named(gradient)

    @property
    def draws(self) -> int:
        return self.samples * self.groups

    def of_log_weights(self, log_w: Float[Array, " K"]) -> Float[Array, ""]:
        return _log_mean_exp(log_w.reshape(self.groups, self.samples)).mean()


class CIWAE(MultiSample):
    """Between the two: β (1/K) Σ log wₖ + (1 − β) log (1/K) Σ wₖ (Rainforth et al. 2018, eq. 16).

    **Arguments:** `samples`: K; `beta`: β, in [0, 1]; `gradient`: as for [`IWAE`][].

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> log_w = jnp.log(jnp.array([1.0, 3.0]))
    >>> float(lb.CIWAE(samples=2, beta=1.0).of_log_weights(log_w) - log_w.mean())     # the ELBO
    0.0
    """

    samples: int = eqx.field(static=True)
    beta: float | Array
    gradient: Gradient

    def __init__(self, samples: int = 64, *, beta: float = 0.5, gradient: str | Gradient = "reparameterized"):
        self.samples = positive_size("CIWAE.samples", samples)
        if not 0 <= beta <= 1:
            raise ValueError(f"CIWAE.beta: expected a number from 0 to 1, found {beta}")
        self.beta = float(beta)
        self.gradient = gradient_named(gradient)

    @property
    def draws(self) -> int:
        return self.samples

    def of_log_weights(self, log_w: Float[Array, " K"]) -> Float[Array, ""]:
        return self.beta * log_w.mean() + (1 - self.beta) * _log_mean_exp(log_w)


class Renyi(MultiSample):
    """The variational Rényi bound (1/(1 − α)) log (1/K) Σₖ wₖ^{1−α} (Li & Turner 2016, eq. 8).

    α = 1 is the ELBO, α = 0 IWAE, α = −∞ the largest log-weight (VR-max). For α ≥ 0 its expectation is a
    lower bound on log p(x). For α < 0 its limit as K → ∞ is an upper bound; at finite K its expectation
    may lie on either side, so that it is no bound, and `fit` and tables call it what it is.

    **Arguments:** `samples`: K; `alpha`: α, any real number or −∞; `gradient`: as for [`IWAE`][].

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> log_w = jnp.log(jnp.array([1.0, 3.0]))
    >>> round(float(jnp.exp(lb.Renyi(2, alpha=-1.0).of_log_weights(log_w))), 4)     # √((1 + 9)/2)
    2.2361
    """

    samples: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True)
    gradient: Gradient

    def __init__(
        self, samples: int = 50, *, alpha: float = 0.5, gradient: str | Gradient = "reparameterized"
    ):
        self.samples = positive_size("Renyi.samples", samples)
        if math.isnan(alpha) or alpha == math.inf:
            raise ValueError(f"Renyi.alpha: expected a number, or -inf for VR-max, found {alpha}")
        self.alpha = float(alpha)
        self.gradient = gradient_named(gradient)
        if alpha == -math.inf and isinstance(self.gradient, DoublyReparameterized):
            raise ValueError(
                "Renyi.gradient: the largest weight jumps between samples, for which "
                "doubly_reparameterized has no form; use reparameterized, or a finite alpha"
            )

    @property
    def draws(self) -> int:
        return self.samples

    def of_log_weights(self, log_w: Float[Array, " K"]) -> Float[Array, ""]:
        if self.alpha == 1:
            return log_w.mean()
        if self.alpha == -math.inf:
            return log_w.max()
        return _log_mean_exp((1 - self.alpha) * log_w) / (1 - self.alpha)


class PIWAE(Objective):
    """Partially importance weighted (Rainforth et al. 2018, section 6): θ climbs IWAE over all M·K samples,
    φ climbs MIWAE over M groups of K, whose gradient is less noisy. The value is IWAE's.

    **Arguments:** `samples`: K, in a group; `groups`: M; `gradient`: φ's estimator, as for [`IWAE`][].

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> key, latent, pixels = jax.random.key(0), lb.DiagonalGaussian(2), lb.Bernoulli(4)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> piwae, iwae = lb.PIWAE(samples=4, groups=2), lb.IWAE(samples=8)
    >>> bool(piwae(model, jnp.ones(4), key) == iwae(model, jnp.ones(4), key))
    True
    """

    theta: IWAE
    phi: MIWAE

    def __init__(self, samples: int = 8, groups: int = 8, *, gradient: str | Gradient = "reparameterized"):
        positive_size("PIWAE.samples", samples)
        positive_size("PIWAE.groups", groups)
        self.theta = IWAE(samples * groups)
        try:
            self.phi = MIWAE(samples, groups, gradient=gradient)
        except ValueError as error:
            raise ValueError(str(error).replace("MIWAE", "PIWAE")) from None

    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        of_theta, of_phi = model.apart()
        draw = held(point.sampler(of_theta), point.keys.draws, self.theta.draws)
        value, terms = self.theta.of_draw(draw, progress)
        surrogate, _ = self.phi.of_point(of_phi, point, progress)
        return value + (surrogate - stop(surrogate)), terms


def _check_leave_one_out(name: str, gradient: Gradient, draws: int) -> None:
    if isinstance(gradient, ScoreFunction) and gradient.baseline == "leave_one_out" and draws < 2:
        raise ValueError(
            f"{name}.gradient: a leave-one-out baseline (vimco) needs at least 2 samples, found {draws}"
        )
