"""The variational auto-encoder: a prior, a posterior and a likelihood; and what is drawn from them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.divergence import kl_divergence
from lowerbound.distributions.kinds import MovingSupport, Relaxed, Scored, made_of, sample_with_log_prob
from lowerbound.distributions.support import range_of, same_support, words
from lowerbound.leaves import Constant
from lowerbound.models.conditional import called, receives, unwrapped

__all__ = ["VAE", "Draw", "Sampler", "frozen"]


class Draw(eqx.Module):
    """K samples z⁽ʲ⁾ ~ q(z∣x) of one data point with their log-densities, each of shape (K,), in nats.

    `kl` is KL(q(z∣x) ‖ p(z)) in closed form, `None` where there is none. `reparameterized` says
    whether the samples are differentiable functions of the posterior's parameters; `enumerated`, that z
    holds every value that the posterior has, once each, in place of samples.
    """

    z: Float[Array, "K ..."]
    log_likelihood: Float[Array, " K"]
    log_prior: Float[Array, " K"]
    log_posterior: Float[Array, " K"]
    kl: Float[Array, ""] | None
    reparameterized: bool = eqx.field(static=True)
    enumerated: bool = eqx.field(static=True, default=False)

    @property
    def log_weight(self) -> Float[Array, " K"]:
        """log w = log p(x∣z) + log p(z) − log q(z∣x); E_q[w] = p(x)."""
        return self.log_likelihood + self.log_prior - self.log_posterior

    def expectation(self, values: Float[Array, " K"]) -> Float[Array, ""]:
        """E_q of a function of z that is `values` at the samples: their mean, or Σ q(z∣x) f(z) over all z."""
        return (jnp.exp(self.log_posterior) * values).sum() if self.enumerated else values.mean()


class Sampler:
    """q(z∣x) and p(z) of one data point, built once: draws are made from it, stream after stream."""

    def __init__(self, model: VAE, x: Array, given: Array | None = None):
        self.model, self.x, self.given = model, x, given
        self.q, self.p = model.q_z(x, given), model.p_z(given)
        if self.q.event_shape != self.p.event_shape:
            raise ValueError(
                f"the posterior is over events of shape {self.q.event_shape} and the prior over "
                f"{self.p.event_shape}; they must agree"
            )
        if not self.moving_support:
            _check_agreement((self.q.support, None), (self.p.support, None))

    @property
    def moving_support(self) -> bool:
        """Whether the set on which q(z∣x) has mass depends on its parameters."""
        return made_of(self.q, MovingSupport)

    def __call__(self, key: PRNGKeyArray, indices: Int[Array, " K"]) -> Draw:
        """The samples of these numbers; sample j depends on (key, j) only."""
        keys = _of_samples(key, indices)
        return self.at(*_over_samples(lambda key: sample_with_log_prob(self.q, key), keys))

    def at(self, z: Array, log_posterior: Float[Array, " K"]) -> Draw:
        """The draw that consists of these z, whose log q(z∣x) is known."""
        return Draw(
            z=z,
            log_likelihood=_over_samples(lambda z: self.model.p_x(z, self.given).log_prob(self.x), z),
            log_prior=_over_samples(self.p.log_prob, z),
            log_posterior=log_posterior,
            kl=_closed_form(self.q, self.p),
            reparameterized=bool(self.q.has_rsample),
        )

    def frozen(self, key: PRNGKeyArray, indices: Int[Array, " K"]) -> tuple[Array, Callable[[Array], Array]]:
        """Samples z, and z ↦ log q(z∣x) with φ held: to first order about the samples, so that its gradient
        is the path through z alone, wherever the posterior keeps its parameters."""
        keys, stop = _of_samples(key, indices), jax.lax.stop_gradient
        if isinstance(self.q, Scored):  # an inverse flow, which is not to be inverted
            z, log_q, score = jax.vmap(self.q.sample_with_score)(keys)
        else:
            z = jax.vmap(self.q.sample)(keys)
            log_q, score = jax.vmap(jax.value_and_grad(self.q.log_prob))(stop(z))
        return z, lambda z: stop(log_q) + (stop(score) * (z - stop(z))).sum(tuple(range(1, z.ndim)))

    @property
    def all_values(self) -> Array:
        """Every value of z, (values, d), for a posterior over a few whole numbers a dimension.

        **Raises:** `TypeError` where there are more than 4,096, or infinitely many.
        """
        span = range_of(self.q.support)
        if span is None or not span.whole or not math.isfinite(span.high - span.low):
            raise TypeError(
                'gradient="enumeration" sums over every z, and the posterior is over '
                f"{words(self.q.support)}; it needs Bernoulli or Categorical codes"
            )
        levels, d = int(span.high - span.low) + 1, math.prod(self.q.event_shape)
        if levels**d > 4096:
            raise TypeError(
                f'gradient="enumeration" sums over every z, and there are {levels}^{d} of them (at most '
                '4096); use "vimco" or "score_function", or a relaxed family (Concrete, RelaxedBernoulli)'
            )
        values = itertools.product(range(int(span.low), int(span.high) + 1), repeat=d)
        return jnp.asarray(list(values), float).reshape(-1, *self.q.event_shape)


def _over_samples(function: Callable[[Array], Any], samples: Array) -> Any:
    """`jax.vmap(function)(samples)`. A single sample goes without the axis, which would cost the gradients of
    a decoder's weights a transpose each (XLA merges the axes of rows and samples by copying)."""
    if len(samples) > 1:
        return jax.vmap(function)(samples)
    return jax.tree.map(lambda leaf: leaf[None], function(samples[0]))


def frozen(part: Any) -> Any:
    """`part` with its arrays held constant: nothing flows back into them."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, part)


def _of_samples(key: PRNGKeyArray, indices: Int[Array, " K"]) -> PRNGKeyArray:
    return jax.vmap(lambda j: jax.random.fold_in(key, j))(indices)


class VAE(eqx.Module):
    """p(z), q(z∣x) and p(x∣z).

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
        _check_agreement(_declared(self.posterior), _declared(self.prior))

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

    def q_z(self, x: Array, given: Array | None = None) -> Distribution:
        """The posterior q(z∣x), or q(z∣x, y). Where x may have missing values they reach it as 0."""
        self._check_given(given)
        if self.takes_missing:
            x = jnp.where(jnp.isnan(x), 0.0, x)
        return self._called("posterior", (x,), given)

    def p_x(self, z: Array, given: Array | None = None) -> Distribution:
        """The likelihood p(x∣z), or p(x∣z, y)."""
        self._check_given(given)
        return self._called("likelihood", (z,), given)

    def draw(self, x: Array, key: PRNGKeyArray, samples: int = 1, given: Array | None = None) -> Draw:
        """`samples` draws of z ~ q(z∣x) for one data point; sample j depends on (key, j) only."""
        return self.sampler(x, given)(key, jnp.arange(samples))

    def sampler(self, x: Array, given: Array | None = None) -> Sampler:
        """q(z∣x) and p(z) built once, from which a stream over samples draws chunk by chunk."""
        return Sampler(self, x, given)

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
            found.append(made_of(self.q_z(x, given), Relaxed))
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


def _check_agreement(
    posterior: tuple[Constraint | None, int | None], prior: tuple[Constraint | None, int | None]
) -> None:
    """Whether q and p are over one set. Where q has mass that p has not, the KL is infinite; where p has
    mass that q has not, log p(x) is out of reach."""
    if None not in (posterior[1], prior[1]) and posterior[1] != prior[1]:
        raise ValueError(
            f"the posterior is over {posterior[1]} latent dimensions and the prior over {prior[1]}; they "
            "must agree"
        )
    q, p = posterior[0], prior[0]
    if q is not None and p is not None and not same_support(q, p):
        raise ValueError(
            f"the posterior is over {words(q)} and the prior over {words(p)}; they must be over one set: "
            "take the posterior's family for the prior (StandardPrior(family), or LearnedPrior(family)), or "
            "a family over the prior's set (Transformed changes it)"
        )


def _closed_form(q: Distribution, p: Distribution) -> Array | None:
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return None
