"""Normalising flows: z = f(z₀; h), z₀ from a diagonal Gaussian, f invertible with a cheap log|det J|."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flowjax.bijections import (
    AbstractBijection,
)
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.bijections import (
    Architecture,
    AutoregressiveLayer,
    SplineCouplingLayer,
    cancelling,
    skeleton,
    split,
)
from lowerbound.distributions.pushforward import Pushforward
from lowerbound.families.family import Family, positive_size

__all__ = ["AutoregressiveFlow", "CouplingFlow", "Flow", "MaskedAutoregressiveFlow"]


class Flow(Family):
    """z = f(z₀; h) with z₀ = μ + σ ε, ε ~ N(0, I), and

        log q(z) = log N(z₀; μ, diag(σ²)) − log|det J_f(z₀; h)|.

    The conditioning vector holds μ, then log σ², then the context h, which every layer is given: `size` =
    2·event_size + context_size. `arrays` are the weights of the layers' networks, the same for all vectors.
    """

    event_size: int = eqx.field(static=True)
    layers: int = eqx.field(static=True)
    width: int = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    context_size: int = eqx.field(static=True)
    arrays: tuple[Array, ...]

    def __init__(
        self,
        event_size: int,
        *,
        layers: int = 2,
        width: int = 128,
        depth: int = 1,
        context_size: int | None = None,
        key: PRNGKeyArray,
    ):
        name = type(self).__name__
        self.event_size = positive_size(name, event_size)
        self.layers = positive_size(f"{name}.layers", layers)
        self.width = positive_size(f"{name}.width", width)
        self.depth = positive_size(f"{name}.depth", depth)
        context_size = self.event_size if context_size is None else context_size
        if isinstance(context_size, bool) or int(context_size) != context_size or context_size < 0:
            raise ValueError(
                f"{name}.context_size: expected a whole number of at least 0, found {context_size!r}"
            )
        self.context_size = int(context_size)
        self.arrays = tuple(jax.tree.leaves(split(self.architecture.build(key))[0]))

    @property
    @abstractmethod
    def architecture(self) -> Architecture:
        """All that the flow's program depends on."""

    @abstractmethod
    def score(self, q: Pushforward, z0: Float[Array, " d"], z: Float[Array, " d"]) -> Float[Array, " d"]:
        """∇_z log q(z) at z = f(z₀; h), along the direction of f that takes one pass."""

    @classmethod
    def latent(cls, dimensions: int, key: PRNGKeyArray) -> Self:
        return cls(dimensions, key=key)

    @property
    def size(self) -> int:
        return 2 * self.event_size + self.context_size

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    @property
    def bijection(self) -> AbstractBijection:
        """f, with the arrays in their places."""
        structure, constants = skeleton(self.architecture, jnp.result_type(float).name)
        arrays = [jnp.asarray(array, float) for array in self.arrays]
        return eqx.combine(jax.tree.unflatten(structure, arrays), constants)

    def __call__(self, parameters: Float[Array, " size"]) -> Pushforward:
        return Pushforward(self, jnp.asarray(parameters, float))


class AutoregressiveFlow(Flow):
    """Inverse autoregressive flow (Kingma et al. 2016, eq. 10): a layer is zᵢ ← mᵢ(z₁…ᵢ₋₁, h) +
    sᵢ(z₁…ᵢ₋₁, h) zᵢ, m and s from a masked network (MADE). A sample and its density take one pass; the
    density of any other value inverts the layers, a dimension at a time. The posterior's choice.

    **Arguments:** `event_size`: number of dimensions; `layers`: the order of the dimensions is reversed
    from one to the next; `width`, `depth`: units and number of hidden layers (tanh) of each network, the
    width at least `event_size` for every dimension to be seen; `context_size`: length of h, by default
    `event_size`, 0 for none; `key`: for the initial weights. The last layers begin small: the vector of
    zeros is close to N(0, I).

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> flow = lb.AutoregressiveFlow(2, width=8, key=jax.random.key(0))
    >>> flow.size                                            # μ, log σ² and a context of 2
    6
    >>> z, log_q = jax.jit(flow(jnp.zeros(6)).sample_with_log_prob)(jax.random.key(1))
    >>> z.shape, log_q.shape
    ((2,), ())
    """

    @property
    def architecture(self) -> Architecture:
        return _reversing(self, inverted=False)

    def score(self, q: Pushforward, z0: Float[Array, " d"], z: Float[Array, " d"]) -> Float[Array, " d"]:
        """J⁻ᵀ ∇_{z₀} [log N(z₀; μ, σ²) − log|det J(z₀)|]: nothing is inverted but the Jacobian."""
        J, gradient = jax.jacfwd(lambda z0: q.forward(z0)[0])(z0), jax.grad(q.log_prob_at)(z0)
        return jnp.linalg.solve(J.T, gradient)


class MaskedAutoregressiveFlow(Flow):
    """Masked autoregressive flow (Papamakarios et al. 2017): the inverse of [`AutoregressiveFlow`][]'s
    layers. The density of any value takes one pass; a sample is drawn a dimension at a time. The prior's
    choice.

    **Arguments:** as those of [`AutoregressiveFlow`][].

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> flow = lb.MaskedAutoregressiveFlow(3, width=8, context_size=0, key=jax.random.key(0))
    >>> lb.LearnedPrior(flow)().log_prob(jnp.zeros((5, 3))).shape
    (5,)
    """

    @property
    def architecture(self) -> Architecture:
        return _reversing(self, inverted=True)

    def score(self, q: Pushforward, z0: Float[Array, " d"], z: Float[Array, " d"]) -> Float[Array, " d"]:
        return jax.grad(q.log_prob)(z)


class CouplingFlow(Flow):
    """Coupling layers with monotone rational-quadratic splines (Durkan et al. 2019): half of the dimensions
    and h choose, through a network, a spline for each of the others. Samples and densities both take one
    pass.

    Outside [−interval, interval] the splines are the identity, and their slope at both ends is 1, so that
    the density is continuous. A spline's bin keeps a tenth of an equal share of the interval, in either
    direction, and a slope at a knot is at least 1e-2, so that float32 can invert it.

    **Arguments:** as those of [`AutoregressiveFlow`][], and `knots`: the splines' knots between the ends;
    `interval`: half the side of the square in which they bend, in units of z₀. From layer to layer the
    dimensions are rotated by half their number, so that two layers change each of them.

    **Raises:** `ValueError` for a size that is none, and for a single dimension: it has no other half.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> flow = lb.CouplingFlow(4, width=8, key=jax.random.key(0))
    >>> z, log_q = jax.jit(flow(jnp.zeros(flow.size)).sample_with_log_prob)(jax.random.key(1))
    >>> z.shape, log_q.shape
    ((4,), ())
    """

    knots: int = eqx.field(static=True)
    interval: float = eqx.field(static=True)

    def __init__(
        self,
        event_size: int,
        *,
        layers: int = 4,
        knots: int = 8,
        interval: float = 4.0,
        width: int = 128,
        depth: int = 1,
        context_size: int | None = None,
        key: PRNGKeyArray,
    ):
        if positive_size("CouplingFlow", event_size) == 1:
            raise ValueError(
                "CouplingFlow: expected an event of at least 2 dimensions, one half of which transforms the "
                "other, found 1; use another flow"
            )
        if not interval > 0:
            raise ValueError(f"CouplingFlow.interval: expected a positive number, found {interval!r}")
        self.knots = positive_size("CouplingFlow.knots", knots)
        self.interval = float(interval)
        super().__init__(
            event_size, layers=layers, width=width, depth=depth, context_size=context_size, key=key
        )

    @property
    def architecture(self) -> Architecture:
        d = self.event_size
        layer = SplineCouplingLayer(d, self.context_size, self.width, self.depth, self.knots, self.interval)
        return Architecture(layer, cancelling(np.roll(np.arange(d), -(d // 2)), self.layers), inverted=False)

    def score(self, q: Pushforward, z0: Float[Array, " d"], z: Float[Array, " d"]) -> Float[Array, " d"]:
        return jax.grad(q.log_prob)(z)


def _reversing(flow: Flow, *, inverted: bool) -> Architecture:
    """Autoregressive layers, with the order of the dimensions reversed from one to the next."""
    layer = AutoregressiveLayer(flow.event_size, flow.context_size, flow.width, flow.depth)
    return Architecture(layer, cancelling(np.arange(flow.event_size)[::-1], flow.layers), inverted)
