"""Convolutions, down and up, and the encoder and the decoder of images that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.nn.initializers import variance_scaling
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.families.family import positive_size
from lowerbound.networks.activations import Activation, activation_named
from lowerbound.networks.mlp import MLP
from lowerbound.networks.network import Network
from lowerbound.networks.product import product

__all__ = ["ConvDecoder", "ConvEncoder", "Convolution", "TransposedConvolution"]


def convolve(x: Float[Array, "h w c"], W: Float[Array, "k k c o"], stride: int) -> Float[Array, "i j o"]:
    """Patches and one matrix product on a CPU, where XLA's convolution inside a loop takes 18 times as
    long; XLA's convolution on anything else.

    The choice falls where the program is lowered for a platform and leaves no trace in it: it is free
    (measured), and right as well on the CPU of a machine whose default is a GPU.
    """
    return jax.lax.platform_dependent(
        x,
        W,
        cpu=lambda x, W: by_patches(x, W, stride),
        default=lambda x, W: by_xla(x, W, stride),
    )


def by_xla(x: Float[Array, "h w c"], W: Float[Array, "k k c o"], stride: int) -> Float[Array, "i j o"]:
    """The convolution as one operation of XLA's."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x[None], W, (stride, stride), "SAME", dimension_numbers=layout)[0]


def by_patches(x: Float[Array, "h w c"], W: Float[Array, "k k c o"], stride: int) -> Float[Array, "i j o"]:
    """The convolution as a matrix product, whose left matrix has the patch that a pixel of y sees as a row.

    Patches are made of the longest pieces that lie together in memory: where the stride s divides k, of s
    pixels of a line. Every s-th line is taken from x beforehand, so that pieces are plain slices, and so are
    the sums of the transpose (15.8 against 19.3 ms a training step for s × s pixels as one, k = 4, s = 2).
    """
    k, _, c, out = W.shape
    block = stride if k % stride == 0 else 1
    taps, step = k // block, stride // block
    sizes = [_halved(n, stride) for n in x.shape[:2]]
    # What the last patch lacks is padded half before and half after, as "SAME" has it.
    lacking = [(size - 1) * stride + k - n for size, n in zip(sizes, x.shape[:2], strict=True)]
    x = jnp.pad(x, [*((n // 2, n - n // 2) for n in lacking), (0, 0)])
    h, w = (n // block for n in x.shape[:2])
    lines = [line.squeeze(1) for line in jnp.split(x.reshape(h, block, w, block * c), block, axis=1)]
    rows, columns = (step * (size - 1) + 1 for size in sizes)
    pieces = [
        line[i : i + rows : step, j : j + columns : step]
        for i in range(taps)
        for line in lines
        for j in range(taps)
    ]
    patches = jnp.stack(pieces, axis=2).reshape(*sizes, -1)
    return product(patches, W.reshape(-1, out))


def _halved(n: int, stride: int = 2) -> int:
    """⌈n/s⌉, the size that a convolution of stride s leaves of n."""
    return -(-n // stride)


class Convolution(eqx.Module):
    """y[i, j] = Σₐᵦ x[s·i + a − p, s·j + β − p′] W[a, β] + b for one image x (h, w, in), 0 outside of it;
    y is (⌈h/s⌉, ⌈w/s⌉, out).

    **Arguments:** `in_channels`, `out_channels`; `kernel`: k, the width of W (k, k, in, out); `stride`: s,
    at most k; `key`: for W, normal with variance 1/fan-in (LeCun); b begins at 0. The offsets p, p′ put the
    kernels in the middle ("SAME").

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> layer = lb.Convolution(3, 8, key=jax.random.key(0))
    >>> layer(jnp.zeros((28, 20, 3))).shape
    (14, 10, 8)
    """

    weight: Array
    bias: Array
    stride: int = eqx.field(static=True)

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel: int = 4, stride: int = 2, key: PRNGKeyArray
    ):
        self.weight = _kernel("Convolution", in_channels, out_channels, kernel, stride, key)
        self.bias = jnp.zeros(out_channels)
        self.stride = stride

    def __call__(self, x: Float[Array, "h w c"]) -> Float[Array, "i j o"]:
        return convolve(x, self.weight, self.stride) + self.bias


class TransposedConvolution(eqx.Module):
    """x = Cᵀ y + b: the transpose of the [`Convolution`][] C that takes images x (h, w, out) to y
    (⌈h/s⌉, ⌈w/s⌉, in). It goes back to just the size that C came from, odd ones too.

    **Arguments:** `in_channels`, `out_channels`; `size`: (h, w); `kernel`: k, the width of C's weights
    (k, k, out, in); `stride`: s, at most k, best a divisor of it, for then all pixels are sums of equally
    many terms; `key`: for the weights, normal with variance 1/(in·k²/s²), the number of those terms;
    b begins at 0.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> layer = lb.TransposedConvolution(32, 3, (7, 5), key=jax.random.key(0))
    >>> layer(jnp.zeros((4, 3, 32))).shape
    (7, 5, 3)
    """

    weight: Array
    bias: Array
    size: tuple[int, int] = eqx.field(static=True)
    stride: int = eqx.field(static=True)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: tuple[int, int],
        *,
        kernel: int = 4,
        stride: int = 2,
        key: PRNGKeyArray,
    ):
        W = _kernel("TransposedConvolution", in_channels, out_channels, kernel, stride, key)
        self.weight = stride * W.swapaxes(2, 3)
        self.bias = jnp.zeros(out_channels)
        height, width = size
        self.size = (height, width)
        self.stride = stride

    def __call__(self, y: Float[Array, "i j o"]) -> Float[Array, "h w c"]:
        x = jax.ShapeDtypeStruct((*self.size, self.weight.shape[2]), y.dtype)
        (x,) = jax.linear_transpose(lambda x: convolve(x, self.weight, self.stride), x)(y)
        return x + self.bias


def _kernel(
    name: str, in_channels: int, out_channels: int, kernel: int, stride: int, key: PRNGKeyArray
) -> Array:
    sizes = {"in_channels": in_channels, "out_channels": out_channels, "kernel": kernel, "stride": stride}
    for size, value in sizes.items():
        positive_size(f"{name}.{size}", value)
    if stride > kernel:
        raise ValueError(
            f"{name}.stride: expected at most the kernel's width, {kernel}, found {stride}: it would step "
            "over pixels"
        )
    return variance_scaling(1.0, "fan_in", "truncated_normal")(
        key, (kernel, kernel, in_channels, out_channels)
    )


class ConvEncoder(Network):
    """A flat image → convolutions of stride 2, each with its activation → an MLP on what they leave.

    **Arguments:** `image_shape`: (h, w, c), the image that a row of h·w·c values holds, channels last;
    `out_size`; `channels`: of each convolution, which halves height and width (rounded up); `kernel`: width
    of the convolutions; `width`, `depth`: of the [`MLP`][lowerbound.MLP], depth 0 for a linear map;
    `activation`: as the MLP's (swish costs a tenth more than relu and was 2 nats better on MNIST); `key`.

    **Raises:** `ValueError` for an image_shape that is not three positive whole numbers, or so small that a
    convolution would see one pixel.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> latent = lb.DiagonalGaussian(20)
    >>> encoder = lb.ConvEncoder((28, 28, 1), latent.size, key=jax.random.key(0))
    >>> jax.jit(lambda x: encoder(x))(jnp.zeros(784)).shape
    (40,)
    """

    convolutions: tuple[Convolution, ...]
    dense: MLP
    image_shape: tuple[int, int, int] = eqx.field(static=True)

    def __init__(
        self,
        image_shape: Sequence[int],
        out_size: int,
        *,
        channels: Sequence[int] = (32, 64),
        kernel: int = 4,
        width: int = 256,
        depth: int = 1,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        self.image_shape, sizes = _pyramid("ConvEncoder", image_shape, channels)
        key, *keys = jax.random.split(key, len(sizes))
        self.convolutions = tuple(
            Convolution(a, b, kernel=kernel, key=k)
            for (a, b), k in zip(pairwise([self.image_shape[2], *channels]), keys, strict=True)
        )
        flat = prod(sizes[-1]) * channels[-1]
        self.dense = MLP(flat, out_size, width=width, depth=depth, activation=activation, key=key)

    @property
    def in_size(self) -> int:
        return prod(self.image_shape)

    @property
    def out_size(self) -> int:
        return self.dense.out_size

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        if x.shape != (self.in_size,):
            h, w, c = self.image_shape
            raise ValueError(f"ConvEncoder: expected {h} × {w} × {c} = {h * w * c} values, found {x.shape}")
        activation = activation_named(self.dense.activation)
        y = x.reshape(self.image_shape)
        for convolution in self.convolutions:
            y = activation(convolution(y))
        return self.dense(y.ravel())


class ConvDecoder(Network):
    """[`ConvEncoder`][] backwards: a vector → an MLP → transposed convolutions of stride 2, with an
    activation before each → `blocks` flat images, one after another.

    **Arguments:** `in_size`; `image_shape`: (h, w, c), of the images that rows hold, channels last;
    `blocks`: how many images of h·w·c values condition the family of x: `family.size // family.event_size`,
    as 1 of logits for a Bernoulli; `channels`: of the encoder, in the encoder's order; `kernel`, `width`,
    `depth`, `activation`, `key`: as the encoder's.

    **Raises:** `ValueError` as the encoder does.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> counts = lb.BetaBinomial(64, 16)
    >>> decoder = lb.ConvDecoder(2, (8, 8, 1), counts.size // counts.event_size, key=jax.random.key(0))
    >>> p_x = jax.jit(lambda z: lb.Conditional(decoder, counts)(z))(jnp.zeros(2))
    >>> p_x.event_shape
    (64,)
    """

    dense: MLP
    convolutions: tuple[TransposedConvolution, ...]
    image_shape: tuple[int, int, int] = eqx.field(static=True)
    blocks: int = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        image_shape: Sequence[int],
        blocks: int = 1,
        *,
        channels: Sequence[int] = (32, 64),
        kernel: int = 4,
        width: int = 256,
        depth: int = 1,
        activation: Activation = "swish",
        key: PRNGKeyArray,
    ):
        self.image_shape, sizes = _pyramid("ConvDecoder", image_shape, channels)
        self.blocks = positive_size("ConvDecoder.blocks", blocks)
        key, *keys = jax.random.split(key, len(sizes))
        flat = prod(sizes[-1]) * channels[-1]
        self.dense = MLP(in_size, flat, width=width, depth=depth, activation=activation, key=key)
        upwards = pairwise([*reversed(channels), blocks * self.image_shape[2]])
        self.convolutions = tuple(
            TransposedConvolution(a, b, size, kernel=kernel, key=k)
            for (a, b), size, k in zip(upwards, sizes[-2::-1], keys, strict=True)
        )

    @property
    def in_size(self) -> int:
        return self.dense.in_size

    @property
    def out_size(self) -> int:
        return self.blocks * prod(self.image_shape)

    def __call__(self, z: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        activation = activation_named(self.dense.activation)
        h, w = (_halved(n) for n in self.convolutions[0].size)
        y = self.dense(z).reshape(h, w, -1)
        for convolution in self.convolutions:
            y = convolution(activation(y))
        h, w, c = self.image_shape
        return jnp.moveaxis(y.reshape(h, w, self.blocks, c), 2, 0).ravel()


def _pyramid(
    name: str, image_shape: Sequence[int], channels: Sequence[int]
) -> tuple[tuple[int, int, int], list[tuple[int, int]]]:
    """The image's shape, and its height and width before and after each halving; or a ValueError."""
    try:
        h, w, c = (positive_size(f"{name}.image_shape", n) for n in image_shape)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}.image_shape: expected (height, width, channels), whole numbers of at least 1, "
            f"found {image_shape!r}"
        ) from None
    if not channels:
        raise ValueError(f"{name}.channels: expected those of at least one convolution, found none")
    for n in channels:
        positive_size(f"{name}.channels", n)
    sizes = [(h, w)]
    for level in range(len(channels)):
        if sizes[-1] == (1, 1):
            raise ValueError(
                f"{name}.image_shape: {h} × {w} pixels are one pixel after {level} of the {len(channels)} "
                f"convolutions that channels={tuple(channels)} asks for; give fewer channels, or use an MLP"
            )
        sizes.append((_halved(sizes[-1][0]), _halved(sizes[-1][1])))
    return (h, w, c), sizes
