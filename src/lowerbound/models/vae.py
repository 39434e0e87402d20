"""The variational auto-encoder: a prior, a posterior, a likelihood, and how they see a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.leaves import Constant
from lowerbound.models.conditional import called, receives, unwrapped
from lowerbound.models.draws import Draw, Sampler, check_agreement, inherited
from lowerbound.models.transforms import Identity, Transform
from lowerbound.randomness.keys import RowKeys

__all__ = ["VAE"]


class VAE(eqx.Module):
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
    ...     posterior=lb.Conditional(lb.MLP(6, latent.size, key=key), latent),
    ...     likelihood=lambda z: dist.Bernoulli(logits=jnp.tile(z, 3)).to_event(1),
    ... )
    >>> draw = model.draw(jnp.ones(6), key, samples=4)
    >>> draw.z.shape, draw.log_weight.shape
    ((4, 2), (4,))
    """

    prior: Callable[..., Distribution]
    posterior: Callable[..., Distribution]
    likelihood: Callable[..., Distribution]
    transform: Transform

    def __init__(
        self,
        prior: Callable[..., Distribution] | Distribution,
        posterior: Callable[..., Distribution],
        likelihood: Callable[..., Distribution],
        transform: Transform | None = None,
    ):
        # A NumPyro distribution is callable too (it samples), so this test comes first.
        self.prior = Constant(prior) if isinstance(prior, Distribution) else prior
        self.posterior = posterior
        self.likelihood = likelihood
        self.transform = Identity() if transform is None else transform
        for name in ("prior", "posterior", "likelihood"):
            part = getattr(self, name)
            if isinstance(part, Distribution) or not callable(part):
                raise TypeError(
                    f"VAE.{name}: expected a callable that returns a distribution, found "
                    f"{type(part).__name__}"
                )
        if not isinstance(self.transform, Transform):
            raise TypeError(
                f"VAE.transform: expected a Transform, such as Standardization, found "
                f"{type(self.transform).__name__}"
            )
        check_agreement(_declared(self.posterior), _declared(self.prior))

    @property
    def takes_given(self) -> bool:
        """Whether a part receives a condition."""
        return any(receives(part, "given") for part in (self.prior, self.posterior, self.likelihood))

    @property
    def takes_missing(self) -> bool:
        """Whether NaN in x stands for a value that was not observed: the likelihood says so."""
        return bool(getattr(unwrapped(self.likelihood), "takes_missing", False))

    def p_z(self, given: Array | None = None) -> Distribution:
        """The prior p(z), or p(z∣y)."""
        self._check_given(given)
        return self._called("prior", (), given)

    def q_z(self, y: Array, given: Array | None = None) -> Distribution:
        """The posterior of a row as the parts see it, q(z∣y). Missing values reach it as 0."""
        self._check_given(given)
        return self._called("posterior", (self.observed(y),), given)

    def observed(self, y: Array) -> Array:
        """What the posterior is given of a row: 0 where a value is missing."""
        return jnp.where(jnp.isnan(y), 0.0, y) if self.takes_missing else y

    def p_x(self, z: Array, given: Array | None = None) -> Distribution:
        """The likelihood of a row as the parts see it, p(y∣z)."""
        self._check_given(given)
        return self._called("likelihood", (z,), given)

    def draw(
        self, x: Array, key: PRNGKeyArray | RowKeys, samples: int = 1, given: Array | None = None
    ) -> Draw:
        """`samples` draws of z ~ q(z∣x) for one data point; sample j depends on (key, j) only."""
        keys = RowKeys.of(key)
        return self.sampler(x, keys.transform, given)(keys.draws, jnp.arange(samples))

    def sampler(self, x: Array, key: PRNGKeyArray, given: Array | None = None) -> Sampler:
        """q(z∣x) and p(z) built once, from which a stream over samples draws chunk by chunk; `key` is of
        what the transform draws."""
        return Sampler(self, self.transform(x, key), self.transform.log_jacobian(x), given)

    def event_shape(self, given: Array | None = None) -> tuple[int, ...]:
        """The shape of the likelihood's events, found without computing anything."""
        found: list[tuple[int, ...]] = []

        def trace(given: Array | None, key: PRNGKeyArray) -> Array:
            z = self.p_z(given).sample(key)
            found.append(self.p_x(z, given).event_shape)
            return z

        jax.eval_shape(trace, given, jax.random.key(0))
        return found[0]

    def support(self, x: Array, given: Array | None = None) -> Constraint:
        """The set that the likelihood's events lie in, found without computing anything.

        **Raises:** `ValueError` where `x` is not of the shape that the parts are made for.
        """
        found: list[Distribution] = []

        def trace(x: Array, given: Array | None, key: PRNGKeyArray) -> Array:
            z = self.p_z(given).sample(key)
            found.append(self.p_x(z, given))
            if found[0].event_shape != x.shape:
                raise ValueError(
                    f"x: expected rows of shape {found[0].event_shape}, the likelihood's, found rows "
                    f"of shape {x.shape}"
                )
            return self.q_z(x, given).sample(key)

        jax.eval_shape(trace, x, given, jax.random.key(0))
        return found[0].support

    def relaxed(self, x: Array, given: Array | None = None) -> bool:
        """Whether z is relaxed codes, so that log p(x) is that of the relaxed model, found without computing
        anything."""
        found: list[bool] = []

        def trace(x: Array, given: Array | None) -> Array:
            found.append(bool(inherited(self.q_z(x, given), "relaxed")))
            return x

        jax.eval_shape(trace, x, given)
        return found[0]

    def _called(self, name: str, arguments: tuple[Any, ...], given: Array | None) -> Distribution:
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
        names = ("prior", "posterior", "likelihood")
        users = [name for name in names if receives(getattr(self, name), "given")]
        if given is None and users:
            needs = "needs" if len(users) == 1 else "need"
            raise ValueError(f"the {' and the '.join(users)} {needs} a condition: pass given=…")
        if given is not None and not users:
            raise ValueError(
                "a condition was given that no part uses: name a parameter `given` in the prior, the "
                "posterior or the likelihood (Conditional(network, family, given=True))"
            )


def _declared(part: Any) -> tuple[Constraint | None, int | None]:
    """The support and the size of the events of a part, as far as it says before it is called."""
    part = unwrapped(part)
    return getattr(part, "support", None), getattr(part, "event_size", None)
