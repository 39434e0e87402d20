"""A convolution is one linear map in two forms, and the networks made of it fit images of any size."""

import pickle
from functools import partial
from math import prod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.convolution import (
    ConvDecoder,
    ConvEncoder,
    Convolution,
    TransposedConvolution,
    by_patches,
    by_xla,
    convolve,
)

KEY = jax.random.key(0)
IMAGES = [(28, 28, 1), (28, 20, 1), (8, 8, 1), (7, 5, 1), (32, 32, 3)]
# (image, kernel, stride, channels out)
CONVOLUTIONS = [
    ((28, 20, 1), 4, 2, 3),
    ((8, 8, 2), 3, 2, 5),
    ((7, 5, 3), 4, 2, 2),
    ((7, 5, 3), 3, 2, 2),
    ((6, 9, 2), 2, 2, 3),
    ((6, 9, 2), 5, 3, 3),
    ((5, 4, 2), 3, 1, 4),
    ((1, 5, 2), 4, 2, 3),
    ((1, 1, 2), 6, 3, 1),
]


def image_and_weights(image, kernel, out):
    k1, k2 = jax.random.split(KEY)
    return jax.random.normal(k1, image), jax.random.normal(k2, (kernel, kernel, image[2], out))


class TestConvolve:
    @pytest.mark.parametrize(("image", "kernel", "stride", "out"), CONVOLUTIONS)
    def test_patches_and_xla_agree_in_value_and_gradient(self, image, kernel, stride, out):
        x, W = image_and_weights(image, kernel, out)

        @partial(jax.jit, static_argnums=0)
        def value_and_gradient(form, x, W):
            y, back = jax.vjp(partial(form, stride=stride), x, W)
            return y, back(jnp.cos(y))

        results = [value_and_gradient(form, x, W) for form in (by_patches, by_xla, convolve)]
        for result in results[1:]:
            for a, b in zip(*map(jax.tree.leaves, (results[0], result)), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * float(jnp.abs(b).max()))

    def test_is_its_formula(self):
        """y[i, j] = Σₐᵦ x[s·i + a − p, s·j + β − p′] W[a, β], in float64 and by hand."""
        (h, w, c), k, s = (5, 4, 2), 3, 2
        x, W = (np.asarray(array, np.float64) for array in image_and_weights((h, w, c), k, 3))
        # ⌈5/2⌉ = 3 patches of 3 by steps of 2 span 7, 2 more than there are; ⌈4/2⌉ = 2 span 5, 1 more.
        p, q = 1, 0
        y = np.zeros((3, 2, 3))
        for i, j, a, b in np.ndindex(3, 2, k, k):
            row, column = s * i + a - p, s * j + b - q
            if 0 <= row < h and 0 <= column < w:
                y[i, j] += x[row, column] @ W[a, b]
        found = by_patches(jnp.asarray(x, jnp.float32), jnp.asarray(W, jnp.float32), s)
        np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(("platform", "convolutions"), [("cpu", False), ("cuda", True)])
    def test_the_form_follows_the_platform_that_the_program_is_for(self, platform, convolutions):
        def loss(layers, x):
            down, up = layers
            return (up(down(x)) ** 2).sum()

        layers = (
            Convolution(1, 2, key=KEY),
            TransposedConvolution(2, 1, (8, 8), key=KEY),
        )
        program = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0)))
        text = jax.export.export(program, platforms=[platform])(layers, jnp.ones((3, 8, 8, 1))).mlir_module()
        assert ("stablehlo.convolution" in text) == convolutions
        assert ("stablehlo.dot_general" in text) != convolutions


class TestLayers:
    @pytest.mark.parametrize(("image", "kernel", "stride", "out"), CONVOLUTIONS)
    def test_the_transposed_layer_is_the_transpose(self, image, kernel, stride, out):
        """⟨C x, y⟩ = ⟨x, Cᵀ y⟩."""
        h, w, c = image
        up = TransposedConvolution(out, c, (h, w), kernel=kernel, stride=stride, key=KEY)
        x = jax.random.normal(jax.random.key(1), image)
        down = by_xla(x, up.weight, stride)
        y = jax.random.normal(jax.random.key(2), down.shape)
        np.testing.assert_allclose((down * y).sum(), (x * up(y)).sum(), rtol=1e-4, atol=1e-4)

    def test_a_bias_is_added_to_each_channel(self):
        down = Convolution(2, 3, key=KEY)
        up = TransposedConvolution(3, 2, (4, 4), key=KEY)
        for layer, x in ((down, jnp.zeros((4, 4, 2))), (up, jnp.zeros((2, 2, 3)))):
            bias = jnp.arange(1.0, layer.bias.size + 1)
            y = eqx.tree_at(lambda layer: layer.bias, layer, bias)(x)
            np.testing.assert_array_equal(y, jnp.broadcast_to(bias, y.shape))

    def test_layers_keep_the_scale_of_their_input(self):
        """Away from the edge a pixel is a sum of terms whose variances add up to 1, down and up: over
        64 channels and 12 × 12 pixels of unit noise the variance is 1 within a few parts in a hundred."""
        x = jax.random.normal(KEY, (32, 32, 64))
        down = Convolution(64, 64, key=jax.random.key(1))(x)[2:-2, 2:-2]
        up = TransposedConvolution(64, 64, (64, 64), key=jax.random.key(2))(x)[4:-4, 4:-4]
        assert abs(float(down.var()) - 1) < 0.1
        assert abs(float(up.var()) - 1) < 0.1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"kernel": 1}, r"\.stride: expected at most the kernel's width, 1, found 2"),
            ({"kernel": 0}, r"\.kernel: expected a whole number of at least 1, found 0"),
            ({"stride": 0}, r"\.stride: .* found 0"),
            ({"in_channels": 0}, r"\.in_channels: .* found 0"),
            ({"out_channels": 0}, r"\.out_channels: .* found 0"),
        ],
    )
    def test_a_wrong_argument_is_refused_by_name(self, arguments, message):
        arguments = {"in_channels": 2, "out_channels": 3, "key": KEY, **arguments}
        with pytest.raises(ValueError, match="Convolution" + message):
            Convolution(**arguments)
        with pytest.raises(ValueError, match="TransposedConvolution" + message):
            TransposedConvolution(size=(4, 4), **arguments)


def small(network, *arguments, **named):
    return network(*arguments, channels=(3, 4), width=6, key=KEY, **named)


class TestNetworks:
    @pytest.mark.parametrize("kernel", [3, 4])
    @pytest.mark.parametrize("image", IMAGES, ids=str)
    def test_sizes_are_what_they_say_for_any_image(self, image, kernel):
        d = prod(image)
        encoder = small(ConvEncoder, image, 5, kernel=kernel)
        decoder = small(ConvDecoder, 2, image, 2, kernel=kernel)
        assert (encoder.in_size, encoder.out_size) == (d, 5)
        assert (decoder.in_size, decoder.out_size) == (2, 2 * d)
        assert jax.eval_shape(encoder, jnp.zeros(d)).shape == (5,)
        assert jax.eval_shape(decoder, jnp.zeros(2)).shape == (2 * d,)

    def test_vmapped_they_are_what_they_are_for_one_image(self):
        image = (7, 5, 2)
        encoder, decoder = small(ConvEncoder, image, 5), small(ConvDecoder, 5, image, 3)
        rows = jax.random.normal(KEY, (4, 70))
        codes = jax.vmap(encoder)(rows)
        np.testing.assert_allclose(codes, jnp.stack([encoder(row) for row in rows]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            jax.vmap(decoder)(codes), jnp.stack([decoder(code) for code in codes]), rtol=1e-5, atol=1e-6
        )

    @pytest.mark.parametrize(
        "family",
        [lb.Bernoulli(70), lb.BetaBinomial(70, 16), lb.DiagonalGaussian(70), lb.Categorical(70, 3)],
        ids=lambda family: type(family).__name__,
    )
    def test_blocks_of_images_condition_a_family(self, family):
        """Block by block, and in each block pixel by pixel, channels last: biases show their place."""
        blocks = family.size // family.event_size
        decoder = small(ConvDecoder, 2, (7, 5, 2), blocks)
        last = decoder.convolutions[-1]
        bias = jnp.arange(blocks * 2.0)
        last = eqx.tree_at(lambda layer: (layer.weight, layer.bias), last, (0 * last.weight, bias))
        decoder = eqx.tree_at(lambda decoder: decoder.convolutions[-1], decoder, last)
        expected = np.concatenate([np.tile([2 * b, 2 * b + 1], 35) for b in range(blocks)])
        np.testing.assert_array_equal(decoder(jnp.ones(2)), expected)
        assert lb.Conditional(decoder, family)(jnp.ones(2)).event_shape == (70,)

    def test_every_weight_has_a_gradient(self):
        image = (8, 8, 1)
        networks = (small(ConvEncoder, image, 2), small(ConvDecoder, 2, image))
        x = jax.random.normal(KEY, (5, 64))

        def loss(networks):
            encoder, decoder = networks
            return (jax.vmap(lambda x: decoder(encoder(x)))(x) ** 2).mean()

        gradient = jax.jit(jax.grad(loss))(networks)
        assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(gradient))

    def test_pickles_and_is_stored(self, tmp_path):
        image = (7, 5, 1)
        for network, size in ((small(ConvEncoder, image, 2), 35), (small(ConvDecoder, 2, image), 2)):
            expected = network(jnp.ones(size))
            copy = pickle.loads(pickle.dumps(network))
            np.testing.assert_array_equal(copy(jnp.ones(size)), expected)
            lb.save(network, tmp_path, overwrite=True)
            blank = jax.tree.map(jnp.zeros_like, network)
            np.testing.assert_array_equal(lb.load(tmp_path, like=blank)(jnp.ones(size)), expected)

    @pytest.mark.parametrize("make", [ConvEncoder, ConvDecoder])
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"image_shape": (8, 8)}, r"\.image_shape: expected \(height, width, channels\), .* \(8, 8\)"),
            ({"image_shape": (8, 0, 1)}, r"\.image_shape: .* found \(8, 0, 1\)"),
            ({"image_shape": (8, 2.5, 1)}, r"\.image_shape: .* found \(8, 2.5, 1\)"),
            ({"image_shape": 64}, r"\.image_shape: .* found 64"),
            ({"image_shape": (2, 2, 1)}, r"\.image_shape: 2 × 2 pixels are one pixel after 1 of 2 conv"),
            ({"channels": ()}, r"\.channels: expected .* at least one convolution, found none"),
            ({"channels": (4, 0)}, r"\.channels: expected a whole number of at least 1, found 0"),
            ({"kernel": 1}, r".*\.stride: expected at most the kernel's width"),
            ({"activation": "sine"}, r".*activation: expected one of"),
        ],
    )
    def test_what_makes_no_image_is_refused_by_name(self, make, arguments, message):
        arguments = {"image_shape": (8, 8, 1), "key": KEY, **arguments}
        size = {ConvEncoder: "out_size", ConvDecoder: "in_size"}[make]
        with pytest.raises(ValueError, match=message):
            make(**{size: 2}, **arguments)

    def test_wrong_sizes_are_refused(self):
        with pytest.raises(ValueError, match=r"blocks: .* found 0"):
            small(ConvDecoder, 2, (8, 8, 1), 0)
        with pytest.raises(ValueError, match=r"ConvEncoder: expected 8 × 8 × 1 = 64 values, found \(65,\)"):
            small(ConvEncoder, (8, 8, 1), 2)(jnp.zeros(65))
