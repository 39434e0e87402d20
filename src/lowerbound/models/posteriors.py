"""Posteriors that need no network: exact, by Bayes' rule over few codes."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.families.discrete import codes
from lowerbound.families.family import positive_size
from lowerbound.models.part import Events, Part

__all__ = ["ExactPosterior"]


class ExactPosterior(Part):
    """q(z∣x) = p(z∣x) = p(x∣z) p(z)/Σ p(x∣z) p(z), for one code z of `levels` values: the E-step of EM.

    It has no parameters: prior and likelihood are the model's own at each call. With a categorical prior
    and `ELBO(gradient="enumeration")` the bound is log p(x) exactly, and its gradient EM's.

    **Arguments:** `levels`: number of values of z. The model is one without a condition.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> clusters, point = lb.Categorical(1, 3), lb.DiagonalGaussian(2)
    >>> mixture = lb.VAE(                                        # a mixture of three Gaussians
    ...     lb.LearnedPrior(clusters),
    ...     lb.ExactPosterior(3),
    ...     lb.Conditional(lb.OneHot(3, lb.MLP(3, point.size, depth=0, key=jax.random.key(0))), point),
    ... )
    >>> bound = lb.ELBO(kl="monte_carlo", gradient="enumeration")(mixture, jnp.ones(2), jax.random.key(1))
    >>> log_p = jax.nn.logsumexp(jnp.log(jnp.ones(3) / 3) + jnp.array(
    ...     [mixture.p_x(jnp.array([z])).log_prob(jnp.ones(2)) for z in (0.0, 1.0, 2.0)]))
    >>> bool(abs(bound - log_p) < 1e-5)
    True
    """

    levels: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        positive_size("ExactPosterior", self.levels)

    @property
    def event_size(self) -> int:
        return 1

    @property
    def support(self) -> Constraint:
        return codes(1, self.levels).support

    @property
    def events(self) -> Events:
        return Events(self.support, self.event_size)

    @property
    def takes_model(self) -> bool:
        return True

    def __call__(self, x: Array, model: Any) -> Distribution:
        z = jnp.arange(self.levels, dtype=float)[:, None]
        prior = model.p_z()
        log_joint = jax.vmap(lambda z: model.p_x(z).log_prob(x) + prior.log_prob(z))(z)
        return codes(1, self.levels)(log_joint)
