"""Priors p(z): callables of nothing, of a condition, or of the model, that return a distribution over z."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.mixture import Mixture
from lowerbound.distributions.sphere import UniformOnSphere
from lowerbound.families.discrete import codes
from lowerbound.families.family import Family, positive_size
from lowerbound.leaves import Fixed
from lowerbound.models.conditional import Conditional
from lowerbound.models.part import Events, OfFamily, Part, called, unwrapped
from lowerbound.parts import names, part

__all__ = [
    "LearnedPrior",
    "MixturePrior",
    "StandardNormal",
    "StandardPrior",
    "UniformCodes",
    "UniformSphere",
    "VampPrior",
]


class StandardPrior(OfFamily):
    """A family's standard member, the one of parameters 0: N(0, I), the unit exponential, the uniform
    distribution for Beta and Kumaraswamy. It is not trained.

    >>> import lowerbound as lb
    >>> lb.StandardPrior(lb.Beta(3))().mean.tolist()
    [0.5, 0.5, 0.5]
    """

    family: Family

    def __call__(self) -> Distribution:
        return self.family(jnp.zeros(self.family.size))


class StandardNormal(Part):
    """p(z) = N(0, I).

    >>> import lowerbound as lb
    >>> lb.StandardNormal(20)().event_shape
    (20,)
    """

    event_size: int = eqx.field(static=True)

    def __init__(self, event_size: int):
        self.event_size = positive_size("StandardNormal", event_size)

    @property
    def support(self) -> Constraint:
        return dist.constraints.real_vector

    @property
    def events(self) -> Events:
        return Events(self.support, self.event_size)

    def __call__(self) -> Distribution:
        return dist.Normal(jnp.zeros(self.event_size), jnp.ones(self.event_size)).to_event(1)


class LearnedPrior(OfFamily):
    """p(z; θ): a family's member whose parameters are learned; at the start the one of parameters 0,
    which is N(0, I) for the Gaussian families. With a flow it is a flow prior.

    >>> import lowerbound as lb
    >>> prior = lb.LearnedPrior(lb.FullGaussian(2))
    >>> prior().covariance_matrix.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    family: Family
    parameters: Array

    def __init__(self, family: Family):
        self.family = family
        self.parameters = jnp.zeros(family.size)

    def __call__(self) -> Distribution:
        return self.family(self.parameters)


class MixturePrior(OfFamily):
    """p(z; θ) = Σₖ πₖ p(z; θₖ): a learned mixture of members of one family, such as Gaussians.

    **Arguments:** `family`; `components`: K; `spread`: standard deviation of the members' parameters at
    the start, about the standard member, which breaks the symmetry between them; `key`: for those.

    >>> import jax, lowerbound as lb
    >>> prior = lb.MixturePrior(lb.DiagonalGaussian(2), 10, key=jax.random.key(0))
    >>> prior().event_shape, prior.parameters.shape
    ((2,), (10, 4))
    """

    family: Family
    logits: Float[Array, " K"]
    parameters: Float[Array, "K size"]

    def __init__(self, family: Family, components: int, *, spread: float = 0.5, key: PRNGKeyArray):
        positive_size("MixturePrior.components", components)
        self.family = family
        self.logits = jnp.zeros(components)
        self.parameters = spread * jax.random.normal(key, (components, family.size))

    def __call__(self) -> Distribution:
        return Mixture(self.logits, self.parameters, self.family)


class VampPrior(Part):
    """p(z) = (1/K) Σₖ q(z∣uₖ): the mixture of posteriors at learned pseudo-inputs u (Tomczak & Welling
    2018). It holds the pseudo-inputs alone; the posterior is the model's own at each call, so that no
    copy can drift, and its gradient counts.

    **Arguments:** `pseudo_inputs`: (K, d), as the model sees rows (after any transform), usually rows of
    the data; `given`: their conditions, (K, c), where the posterior takes one.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.VampPrior(jnp.eye(4)),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> model.p_z().event_shape
    (2,)
    """

    pseudo_inputs: Float[Array, "K d"]
    given: Fixed | None

    def __init__(self, pseudo_inputs: ArrayLike, *, given: ArrayLike | None = None):
        self.pseudo_inputs = jnp.asarray(pseudo_inputs, float)
        self.given = None if given is None else Fixed(jnp.asarray(given, float))
        if self.pseudo_inputs.ndim != 2 or 0 in self.pseudo_inputs.shape:
            raise ValueError(
                f"VampPrior: expected pseudo-inputs of shape (K, d), found {self.pseudo_inputs.shape}"
            )
        if self.given is not None and len(self.given.value) != len(self.pseudo_inputs):
            raise ValueError(
                f"VampPrior.given: expected a condition for each of {len(self.pseudo_inputs)} pseudo-inputs, "
                f"found {len(self.given.value)}"
            )

    @property
    def events(self) -> Events:
        """That of the model's posterior."""
        return Events()

    @property
    def takes_model(self) -> bool:
        return True

    def __call__(self, model: Any) -> Distribution:
        u, posterior = jnp.asarray(self.pseudo_inputs), model.posterior
        if unwrapped(posterior).takes_given and self.given is None:
            raise ValueError("VampPrior: the posterior takes a condition; pass the pseudo-inputs' as given=")

        def component(k: Array) -> Distribution:
            y = None if self.given is None else jnp.asarray(self.given.value)[k]
            return called(posterior, u[k], given=y, model=model)

        return Mixture(jnp.zeros(len(u)), jnp.arange(len(u)), component)


class UniformSphere(Part):
    """All directions alike: the uniform distribution on the unit sphere in `event_size` dimensions, the prior
    that goes with [`PowerSpherical`][].

    >>> import lowerbound as lb
    >>> round(float(lb.UniformSphere(3)().log_prob(jnp.array([0.0, 0.0, 1.0]))), 4)     # −log 4π
    -2.531
    """

    event_size: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        positive_size("UniformSphere", self.event_size)

    @property
    def support(self) -> Constraint:
        return dist.constraints.sphere

    @property
    def events(self) -> Events:
        return Events(self.support, self.event_size)

    def __call__(self) -> Distribution:
        return UniformOnSphere(self.event_size)


class UniformCodes(Part):
    """Uniform codes: `variables` whole numbers, each one of `levels`, all codes of one probability.

    With a relaxed posterior ([`Concrete`][], [`RelaxedBernoulli`][]) the prior is relaxed at the same
    temperature, so that the bound and the evidence are those of the relaxed model, and say so.

    **Raises:** `ValueError` for a posterior over other codes.

    >>> import jax, lowerbound as lb
    >>> lb.UniformCodes(3, 4)().sample(jax.random.key(0)).shape
    (3,)
    """

    variables: int = eqx.field(static=True)
    levels: int = eqx.field(static=True)

    def __init__(self, variables: int, levels: int = 2):
        self.variables = positive_size("UniformCodes", variables)
        self.levels = positive_size("UniformCodes.levels", levels)

    @property
    def events(self) -> Events:
        """That of the posterior's codes, which may be relaxed."""
        return Events()

    @property
    def takes_model(self) -> bool:
        return True

    def __call__(self, model: Any = None) -> Distribution:
        posterior = None if model is None else unwrapped(model.posterior)
        of_itself = codes(self.variables, self.levels)
        family = posterior.family if isinstance(posterior, Conditional) else of_itself
        if family.codes != (self.variables, self.levels):
            found = type(family).__name__
            if family.codes is not None:
                found = f"{family.codes[0]} codes of {family.codes[1]} levels"
            known = [part(name, "posterior") for name in names("posterior")]
            able = ", ".join(kind.__name__ for kind in known if kind.codes is not Family.codes)
            raise ValueError(
                f"UniformCodes: expected a posterior over {self.variables} codes of {self.levels} levels "
                f"({able}), found {found}"
            )
        return family(jnp.zeros(family.size))
