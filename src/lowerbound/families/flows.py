"""Normalising flows: z = f(z₀; h), z₀ from a diagonal Gaussian, f invertible with a cheap log|det J|.

The layers are flowjax's. Its modules hold closures, which cannot be stored, and which make every new flow a
new program; so a family keeps the arrays of its flow alone, and the rest, which follows from a few whole
numbers, is built once a process and looked up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flowjax.bijections import (
    AbstractBijection,
    Affine,
    Chain,
    Coupling,
    Invert,
    MaskedAutoregressive,
    Permute,
    RationalQuadraticSpline,
    Scan,
)
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from paramax import NonTrainable, Parameterize

from lowerbound.families.family import Family, positive_size

__all__ = ["AutoregressiveFlow", "CouplingFlow", "Flow", "MaskedAutoregressiveFlow", "Pushforward"]


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
        self.arrays = tuple(jax.tree.leaves(_split(self.architecture.build(key))[0]))

    @property
    @abstractmethod
    def architecture(self) -> Architecture:
        """All that the flow's program depends on."""

    @abstractmethod
    def score(self, q: Pushforward, z0: Float[Array, " d"], z: Float[Array, " d"]) -> Float[Array, " d"]:
        """∇_z log q(z) at z = f(z₀; h), along the direction of f that takes one pass."""

    @property
    def size(self) -> int:
        return 2 * self.event_size + self.context_size

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    @property
    def bijection(self) -> AbstractBijection:
        """f, with the arrays in their places."""
        structure, constants = _skeleton(self.architecture, jnp.result_type(float).name)
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
    >>> flow = lb.AutoregressiveFlow(2, width=16, key=jax.random.key(0))
    >>> flow.size                                            # μ, log σ² and a context of 2
    6
    >>> z, log_q = flow(jnp.zeros(6)).sample_with_log_prob(jax.random.key(1))
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
    >>> flow = lb.MaskedAutoregressiveFlow(3, width=16, context_size=0, key=jax.random.key(0))
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
    >>> flow = lb.CouplingFlow(4, width=16, key=jax.random.key(0))
    >>> q = flow(jnp.zeros(flow.size))
    >>> q.log_prob(q.sample(jax.random.key(1), (7,))).shape
    (7,)
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
                "other, found 1; use AutoregressiveFlow(1)"
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
        layer = _SplineCoupling(d, self.context_size, self.width, self.depth, self.knots, self.interval)
        return Architecture(layer, _cancelling(np.roll(np.arange(d), -(d // 2)), self.layers), inverted=False)

    def score(self, q: Pushforward, z0: Float[Array, " d"], z: Float[Array, " d"]) -> Float[Array, " d"]:
        return jax.grad(q.log_prob)(z)


# Compiled under the flow's numbers, so that a call outside of a program does not make one each time.
@eqx.filter_jit
def _transformed(flow: Flow, z0: Array, context: Array) -> tuple[Array, Array]:
    return flow.bijection.transform_and_log_det(z0, context)


@eqx.filter_jit
def _inverted(flow: Flow, z: Array, context: Array) -> tuple[Array, Array]:
    return flow.bijection.inverse_and_log_det(z, context)


# Draws that a mean is estimated from: pairs ±ε.
_PAIRS = 128


class Pushforward(Distribution):
    """The distribution of f(z₀; h): what a [`Flow`][] makes of a conditioning vector.

    Beside `sample` and `log_prob` it has `sample_with_log_prob` and `sample_with_score`, which need no
    inverse where f is given.

    `mean` and `variance` have no closed form. They are those of 256 draws, always with the same ε, in pairs
    ±ε and scaled to unit variance, so that they are exact where f is affine in each dimension. The mean's
    standard error is at most σ_z/√128 (9 % of a standard deviation), and smaller the nearer f is to affine;
    the variance's is about an eighth of itself at most, where the tails are a Gaussian's.
    """

    arg_constraints = {"parameters": constraints.real_vector}  # noqa: RUF012
    reparametrized_params = ["parameters"]  # noqa: RUF012
    pytree_data_fields = ("parameters", "flow")
    support = constraints.real_vector

    def __init__(
        self, flow: Flow, parameters: Float[Array, " size"], *, validate_args: bool | None = None
    ) -> None:
        self.flow, self.parameters = flow, parameters
        super().__init__(batch_shape=(), event_shape=(flow.event_size,), validate_args=validate_args)

    def sample(
        self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()
    ) -> Float[Array, "*sample_shape d"]:
        return self._pushed(jax.random.normal(key, (*sample_shape, *self.event_shape)))

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        return jnp.vectorize(self._log_prob, signature="(d)->()")(jnp.asarray(value, float))

    def sample_with_log_prob(self, key: PRNGKeyArray) -> tuple[Float[Array, " d"], Float[Array, ""]]:
        """The z of `sample(key)` and log q(z) in nats, from one pass; both are differentiable in the
        parameters and in the flow's arrays."""
        z0 = self._base(jax.random.normal(key, self.event_shape))
        z, log_det = self.forward(z0)
        return z, self._log_base(z0) - log_det

    def sample_with_score(
        self, key: PRNGKeyArray
    ) -> tuple[Float[Array, " d"], Float[Array, ""], Float[Array, " d"]]:
        """The z of `sample(key)`, log q(z) in nats, and the score ∇_z log q(z) with the parameters held:
        what the path derivative estimators need (Roeder et al. 2017; Tucker et al. 2019)."""
        z0 = self._base(jax.random.normal(key, self.event_shape))
        z, log_det = self.forward(z0)
        return z, self._log_base(z0) - log_det, self.flow.score(self, z0, z)

    @property
    def mean(self) -> Float[Array, " d"]:
        return self._draws().mean(axis=0)

    @property
    def variance(self) -> Float[Array, " d"]:
        return self._draws().var(axis=0)

    def forward(self, z0: Float[Array, " d"]) -> tuple[Float[Array, " d"], Float[Array, ""]]:
        """f(z₀; h) and log|det J_f(z₀; h)|."""
        return _transformed(self.flow, z0, self._context)

    def log_prob_at(self, z0: Float[Array, " d"]) -> Float[Array, ""]:
        """log q(f(z₀; h)), in nats."""
        return self._log_base(z0) - self.forward(z0)[1]

    @property
    def _location(self) -> Array:
        return self.parameters[: self.flow.event_size]

    @property
    def _log_variance(self) -> Array:
        return self.parameters[self.flow.event_size : 2 * self.flow.event_size]

    @property
    def _context(self) -> Array:
        return self.parameters[2 * self.flow.event_size :]

    def _base(self, noise: Float[Array, " d"]) -> Float[Array, " d"]:
        return self._location + jnp.exp(0.5 * self._log_variance) * noise

    def _log_base(self, z0: Float[Array, " d"]) -> Float[Array, ""]:
        noise = (z0 - self._location) * jnp.exp(-0.5 * self._log_variance)
        return -0.5 * (noise**2 + np.log(2 * np.pi) + self._log_variance).sum()

    def _log_prob(self, z: Float[Array, " d"]) -> Float[Array, ""]:
        z0, log_det = _inverted(self.flow, z, self._context)
        return self._log_base(z0) + log_det

    def _pushed(self, noise: Float[Array, "... d"]) -> Float[Array, "... d"]:
        return jnp.vectorize(lambda e: self.forward(self._base(e))[0], signature="(d)->(d)")(noise)

    def _draws(self) -> Float[Array, "256 d"]:
        # NumPy's generator, so that the draws are the same in float32 and in float64.
        noise = np.random.default_rng(0).standard_normal((_PAIRS, *self.event_shape))
        noise /= np.sqrt((noise**2).mean(axis=0))
        return self._pushed(jnp.asarray(np.concatenate([noise, -noise]), float))


class Layer(ABC):
    """One layer, by the numbers that its structure follows from: equal and hashable by them."""

    @abstractmethod
    def __call__(self, key: PRNGKeyArray) -> AbstractBijection:
        """The layer with its initial weights."""


class Architecture(NamedTuple):
    """What a flow's program depends on: the layer, how dimensions are permuted after each, and whether f is
    the layers' inverse."""

    layer: Layer
    permutations: tuple[tuple[int, ...], ...]
    inverted: bool

    def build(self, key: PRNGKeyArray) -> AbstractBijection:
        """f with its initial weights."""

        def layer(key: PRNGKeyArray, permutation: Array) -> AbstractBijection:
            return Chain([self.layer(key), Permute(permutation)])

        keys = jax.random.split(key, len(self.permutations))
        layers = Scan(eqx.filter_vmap(layer)(keys, jnp.asarray(self.permutations)))
        return Invert(layers) if self.inverted else layers


# The least slope of a layer; and the least width and height of a spline's bin, over those of equal bins.
# float32 is to find z₀ again from z through all layers.
_LEAST, _LEAST_WIDTH = 1e-2, 0.1


@dataclass(frozen=True)
class _Autoregressive(Layer):
    """z ← m + s z, the m and s of a dimension from those before it: s = softplus(…) of at least 1e-2."""

    event_size: int
    context_size: int
    width: int
    depth: int

    def __call__(self, key: PRNGKeyArray) -> AbstractBijection:
        affine = eqx.tree_at(lambda affine: affine.scale, Affine(), _slopes(_softplus, ()))
        layer = MaskedAutoregressive(
            key,
            transformer=affine,
            dim=self.event_size,
            # None and 0 differ: with a context one hidden unit in event_size sees that alone. Without one
            # those would be wasted; but a single dimension has no others.
            cond_dim=self.context_size if self.context_size or self.event_size == 1 else None,
            nn_width=self.width,
            nn_depth=self.depth,
            nn_activation=jnp.tanh,
        )
        return _beginning_small(lambda layer: layer.masked_autoregressive_mlp.layers[-1], layer)


@dataclass(frozen=True)
class _SplineCoupling(Layer):
    """The first half of the dimensions stays, and chooses a spline for each of the others."""

    event_size: int
    context_size: int
    width: int
    depth: int
    knots: int
    interval: float

    def __call__(self, key: PRNGKeyArray) -> AbstractBijection:
        layer = Coupling(
            key,
            transformer=_Spline(self.knots, self.interval),
            untransformed_dim=self.event_size // 2,
            dim=self.event_size,
            cond_dim=self.context_size,
            nn_width=self.width,
            nn_depth=self.depth,
            nn_activation=jnp.tanh,
        )
        return _beginning_small(lambda layer: layer.conditioner.layers[-1], layer)


class _Spline(RationalQuadraticSpline):
    """flowjax's spline with slopes of 1 at its two ends, as the paper has them (flowjax's are free, and then
    the density jumps there, which biases every pathwise gradient), and an inverse that float32 can compute.

    In a bin of slope s, with slopes δ₀ and δ₁ at its knots, y at the fraction t of its height comes from x
    at the fraction ξ of its width (Durkan et al. 2019, eq. 6–8). With m = δ₀ (1 − t) − δ₁ t the paper's
    discriminant is a sum of squares, r² = m² + 4s² t(1 − t), and

        ξ = 2st / (2st + r + m) = (r − m) / (r − m + 2s(1 − t)).

    Of the two the one is taken that subtracts nothing; as a difference, in the paper and in flowjax, r² is
    negative by rounding where slopes differ much, and its root NaN.
    """

    def __init__(self, knots: int, interval: float):
        bin_width = 2 * interval / (knots + 1)
        super().__init__(knots=knots, interval=interval, min_width=_LEAST_WIDTH * bin_width)
        self.derivatives = _slopes(_softplus_within, (knots,))  # type: ignore[assignment]  # as flowjax's

    def inverse_and_log_det(self, y: ArrayLike, condition: ArrayLike | None = None) -> tuple[Array, Array]:
        inside = jnp.clip(y, *self.interval)
        k = jnp.clip(jnp.searchsorted(self.y_pos, inside) - 1, 0, len(self.y_pos) - 2)
        width, height = self.x_pos[k + 1] - self.x_pos[k], self.y_pos[k + 1] - self.y_pos[k]
        s, t = height / width, jnp.clip((inside - self.y_pos[k]) / height, 0, 1)
        m = self.derivatives[k] * (1 - t) - self.derivatives[k + 1] * t
        r = jnp.sqrt(m**2 + 4 * s**2 * t * (1 - t))
        total = r + jnp.abs(m)
        xi = jnp.where(m > 0, 2 * s * t / (2 * s * t + total), total / (total + 2 * s * (1 - t)))
        x = jnp.where(inside == y, self.x_pos[k] + xi * width, y)
        return x, -self.transform_and_log_det(x)[1]  # type: ignore[no-untyped-call]


def _reversing(flow: Flow, *, inverted: bool) -> Architecture:
    """Autoregressive layers, with the order of the dimensions reversed from one to the next."""
    layer = _Autoregressive(flow.event_size, flow.context_size, flow.width, flow.depth)
    return Architecture(layer, _cancelling(np.arange(flow.event_size)[::-1], flow.layers), inverted)


def _slopes(function: Callable[[Array], Array], shape: tuple[int, ...]) -> Parameterize[Array]:
    """Slopes of at least `_LEAST` from unbounded numbers: 1 where the network in front puts out 0."""
    return Parameterize(function, jnp.full(shape, np.log(np.expm1(1 - _LEAST))))


def _softplus(x: Array) -> Array:
    return jax.nn.softplus(x) + _LEAST


def _softplus_within(x: Array) -> Array:
    return jnp.pad(_softplus(x), [(0, 0)] * (x.ndim - 1) + [(1, 1)], constant_values=1)


def _beginning_small(last: Callable[[Any], Any], layer: AbstractBijection) -> AbstractBijection:
    """The layer with the last weights of its network a hundredth of what they were: near the identity."""
    trained, rest = _split(last(layer))
    return eqx.tree_at(last, layer, eqx.combine(jax.tree.map(lambda array: 0.01 * array, trained), rest))


def _cancelling(order: np.ndarray, layers: int) -> tuple[tuple[int, ...], ...]:
    """`order` after every layer but the last, and there what restores the dimensions, so that a flow of
    layers near the identity is near it itself."""
    total = np.arange(len(order))
    for _ in range(layers - 1):
        total = total[order]
    return tuple(tuple(map(int, p)) for p in (*[order] * (layers - 1), np.argsort(total)))


def _is_trained(node: Any) -> bool:
    return not isinstance(node, NonTrainable) and bool(eqx.is_inexact_array(node))


def _split(bijection: PyTree) -> tuple[PyTree, PyTree]:
    """The arrays that are trained, and all else: masks, permutations, functions."""
    return eqx.partition(bijection, _is_trained, is_leaf=lambda node: isinstance(node, NonTrainable))


@cache
def _skeleton(architecture: Architecture, precision: str) -> tuple[jax.tree_util.PyTreeDef, PyTree]:
    """Where the trained arrays go, and all else. Made outside whatever is being traced, since it is kept
    (`ensure_compile_time_eval` would set off Equinox's checks); and once for each precision, since flowjax's
    closures hold numbers of one."""
    with jax.core.eval_context(), jax.enable_x64(precision == "float64"):
        trained, constants = _split(architecture.build(jax.random.key(0)))
    return jax.tree.structure(trained), constants
