"""The variational auto-encoder: a prior, a posterior, a likelihood, and how they see a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
from jaxtyping import Array, PyTree
from numpyro.distributions import Distribution

from lowerbound.leaves import Fixed
from lowerbound.models.conditional import Conditional
from lowerbound.models.draws import check_agreement
from lowerbound.models.latent_model import Encoding, LatentModel
from lowerbound.models.part import Part, as_part, called, unwrapped
from lowerbound.models.transforms import Identity, Transform
from lowerbound.networks.network import Network

__all__ = ["VAE"]


class VAE(LatentModel):
    """p(z), q(z∣x), p(x∣z), and how the model sees a row, y = T(x).

    What a model says of x, its draws, bounds, log p(x), codes, samples, is in x's own units, through the
    transform's log-Jacobian. The parts themselves are over the row y that they see: q(z∣y) and p(y∣z).

    Each part is any callable that returns a NumPyro distribution over one event: the posterior of x,
    the likelihood of z, the prior of nothing. The prior may be a distribution itself. A part that names
    a parameter `given` receives the condition y; one that names `model` receives this model, so that a
    prior may be made of the current posterior ([`VampPrior`][]). Trained are the arrays of modules
    ([`trainable`][]); a bare distribution is a constant.

    **Raises:** `ValueError` where prior and posterior are seen to be over different sets or sizes, when
    the model is built or, for parts that do not say, when it is first used.

    >>> import jax, jax.numpy as jnp, numpyro.distributions as dist, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(6), jax.random.key(0)
    >>> model = lb.VAE(
    ...     prior=dist.Normal(0, 1).expand([2]).to_event(1),
    ...     posterior=lb.Conditional(lb.MLP(6, latent.size, width=8, key=key), latent),
    ...     likelihood=lambda z: dist.Bernoulli(logits=jnp.tile(z, 3)).to_event(1),
    ... )
    >>> draw = model.draw(jnp.ones(6), key, samples=4)
    >>> draw.z.shape, draw.log_weight.shape
    ((4, 2), (4,))
    """

    prior: Part | Fixed
    posterior: Part | Fixed
    likelihood: Part | Fixed
    transform: Transform
    schema: Encoding | None = eqx.field(static=True)

    def __init__(
        self,
        prior: Callable[..., Distribution] | Distribution,
        posterior: Callable[..., Distribution],
        likelihood: Callable[..., Distribution],
        transform: Transform | None = None,
        schema: Encoding | None = None,
    ):
        for name, part in (("posterior", posterior), ("likelihood", likelihood)):
            if isinstance(part, Distribution):
                raise TypeError(
                    f"VAE.{name}: expected a callable that returns a distribution, found "
                    f"{type(part).__name__}"
                )
        self.prior = as_part(prior, "VAE.prior")
        self.posterior = as_part(posterior, "VAE.posterior")
        self.likelihood = as_part(likelihood, "VAE.likelihood")
        self.transform = Identity() if transform is None else transform
        self.schema = schema
        if not isinstance(self.transform, Transform):
            raise TypeError(
                f"VAE.transform: expected a Transform, such as Standardization, found "
                f"{type(self.transform).__name__}"
            )
        check_agreement(unwrapped(self.posterior).events, unwrapped(self.prior).events)

    @property
    def theta(self) -> PyTree:
        return self.prior, self.likelihood

    @property
    def takes_given(self) -> bool:
        return bool(self._receivers)

    @property
    def takes_missing(self) -> bool:
        return unwrapped(self.likelihood).takes_missing

    @property
    def prior_takes_given(self) -> bool:
        return unwrapped(self.prior).takes_given

    def observed(self, y: Array) -> Array:
        part = unwrapped(self.posterior)
        network = part.network if isinstance(part, Conditional) else None
        sees_holes = isinstance(network, Network) and network.takes_missing
        return y if sees_holes else super().observed(y)

    def p_z(self, given: Array | None = None) -> Distribution:
        return self._called("prior", (), given)

    def q_z(self, y: Array, given: Array | None = None) -> Distribution:
        return self._called("posterior", (self.observed(y),), given)

    def p_x(self, z: Array, given: Array | None = None) -> Distribution:
        return self._called("likelihood", (z,), given)

    def point(self, z: Array, given: Array | None = None) -> Array:
        part = unwrapped(self.likelihood)
        if not isinstance(part, Conditional):
            return super().point(z, given)
        self._check_given(given)
        return part.family.point(part.vector(z, given))

    @property
    def categories(self) -> tuple[int, ...]:
        part = unwrapped(self.likelihood)
        return part.family.categories if isinstance(part, Conditional) else ()

    @property
    def together(self) -> tuple[tuple[int, ...], ...]:
        part = unwrapped(self.likelihood)
        return part.family.together if isinstance(part, Conditional) else ()

    def level_probabilities(self, z: Array, given: Array | None = None) -> tuple[Array, ...]:
        part = unwrapped(self.likelihood)
        if not isinstance(part, Conditional):
            return ()
        self._check_given(given)
        return part.family.level_probabilities(part.vector(z, given))

    def taking_missing(self) -> LatentModel:
        part = unwrapped(self.likelihood)
        if not isinstance(part, Conditional):
            return super().taking_missing()
        likelihood = replace(part, family=part.family.taking_missing())
        schema = None if self.schema is None else self.schema.taking_missing()
        return replace(self, likelihood=likelihood, schema=schema)

    def given_missing(self) -> LatentModel:
        part = unwrapped(self.likelihood)
        if not isinstance(part, Conditional):
            return self
        return replace(self, likelihood=replace(part, family=part.family.given_missing()))

    @property
    def _receivers(self) -> list[str]:
        """The parts that receive a condition."""
        names = ("prior", "posterior", "likelihood")
        return [name for name in names if unwrapped(getattr(self, name)).takes_given]

    def _called(self, name: str, arguments: tuple[Any, ...], given: Array | None) -> Distribution:
        self._check_given(given)
        part = getattr(self, name)
        distribution = called(part, *arguments, given=given, model=self)
        if not isinstance(distribution, Distribution):
            raise TypeError(
                f"VAE.{name}: expected it to return a NumPyro distribution, it returned "
                f"{type(distribution).__name__}"
            )
        if distribution.batch_shape != ():
            raise ValueError(
                f"VAE.{name}: expected a distribution over one event, found a batch of shape "
                f"{distribution.batch_shape}; end it with "
                f".to_event({len(distribution.batch_shape)})"
            )
        return distribution

    def _check_given(self, given: Array | None) -> None:
        users = self._receivers
        if given is None and users:
            needs = "needs" if len(users) == 1 else "need"
            raise ValueError(f"the {' and the '.join(users)} {needs} a condition: pass given=…")
        if given is not None and not users:
            raise ValueError(
                "a condition was given that no part uses: name a parameter `given` in the prior, the "
                "posterior or the likelihood (Conditional(network, family, given=True))"
            )
