"""Networks are functions of one data point, stored as arrays and names."""

import pickle
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb

KEY = jax.random.key(0)
ACTIVATIONS = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
}


class TestMLP:
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_is_its_formula(self, activation):
        """x ↦ a(x W₁ + b₁) W₂ + b₂."""
        network = lb.MLP(3, 2, width=4, depth=1, activation=activation, key=KEY)
        x = np.asarray([0.5, -1.0, 2.0])
        W, b = network.weights, network.biases
        expected = ACTIVATIONS[activation](x @ W[0] + b[0]) @ W[1] + b[1]
        np.testing.assert_allclose(network(jnp.asarray(x)), expected, rtol=1e-5)

    @pytest.mark.parametrize("depth", [0, 1, 3])
    def test_shapes(self, depth):
        network = lb.MLP(3, 2, width=5, depth=depth, key=KEY)
        sizes = [3, *[5] * depth, 2]
        assert [W.shape for W in network.weights] == list(pairwise(sizes))
        assert [b.shape for b in network.biases] == [(size,) for size in sizes[1:]]
        assert (network.in_size, network.out_size) == (3, 2)
        assert network(jnp.ones(3)).shape == (2,)

    def test_depth_0_is_linear(self):
        network = lb.MLP(3, 2, depth=0, key=KEY)
        x, y = jax.random.normal(KEY, (2, 3))
        np.testing.assert_allclose(network(2 * x - 3 * y), 2 * network(x) - 3 * network(y), rtol=1e-5)

    def test_a_layer_keeps_the_scale_of_its_input(self):
        """LeCun's weights have variance 1/fan-in: over 100 × 400 of them, within 5 standard errors."""
        (W,) = lb.MLP(100, 400, depth=0, key=KEY).weights
        squares = np.asarray(W, np.float64).ravel() ** 2
        assert abs(squares.mean() - 1 / 100) < 5 * squares.std() / np.sqrt(squares.size)

    def test_a_layer_has_the_weights_that_jax_draws_for_it(self):
        initialize = jax.nn.initializers.lecun_normal()
        weights = lb.MLP(3, 2, width=5, depth=1, key=KEY).weights
        for W, key in zip(weights, jax.random.split(KEY, 2), strict=True):
            np.testing.assert_allclose(W, initialize(key, W.shape), rtol=1e-6)

    def test_layers_and_keys_have_weights_of_their_own(self):
        networks = [lb.MLP(4, 4, width=4, depth=1, key=jax.random.key(seed)) for seed in (0, 1)]
        weights = {W.tobytes() for network in networks for W in map(np.asarray, network.weights)}
        assert len(weights) == 4

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_pickles(self, activation):
        network = lb.MLP(3, 2, activation=activation, key=KEY)
        copy = pickle.loads(pickle.dumps(network))
        np.testing.assert_array_equal(copy(jnp.ones(3)), network(jnp.ones(3)))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"activation": "sine"}, r"MLP\.activation: expected a function .*; found 'sine'"),
            ({"depth": -1}, r"MLP\.depth: expected a whole number of at least 0, found -1"),
            ({"depth": 1.5}, r"MLP\.depth: .* found 1\.5"),
            ({"width": 0}, r"MLP\.width: expected a whole number of at least 1, found 0"),
            ({"in_size": 0}, r"MLP\.in_size: .* found 0"),
            ({"out_size": 0}, r"MLP\.out_size: .* found 0"),
        ],
    )
    def test_a_wrong_argument_is_refused_by_name(self, arguments, message):
        with pytest.raises((ValueError, TypeError), match=message):
            lb.MLP(**{"in_size": 3, "out_size": 2, "key": KEY, **arguments})


class TestStandardized:
    def test_is_the_network_of_the_standardized_row_and_its_constants_are_not_trained(self):
        inner = lb.MLP(2, 3, key=KEY)
        network = lb.Standardized(inner, mean=jnp.asarray([1.0, 2.0]), scale=jnp.asarray([2.0, 4.0]))
        np.testing.assert_allclose(
            network(jnp.asarray([3.0, -2.0])), inner(jnp.asarray([1.0, -1.0])), rtol=1e-6
        )
        assert (network.in_size, network.out_size) == (2, 3)
        assert len(jax.tree.leaves(lb.trainable(network))) == len(jax.tree.leaves(inner))

    def test_sees_what_is_far_out_compressed(self):
        """u itself up to 10 scales, to the bit; ±(10 + log(1 + |u| − 10)) beyond; a number at ±∞."""
        network = lb.Standardized(lambda u: u, mean=jnp.zeros(6), scale=jnp.ones(6))
        u = jnp.asarray([0.1, -10.0, 11.0, -1e6, 1e38, jnp.inf])
        seen = network(u)
        np.testing.assert_array_equal(seen[:2], u[:2])
        np.testing.assert_allclose(seen[2:4], [10 + np.log(2), -10 - np.log(1e6 - 9)], rtol=1e-6)
        assert np.isfinite(seen).all()


class TestConditional:
    def test_is_the_family_at_what_the_network_puts_out(self):
        family, x = lb.DiagonalGaussian(2), jnp.ones(3)
        network = lb.MLP(3, family.size, key=KEY)
        np.testing.assert_array_equal(lb.Conditional(network, family)(x).mean, network(x)[:2])

    def test_whole_numbers_are_read_as_real_ones(self):
        conditional = lb.Conditional(lb.MLP(3, 4, key=KEY), lb.DiagonalGaussian(2))
        row = np.asarray([0, 1, 255])
        np.testing.assert_array_equal(
            conditional(jnp.asarray(row, jnp.uint8)).mean, conditional(jnp.asarray(row, float)).mean
        )

    @pytest.mark.parametrize("label", [2, jnp.asarray([2.0])], ids=["number", "vector"])
    def test_a_condition_is_concatenated(self, label):
        conditional = lb.Conditional(lambda v: v, lb.DiagonalGaussian(2), given=True)
        q = conditional(jnp.asarray([5.0, 7.0, 0.0]), given=label)
        np.testing.assert_allclose(q.mean, [5.0, 7.0])
        np.testing.assert_allclose(q.variance, np.exp([0.0, 2.0]), rtol=1e-6)

    def test_a_network_of_another_size_is_refused(self):
        with pytest.raises(
            ValueError, match=r"DiagonalGaussian\(2\) is conditioned by a vector of 4, .* out 3"
        ):
            lb.Conditional(lb.MLP(5, 3, key=KEY), lb.DiagonalGaussian(2))
