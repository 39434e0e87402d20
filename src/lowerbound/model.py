"""The variational auto-encoder: a prior, a posterior and a likelihood; and what is drawn from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.families.divergence import kl_divergence
from lowerbound.leaves import Constant, Fixed

__all__ = ["VAE", "Draw"]


class Draw(eqx.Module):
    """K samples z⁽ʲ⁾ ~ q(z∣x) of one data point with their log-densities, each of shape (K,), in nats.

    `kl` is KL(q(z∣x) ‖ p(z)) in closed form, `None` where there is none. `reparameterized` says
    whether the samples are differentiable functions of the posterior's parameters.
    """

    z: Float[Array, "K ..."]
    log_likelihood: Float[Array, " K"]
    log_prior: Float[Array, " K"]
    log_posterior: Float[Array, " K"]
    kl: Float[Array, ""] | None
    reparameterized: bool = eqx.field(static=True)

    @property
    def log_weight(self) -> Float[Array, " K"]:
        """log w = log p(x∣z) + log p(z) − log q(z∣x); E_q[w] = p(x)."""
        return self.log_likelihood + self.log_prior - self.log_posterior


class VAE(eqx.Module):
    """p(z), q(z∣x) and p(x∣z).

    Each part is any callable that returns a NumPyro distribution over one event: the posterior of x,
    the likelihood of z, the prior of nothing. The prior may be a distribution itself. A part that names
    a parameter `given` receives the condition y. Trained are the arrays of modules
    ([`trainable`][]); a bare distribution is a constant.

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

    def __init__(
        self,
        prior: Callable[..., Distribution] | Distribution,
        posterior: Callable[..., Distribution],
        likelihood: Callable[..., Distribution],
    ):
        # A NumPyro distribution is callable too (it samples), so this test comes first.
        self.prior = Constant(prior) if isinstance(prior, Distribution) else prior
        self.posterior = posterior
        self.likelihood = likelihood
        for name in ("prior", "posterior", "likelihood"):
            part = getattr(self, name)
            if isinstance(part, Distribution) or not callable(part):
                raise TypeError(
                    f"VAE.{name}: expected a callable that returns a distribution, found "
                    f"{type(part).__name__}"
                )

    @property
    def takes_given(self) -> bool:
        """Whether a part receives a condition."""
        return any(_takes_given(part) for part in (self.prior, self.posterior, self.likelihood))

    def p_z(self, given: Array | None = None) -> Distribution:
        """The prior p(z), or p(z∣y)."""
        self._check_given(given)
        return self._called("prior", (), given)

    def q_z(self, x: Array, given: Array | None = None) -> Distribution:
        """The posterior q(z∣x), or q(z∣x, y)."""
        self._check_given(given)
        return self._called("posterior", (x,), given)

    def p_x(self, z: Array, given: Array | None = None) -> Distribution:
        """The likelihood p(x∣z), or p(x∣z, y)."""
        self._check_given(given)
        return self._called("likelihood", (z,), given)

    def draw(self, x: Array, key: PRNGKeyArray, samples: int = 1, given: Array | None = None) -> Draw:
        """`samples` draws of z ~ q(z∣x) for one data point; sample j depends on (key, j) only."""
        return self.sampler(x, given)(key, jnp.arange(samples))

    def sampler(self, x: Array, given: Array | None = None) -> Callable[[PRNGKeyArray, Array], Draw]:
        """`(key, indices) ↦` the samples of those numbers: q(z∣x) and p(z) are built once, and a stream
        over samples draws from them chunk by chunk."""
        q, p = self.q_z(x, given), self.p_z(given)
        if q.event_shape != p.event_shape:
            raise ValueError(
                f"the posterior is over events of shape {q.event_shape} and the prior over "
                f"{p.event_shape}; they must agree"
            )

        def draw(key: PRNGKeyArray, indices: Array) -> Draw:
            z = jax.vmap(lambda j: q.sample(jax.random.fold_in(key, j)))(indices)
            return Draw(
                z=z,
                log_likelihood=jax.vmap(lambda z: self.p_x(z, given).log_prob(x))(z),
                log_prior=jax.vmap(p.log_prob)(z),
                log_posterior=jax.vmap(q.log_prob)(z),
                kl=_closed_form(q, p),
                reparameterized=bool(q.has_rsample),
            )

        return draw

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

    def _called(self, name: str, arguments: tuple[Any, ...], given: Array | None) -> Distribution:
        part = getattr(self, name)
        named = {"given": given} if _takes_given(part) else {}
        distribution = part(*arguments, **named)
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
        users = [name for name in ("prior", "posterior", "likelihood") if _takes_given(getattr(self, name))]
        if given is None and users:
            raise ValueError(f"the {' and the '.join(users)} need a condition: pass given=…")
        if given is not None and not users:
            raise ValueError(
                "a condition was given that no part uses: name a parameter `given` in the prior, the "
                "posterior or the likelihood (Conditional(network, family, given=True))"
            )


def _takes_given(part: Callable[..., Distribution]) -> bool:
    """Whether a part receives the condition: it names a parameter `given`, or says so itself."""
    while isinstance(part, Fixed):
        part = part.value
    declared = getattr(part, "takes_given", None)
    if declared is not None:
        return bool(declared)
    return "given" in inspect.signature(part).parameters


def _closed_form(q: Distribution, p: Distribution) -> Array | None:
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return None
