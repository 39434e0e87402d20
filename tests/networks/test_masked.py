"""An MLP of which the i-th output is told the inputs before the i-th alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb

KEY = jax.random.key(0)


def numbered(network):
    """The network with biases that are not 0, and with numbers where weights are left out."""
    return jax.tree.map(lambda leaf: leaf + 0.3, network)


def degrees(d, width):
    """Of the units of a hidden layer: from 0 to d − 1, as many each."""
    return np.arange(width) * d // width


@pytest.mark.parametrize(("d", "width", "depth"), [(1, 3, 1), (2, 5, 2), (5, 12, 1), (6, 6, 3), (7, 3, 2)])
def test_an_output_is_told_what_stands_before_it(d, width, depth):
    """∂yᵢ/∂xⱼ is not 0 for j < i, and 0 else, whatever the weights are; where a layer has fewer units than
    there are inputs, of j and i that have a unit between them, of a degree m with j ≤ m < i."""
    network = numbered(lb.MaskedMLP(d, 2, width=width, depth=depth, key=KEY))
    jacobian = jax.jit(jax.jacrev(lambda x: network(x)))(jnp.linspace(-1.0, 1.0, d))
    of_each = np.arange(1, d + 1)
    m = degrees(d, width)
    told = ((of_each[None, :, None] <= m) & (m < of_each[:, None, None])).any(-1)
    assert told.sum() == d * (d - 1) / 2 or width < d
    for block in range(2):
        np.testing.assert_array_equal(np.asarray(jacobian)[:, block] != 0, told)


def test_is_its_formula():
    """y = a(x (M₁ ∘ W₁) + b₁)(M₂ ∘ W₂) + b₂, a row of numbers for each input."""
    d, blocks, width = 3, 2, 7
    network = numbered(lb.MaskedMLP(d, blocks, width=width, depth=1, activation="tanh", key=KEY))
    (W1, W2), (b1, b2), m = network.weights, network.biases, degrees(d, width)
    inputs, outputs = np.arange(1, d + 1), np.repeat(np.arange(1, d + 1), blocks)
    x = np.array([0.5, -1.0, 2.0])
    hidden = np.tanh(x @ (W1 * (inputs[:, None] <= m)) + b1)
    expected = (hidden @ (W2 * (m[:, None] < outputs)) + b2).reshape(d, blocks)
    np.testing.assert_allclose(network(jnp.asarray(x, float)), expected, rtol=1e-5, atol=1e-5)


def test_weights_have_the_variance_of_what_is_not_left_out():
    """1/(weights of a unit): squares times that count have the mean 1, within 5 standard errors."""
    W = np.asarray(lb.MaskedMLP(60, 4, width=240, depth=1, key=KEY).weights[0], np.float64)
    counts = (W != 0).sum(0)
    np.testing.assert_array_equal(counts, degrees(60, 240))
    squares = (W**2 * counts)[W != 0]
    assert abs(squares.mean() - 1) < 5 * squares.std() / np.sqrt(squares.size)


@pytest.mark.parametrize("name", ["in_size", "blocks", "width", "depth"])
def test_a_size_that_is_none_is_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"MaskedMLP\.{name}: .* of at least 1, found 0"):
        lb.MaskedMLP(**{"in_size": 3, "blocks": 2, name: 0}, key=KEY)
