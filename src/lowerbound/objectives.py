"""Objectives: from draws to a lower bound on log p(x) for one data point, in nats, to be maximised."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.families.family import positive_size
from lowerbound.model import VAE, Draw

__all__ = ["ELBO", "IWAE", "Objective"]

Schedule = Callable[[Array], Array]


class Objective(eqx.Module):
    """What is maximised. Called for one data point it gives its value, in nats.

    `step` is the training step that a schedule is read at; `None` stands for the end of training, where
    a schedule counts as 1.
    """

    samples: eqx.AbstractVar[int]

    def __call__(
        self,
        model: VAE,
        x: Array,
        key: PRNGKeyArray,
        given: Array | None = None,
        *,
        step: Array | int | None = None,
    ) -> Float[Array, ""]:
        return self.with_terms(model, x, key, given, step=step)[0]

    def with_terms(
        self,
        model: VAE,
        x: Array,
        key: PRNGKeyArray,
        given: Array | None = None,
        *,
        step: Array | int | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """The value to be maximised, and by name: `bound`, the lower bound on log p(x) proper;
        `log_likelihood`, the mean of log p(x∣z); and `kl`, KL(q(z∣x) ‖ p(z))."""
        draw = model.draw(x, key, self.samples, given)
        if not draw.reparameterized:
            raise TypeError(
                "the posterior's distribution cannot be reparameterised (it has no rsample), so the "
                "gradient through its samples would be wrong; use a location-scale family such as "
                "DiagonalGaussian or FullGaussian"
            )
        return self.of_draw(draw, step)

    @abstractmethod
    def of_draw(
        self, draw: Draw, step: Array | int | None
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Value and terms from the draws of one data point."""


class ELBO(Objective):
    """The evidence lower bound, in both estimators of Kingma & Welling 2014.

    - `kl="monte_carlo"` (eq. 6): (1/L) Σₗ [log p(x∣z⁽ˡ⁾) + log p(z⁽ˡ⁾) − log q(z⁽ˡ⁾∣x)];
    - `kl="analytic"` (eq. 7): (1/L) Σₗ log p(x∣z⁽ˡ⁾) − KL(q(z∣x) ‖ p(z)), refused where that KL has
      no closed form;
    - `kl="auto"`: the second where it exists, else the first.

    **Arguments:** `samples`: L; `beta`: weight of the KL (β-VAE, Higgins et al. 2017), a number or a
    schedule of the training step, as Optax has them; `free_nats`: the KL of a data point counts at
    least this much, max(KL, free_nats), so that nothing is gained below it (Kingma et al. 2016); where
    the KL is estimated the estimate is floored, which is a little more than the floored KL.

    With β = 1 and no free nats its value is a lower bound on log p(x), in nats.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> key, latent, pixels = jax.random.key(0), lb.DiagonalGaussian(2), lb.Bernoulli(4)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, key=key), pixels),
    ... )
    >>> bool(lb.ELBO(samples=8)(model, jnp.ones(4), key) < 0)
    True
    """

    samples: int = eqx.field(static=True)
    kl: Literal["auto", "analytic", "monte_carlo"] = eqx.field(static=True)
    beta: float | Array | Schedule
    free_nats: float | Array

    def __init__(
        self,
        samples: int = 1,
        *,
        kl: Literal["auto", "analytic", "monte_carlo"] = "auto",
        beta: float | Schedule = 1.0,
        free_nats: float = 0.0,
    ):
        self.samples = positive_size("ELBO.samples", samples)
        if kl not in ("auto", "analytic", "monte_carlo"):
            raise ValueError(f"ELBO.kl: expected auto, analytic or monte_carlo; found {kl!r}")
        if not callable(beta) and beta < 0:
            raise ValueError(f"ELBO.beta: expected at least 0, found {beta}")
        if free_nats < 0:
            raise ValueError(f"ELBO.free_nats: expected at least 0 nats, found {free_nats}")
        self.kl = kl
        self.beta = beta if callable(beta) else float(beta)
        self.free_nats = float(free_nats)

    def of_draw(
        self, draw: Draw, step: Array | int | None
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        log_likelihood = draw.log_likelihood.mean()
        kl = self._kl(draw)
        # An estimate of the KL may be negative at a draw, so without free nats nothing is floored.
        floored = jnp.where(self.free_nats > 0, jnp.maximum(kl, self.free_nats), kl)
        value = log_likelihood - self._beta(step) * floored
        return value, {"bound": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}

    def _kl(self, draw: Draw) -> Array:
        if self.kl == "monte_carlo" or (self.kl == "auto" and draw.kl is None):
            return (draw.log_posterior - draw.log_prior).mean()
        if draw.kl is None:
            raise ValueError(
                'ELBO(kl="analytic"): KL(q(z∣x) ‖ p(z)) has no closed form for this posterior and '
                'prior; use kl="monte_carlo", or "auto" to have that chosen'
            )
        return draw.kl

    def _beta(self, step: Array | int | None) -> Array:
        if not callable(self.beta):
            return jnp.asarray(self.beta)
        return jnp.asarray(1.0 if step is None else self.beta(jnp.asarray(step)))


class IWAE(Objective):
    """The importance-weighted bound log (1/K) Σⱼ wⱼ, w = p(x, z)/q(z∣x) (Burda, Grosse &
    Salakhutdinov 2016, eq. 8): ELBO ≤ IWAE-K ≤ IWAE-(K+1) ≤ log p(x), in nats.

    **Arguments:** `samples`: K.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> key, latent, pixels = jax.random.key(0), lb.DiagonalGaussian(2), lb.Bernoulli(4)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, key=key), pixels),
    ... )
    >>> elbo = lb.ELBO(samples=50, kl="monte_carlo")(model, jnp.ones(4), key)
    >>> bool(elbo <= lb.IWAE(samples=50)(model, jnp.ones(4), key))       # Jensen, on the same draws
    True
    """

    samples: int = eqx.field(static=True)

    def __init__(self, samples: int = 50):
        self.samples = positive_size("IWAE.samples", samples)

    def of_draw(
        self, draw: Draw, step: Array | int | None
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        bound = jax.nn.logsumexp(draw.log_weight) - jnp.log(self.samples)
        return bound, {
            "bound": bound,
            "log_likelihood": draw.log_likelihood.mean(),
            "kl": (draw.log_posterior - draw.log_prior).mean(),
        }
