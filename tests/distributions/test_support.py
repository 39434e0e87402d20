"""Supports that NumPyro has not."""

import jax
import numpy as np

from lowerbound.distributions.support import SimplexBlocks


def test_blocks_of_simplices_are_told_from_other_vectors():
    blocks = SimplexBlocks(2)
    assert blocks(np.array([[0.2, 0.8, 1.0, 0.0], [0.2, 0.7, 0.5, 0.5], [1.2, -0.2, 1, 0]])).tolist() == [
        True,
        False,
        False,
    ]
    assert not blocks(np.array([0.2, 0.3, 0.5]))
    assert blocks == SimplexBlocks(2) != SimplexBlocks(3)
    assert blocks(blocks.feasible_like(np.zeros(4)))
    assert jax.tree.unflatten(jax.tree.structure(blocks), []) == blocks
