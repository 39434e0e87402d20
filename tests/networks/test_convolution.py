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
from lowerbound.networks.convolution import (
    ConvDecoder,
    ConvEncoder,
    Convolution,
    TransposedConvolution,
    by_patches,
    by_xla,
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
    ((6, 1, 2), 5, 3, 3),
    ((5, 4, 2), 3, 1, 4),
]


def noise(*shape):
    """Of NumPy's: one of JAX's compiles a program for each shape."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def untrained(make):
    """What `make` puts out, with NumPy's noise for arrays: nothing is compiled."""
    return jax.tree.map(lambda leaf: jnp.asarray(noise(*leaf.shape) / 3), eqx.filter_eval_shape(make))


def networks(image, blocks=1, code=2, **named):
    """A small encoder of images and a decoder back."""
    named = {"channels": (3, 4), "width": 6, "key": KEY, **named}
    return untrained(lambda: (ConvEncoder(image, code, **named), ConvDecoder(code, image, blocks, **named)))


class TestConvolve:
    @pytest.mark.parametrize(("image", "kernel", "stride", "out"), CONVOLUTIONS)
    def test_patches_and_xla_agree_in_value_and_gradient(self, image, kernel, stride, out):
        @jax.jit
        def values_and_gradients(x, W):
            def of(form):
                y, back = jax.vjp(partial(form, stride=stride), x, W)
                return y, *back(jnp.cos(y))

            return of(by_patches), of(by_xla)

        patches, xla = values_and_gradients(noise(*image), noise(kernel, kernel, image[2], out))
        for a, b in zip(patches, xla, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * float(jnp.abs(b).max()))

    def test_is_its_formula(self):
        """y[i, j] = Σₐᵦ x[s·i + a − p, s·j + β − p′] W[a, β]."""
        (h, w, c), k, s = (5, 4, 2), 3, 2
        x, W = noise(h, w, c), noise(k, k, c, 3)
        # ⌈5/2⌉ = 3 patches of 3 by steps of 2 span 7, 2 more than there are; ⌈4/2⌉ = 2 span 5, 1 more.
        p, q = 1, 0
        y = np.zeros((3, 2, 3), np.float32)
        for i, j, a, b in np.ndindex(3, 2, k, k):
            row, column = s * i + a - p, s * j + b - q
            if 0 <= row < h and 0 <= column < w:
                y[i, j] += x[row, column] @ W[a, b]
        np.testing.assert_allclose(jax.jit(by_patches, static_argnums=2)(x, W, s), y, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(("platform", "convolutions"), [("cpu", False), ("cuda", True)])
    def test_the_form_follows_the_platform_that_the_program_is_for(self, platform, convolutions):
        def loss(layers, x):
            down, up = layers
            return (up(down(x)) ** 2).sum()

        layers = untrained(lambda: (Convolution(1, 2, key=KEY), TransposedConvolution(2, 1, (8, 8), key=KEY)))
        program = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0)))
        text = jax.export.export(program, platforms=[platform])(layers, jnp.ones((3, 8, 8, 1))).mlir_module()
        assert ("stablehlo.convolution" in text) == convolutions
        assert ("stablehlo.dot_general" in text) != convolutions


class TestLayers:
    @pytest.mark.parametrize(("image", "kernel"), [((7, 5, 3), 4), ((8, 6, 1), 3)])
    def test_the_transposed_layer_is_the_transpose(self, image, kernel):
        """⟨C x, y⟩ = ⟨x, Cᵀ y⟩ for the convolution C of the same weights."""

        @jax.jit
        def products(key):
            k1, k2, k3 = jax.random.split(key, 3)
            up = TransposedConvolution(2, image[2], image[:2], kernel=kernel, key=k1)
            x = jax.random.normal(k2, image)
            down = by_xla(x, up.weight, 2)
            y = jax.random.normal(k3, down.shape)
            return (down * y).sum(), (x * up(y)).sum()

        np.testing.assert_allclose(*products(KEY), rtol=1e-4, atol=1e-4)

    def test_layers_keep_the_scale_of_their_input(self):
        """Away from the edge a pixel is a sum of terms whose variances add up to 1, down and up: over
        64 channels and 12 × 12 pixels of unit noise the variance is 1 within a few parts in a hundred."""

        @jax.jit
        def variances(key):
            x = jax.random.normal(key, (32, 32, 64))
            down = Convolution(64, 64, key=jax.random.key(1))(x)[2:-2, 2:-2]
            up = TransposedConvolution(64, 64, (64, 64), key=jax.random.key(2))(x)[4:-4, 4:-4]
            return down.var(), up.var()

        np.testing.assert_allclose(variances(KEY), 1, atol=0.1)

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


class TestNetworks:
    @pytest.mark.parametrize("kernel", [3, 4])
    @pytest.mark.parametrize("image", IMAGES, ids=str)
    def test_sizes_are_what_they_say_for_any_image(self, image, kernel):
        d = prod(image)
        encoder, decoder = networks(image, blocks=2, code=5, kernel=kernel)
        assert (encoder.in_size, encoder.out_size) == (d, 5)
        assert (decoder.in_size, decoder.out_size) == (5, 2 * d)
        assert eqx.filter_eval_shape(encoder, jnp.zeros(d)).shape == (5,)
        assert eqx.filter_eval_shape(decoder, jnp.zeros(5)).shape == (2 * d,)

    def test_vmapped_they_are_what_they_are_for_one_image(self):
        encoder, decoder = networks((7, 5, 2), 3)
        rows = noise(4, 70)

        def both(x):
            code = encoder(x)
            return code, decoder(code)

        one, many = eqx.filter_jit(both), eqx.filter_jit(jax.vmap(both))
        for i, row in enumerate(rows):
            for single, together in zip(one(row), many(rows), strict=True):
                np.testing.assert_allclose(together[i], single, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        "family",
        [lb.Bernoulli(70), lb.BetaBinomial(70, 16), lb.DiagonalGaussian(70), lb.Categorical(70, 3)],
        ids=lambda family: type(family).__name__,
    )
    def test_blocks_of_images_condition_a_family(self, family):
        """Block by block, and in each block pixel by pixel, channels last: biases show their place."""
        blocks = family.size // family.event_size
        _, decoder = networks((7, 5, 2), blocks)
        last = decoder.convolutions[-1]
        bias = jnp.arange(blocks * 2.0)
        last = eqx.tree_at(lambda layer: (layer.weight, layer.bias), last, (0 * last.weight, bias))
        decoder = eqx.tree_at(lambda decoder: decoder.convolutions[-1], decoder, last)
        expected = np.concatenate([np.tile([2 * b, 2 * b + 1], 35) for b in range(blocks)])
        np.testing.assert_array_equal(eqx.filter_jit(decoder)(jnp.ones(2)), expected)
        assert lb.Conditional(decoder, family).family is family

    def test_every_weight_has_a_gradient(self):
        x = noise(5, 70)

        def loss(networks):
            encoder, decoder = networks
            return (jax.vmap(lambda x: decoder(encoder(x)))(x) ** 2).mean()

        gradient = eqx.filter_jit(eqx.filter_grad(loss))(networks((7, 5, 2), 3))
        assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(gradient))

    def test_pickles_and_is_stored(self, tmp_path):
        for network in networks((7, 5, 2), 3):
            lb.save(network, tmp_path, overwrite=True)
            blank = jax.tree.map(jnp.zeros_like, network)
            for copy in (pickle.loads(pickle.dumps(network)), lb.load(tmp_path, like=blank)):
                assert eqx.tree_equal(copy, network)

    @pytest.mark.parametrize("make", [ConvEncoder, ConvDecoder])
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"image_shape": (8, 8)}, r"\.image_shape: expected \(height, width, channels\), .* \(8, 8\)"),
            ({"image_shape": (8, 0, 1)}, r"\.image_shape: .* found \(8, 0, 1\)"),
            ({"image_shape": (8, 2.5, 1)}, r"\.image_shape: .* found \(8, 2.5, 1\)"),
            ({"image_shape": 64}, r"\.image_shape: .* found 64"),
            ({"image_shape": (2, 2, 1)}, r"\.image_shape: 2 × 2 pixels are one pixel after 1 of the 2 conv"),
            ({"channels": ()}, r"\.channels: expected .* at least one convolution, found none"),
            ({"channels": (4, 0)}, r"\.channels: expected a whole number of at least 1, found 0"),
            ({"kernel": 1}, r".*\.stride: expected at most the kernel's width"),
            ({"activation": "sine"}, r".*activation: expected a function"),
        ],
    )
    def test_what_makes_no_image_is_refused_by_name(self, make, arguments, message):
        arguments = {"image_shape": (8, 8, 1), "key": KEY, **arguments}
        size = {ConvEncoder: "out_size", ConvDecoder: "in_size"}[make]
        with pytest.raises(ValueError, match=message):
            eqx.filter_eval_shape(partial(make, **{size: 2}, **arguments))

    def test_wrong_sizes_are_refused(self):
        with pytest.raises(ValueError, match=r"blocks: .* found 0"):
            networks((8, 8, 1), 0)
        with pytest.raises(ValueError, match=r"ConvEncoder: expected 8 × 8 × 1 = 64 values, found \(65,\)"):
            networks((8, 8, 1))[0](jnp.zeros(65))
