"""What is trained and what is not: one rule, in one place.

Trained are the inexact arrays of modules. Not trained is whatever stands inside a [`Fixed`][] marker or
inside a bare distribution: a distribution, like anything a user closed over, is a constant.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree
from numpyro.distributions import Distribution

__all__ = ["ByContent", "Fixed", "as_numpy", "frozen", "partition", "trainable"]


class Fixed(eqx.Module):
    """Marks an array, or a whole part, as not trained.

    **Arguments:** `value`: an array, read as `fixed.value`; or a callable (a network, a prior, a
    likelihood), and then the marker is called in its place.

    >>> import jax, lowerbound as lb
    >>> decoder = lb.MLP(2, 3, key=jax.random.key(0))
    >>> len(jax.tree.leaves(lb.trainable(lb.Fixed(decoder))))
    0
    """

    value: Any

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.value(*arguments, **named)


class ByContent:
    """A distribution with the equality and the hash that a compiled program's cache needs."""

    def __init__(self, distribution: Distribution):
        leaves, structure = jax.tree.flatten(distribution)
        leaves = [np.asarray(leaf) for leaf in leaves]
        self.value = jax.tree.unflatten(structure, leaves)
        arrays = tuple((leaf.shape, leaf.dtype.str, leaf.tobytes()) for leaf in leaves)
        self._content = (type(distribution), str(structure), arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByContent) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __repr__(self) -> str:
        return type(self.value).__name__


def trainable(model: PyTree) -> PyTree:
    """The arrays of `model` that are trained; every other leaf is `None`.

    >>> import jax, lowerbound as lb
    >>> prior = lb.LearnedPrior(lb.DiagonalGaussian(3))
    >>> jax.tree.map(lambda leaf: leaf.shape, lb.trainable(prior)).parameters
    (6,)
    """
    return partition(model)[0]


def partition(model: PyTree) -> tuple[PyTree, PyTree]:
    """What is trained, and what is not; `equinox.combine` makes the model of the two again."""

    def is_constant(node: Any) -> bool:
        return isinstance(node, (Fixed, Distribution))

    def is_trained(node: Any) -> bool:
        return not is_constant(node) and bool(eqx.is_inexact_array(node))

    trained, constants = eqx.partition(model, jax.tree.map(is_trained, model, is_leaf=is_constant))
    return trained, constants


def frozen(part: PyTree) -> PyTree:
    """`part` with its arrays held constant: nothing flows back into them."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, part)


def as_numpy(tree: PyTree) -> PyTree:
    """`tree` with NumPy's arrays, which pickle and hold on to no device."""
    return jax.tree.map(lambda leaf: np.asarray(leaf) if eqx.is_array(leaf) else leaf, tree)
