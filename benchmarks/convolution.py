"""What a training step of a convolutional VAE costs, beside plain PyTorch.

Two convolutions of stride 2 with 32 and 64 channels, a dense layer to 2·20, its mirror image back, ReLU,
Bernoulli, batch 100, Adam, dynamic binarisation. PyTorch is eager, with oneDNN and a fused Adam, written by
hand for a batch, in its own layout (NCHW) and in channels_last.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
from library import compiled_steps, grey_rows
from peers import torch_here, wait
from rounds import Program, Timed, timed

import lowerbound as lb
from lowerbound.networks.convolution import ConvDecoder, ConvEncoder

__all__ = ["convolution"]

N, LATENT, BATCH, KERNEL = 10_000, 20, 100, 4
CHANNELS = (32, 64)

Shape = tuple[int, int, int]


def convolution(shape: Shape, steps: int, rounds: int) -> Timed:
    """Images of (height, width, channels)."""
    x = grey_rows(N, int(np.prod(shape)))
    makers = {
        "lowerbound": partial(by_library, x, shape),
        "lowerbound bfloat16": partial(by_library, x, shape, "bfloat16"),
        "torch": partial(by_torch, x, shape, "contiguous_format"),
        "torch, channels last": partial(by_torch, x, shape, "channels_last"),
        "torch bfloat16": partial(by_torch, x, shape, "contiguous_format", autocast=True),
        "torch bfloat16, channels last": partial(by_torch, x, shape, "channels_last", autocast=True),
    }
    return timed(makers, "step", steps, rounds)


def by_library(x: np.ndarray, shape: Shape, precision: str | None = None) -> Program:
    k1, k2 = jax.random.split(jax.random.key(0))
    latent, pixels = lb.DiagonalGaussian(LATENT), lb.Bernoulli(x.shape[1])
    network = {"channels": CHANNELS, "kernel": KERNEL, "depth": 0, "activation": "relu"}
    model = lb.VAE(
        lb.StandardNormal(LATENT),
        lb.Conditional(ConvEncoder(shape, latent.size, **network, key=k1), latent),
        lb.Conditional(ConvDecoder(LATENT, shape, **network, key=k2), pixels),
        transform=lb.DynamicBinarization(),
    )
    return compiled_steps(model, x, BATCH, lb.ELBO(), precision)


def by_torch(x: np.ndarray, shape: Shape, layout_name: str, autocast: bool = False) -> Program:
    torch, device = torch_here()
    nn = torch.nn
    layout = getattr(torch, layout_name)
    (h, w, c), (narrow, wide) = shape, CHANNELS
    inner = (wide, h // 4, w // 4)
    flat = int(np.prod(inner))
    encoder = nn.Sequential(
        nn.Conv2d(c, narrow, KERNEL, 2, 1),
        nn.ReLU(),
        nn.Conv2d(narrow, wide, KERNEL, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(flat, 2 * LATENT),
    )
    dense = nn.Linear(LATENT, flat)
    decoder = nn.Sequential(
        nn.ReLU(),
        nn.ConvTranspose2d(wide, narrow, KERNEL, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(narrow, c, KERNEL, 2, 1),
    )
    model = nn.ModuleList([encoder, dense, decoder]).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    rows = torch.from_numpy(x).to(device)
    order, place = torch.randperm(N), 0

    def loss_of(pixels: Any) -> Any:
        mean, log_variance = encoder(pixels).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn(BATCH, LATENT)
        logits = decoder(dense(z).view(-1, *inner).contiguous(memory_format=layout))
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum()
        distortion = nn.functional.binary_cross_entropy_with_logits(logits, pixels, reduction="sum")
        return (distortion + kl) / BATCH

    def steps(number: int) -> None:
        nonlocal order, place
        for _ in range(number):
            if place == N:
                order, place = torch.randperm(N), 0
            grey = rows[order[place : place + BATCH]].view(-1, c, h, w).float() / 255
            place += BATCH
            with torch.autocast(device, torch.bfloat16, enabled=autocast):
                loss = loss_of(torch.bernoulli(grey).contiguous(memory_format=layout))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        wait(device)

    return steps
