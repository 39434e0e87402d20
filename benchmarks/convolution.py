"""What a training step of a convolutional VAE costs, beside plain PyTorch.

Two convolutions of stride 2 with 32 and 64 channels, a dense layer to 2·20, its mirror image back, ReLU,
Bernoulli, batch 100, Adam, dynamic binarisation; on 28 × 28 × 1 pixels and on 32 × 32 × 3. Run in turn, a
number of steps a round:

- lowerbound: `advance`, the compiled loop that `fit` calls;
- PyTorch: the same architecture with as many parameters, eager with oneDNN and fused Adam, written by hand
  for a batch, in its own layout (NCHW) and in channels_last; its best counts. `--compile` adds
  torch.compile of the latter.

    python benchmarks/convolution.py [--rounds 7] [--kernel 4] [--depth 0] [--compile] [--json FILE]

The least of the rounds on each side is compared: on a noisy machine it is what the program costs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable

import jax
import numpy as np
from compiled_steps import compiled_steps, grey_rows

import lowerbound as lb
from lowerbound.convolution import ConvDecoder, ConvEncoder

try:
    import torch
    from torch import nn
except ImportError:
    raise SystemExit("this benchmark needs PyTorch beside lowerbound: pip install torch==2.13.0") from None

N, LATENT, BATCH, WIDTH = 10_000, 20, 100, 256
CHANNELS = (32, 64)
SHAPES = [(28, 28, 1), (32, 32, 3)]

Program = Callable[[int], None]  # so many steps


def library(x: np.ndarray, shape: tuple[int, int, int], kernel: int, depth: int) -> tuple[Program, int]:
    k1, k2 = jax.random.split(jax.random.key(0))
    latent, pixels = lb.DiagonalGaussian(LATENT), lb.Bernoulli(x.shape[1])
    network = {"channels": CHANNELS, "kernel": kernel, "width": WIDTH, "depth": depth, "activation": "relu"}
    model = lb.VAE(
        lb.StandardNormal(LATENT),
        lb.Conditional(ConvEncoder(shape, latent.size, **network, key=k1), latent),
        lb.Conditional(ConvDecoder(LATENT, shape, **network, key=k2), pixels),
    )
    parameters = sum(leaf.size for leaf in jax.tree.leaves(lb.trainable(model)))
    return compiled_steps(model, x, BATCH), parameters


class TorchVAE(nn.Module):
    """The same model, written for a batch; called with pixels and noise, it puts out minus the bound."""

    def __init__(self, shape: tuple[int, int, int], kernel: int, depth: int):
        super().__init__()
        h, w, c = shape
        narrow, wide = CHANNELS
        self.inner = (wide, h // 4, w // 4)
        flat = int(np.prod(self.inner))
        # Padding of 1 and an even image: the transpose of kernel 3 has a row and a column to add.
        up = {"kernel_size": kernel, "stride": 2, "padding": 1, "output_padding": kernel % 2}

        def dense(size: int, out: int) -> nn.Module:
            if depth == 0:
                return nn.Linear(size, out)
            hidden = [m for _ in range(depth - 1) for m in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
            return nn.Sequential(nn.Linear(size, WIDTH), nn.ReLU(), *hidden, nn.Linear(WIDTH, out))

        self.encoder = nn.Sequential(
            nn.Conv2d(c, narrow, kernel, 2, 1),
            nn.ReLU(),
            nn.Conv2d(narrow, wide, kernel, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            dense(flat, 2 * LATENT),
        )
        self.dense = dense(LATENT, flat)
        self.decoder = nn.Sequential(
            nn.ReLU(),
            nn.ConvTranspose2d(wide, narrow, **up),
            nn.ReLU(),
            nn.ConvTranspose2d(narrow, c, **up),
        )

    def forward(self, x: torch.Tensor, noise: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * noise
        y = self.dense(z).view(-1, *self.inner).contiguous(memory_format=layout)
        logits = self.decoder(y)
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum()
        return (nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / len(x)


def by_torch(
    x: np.ndarray,
    shape: tuple[int, int, int],
    kernel: int,
    depth: int,
    layout: torch.memory_format,
    compiled: bool = False,
) -> tuple[Program, int]:
    torch.manual_seed(0)
    h, w, c = shape
    model = TorchVAE(shape, kernel, depth).to(memory_format=layout)
    loss_of = torch.compile(model) if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    rows = torch.from_numpy(x)
    order, place = torch.randperm(N), 0

    def steps(number: int) -> None:
        nonlocal order, place
        for _ in range(number):
            if place == N:
                order, place = torch.randperm(N), 0
            grey = rows[order[place : place + BATCH]].view(-1, c, h, w).float() / 255
            place += BATCH
            pixels = torch.bernoulli(grey).contiguous(memory_format=layout)
            loss = loss_of(pixels, torch.randn(BATCH, LATENT), layout)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return steps, sum(parameter.numel() for parameter in model.parameters())


def compare(shape: tuple[int, int, int], arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds a step of each program, round by round."""
    x, size = grey_rows(N, int(np.prod(shape))), (shape, arguments.kernel, arguments.depth)
    programs = {
        "lowerbound": library(x, *size),
        "PyTorch": by_torch(x, *size, torch.contiguous_format),
        "PyTorch, channels_last": by_torch(x, *size, torch.channels_last),
    }
    if arguments.compile:
        programs["PyTorch, compiled"] = by_torch(x, *size, torch.channels_last, compiled=True)
    counts = {name: count for name, (_, count) in programs.items()}
    assert len(set(counts.values())) == 1, f"not the same architecture: {counts}"
    for steps, _ in programs.values():
        steps(3)  # compile, and choose algorithms
    milliseconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(arguments.rounds):
        for name, (steps, _) in programs.items():
            begin = time.perf_counter()
            steps(arguments.steps)
            milliseconds[name].append((time.perf_counter() - begin) / arguments.steps * 1e3)
    least = {name: min(times) for name, times in milliseconds.items()}
    best = min(value for name, value in least.items() if name != "lowerbound")
    print(f"{' × '.join(map(str, shape))}, {counts['lowerbound']:,} parameters: milliseconds a step")
    for name, times in milliseconds.items():
        print(f"  {name:22} {least[name]:6.2f}  {np.median(times):6.2f}")
    print(f"  lowerbound / the best PyTorch: {least['lowerbound'] / best:.2f}")
    return milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each program, in turn")
    parser.add_argument("--steps", type=int, default=50, help="steps a round")
    parser.add_argument("--kernel", type=int, choices=(3, 4), default=4, help="width of the convolutions")
    parser.add_argument("--depth", type=int, default=0, help=f"dense hidden layers of {WIDTH} on each side")
    parser.add_argument("--compile", action="store_true", help="try torch.compile, too")
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(cores)
    print(
        f"batch {BATCH}, kernel {arguments.kernel}, {arguments.depth} dense hidden layers; {cores} cores, "
        f"as many threads in XLA's pool; PyTorch {torch.get_num_threads()} threads, oneDNN "
        f"{'on' if torch.backends.mkldnn.is_available() else 'OFF'}; jax {jax.__version__} on "
        f"{jax.default_backend()}, torch {torch.__version__}\n"
        f"least and median of {arguments.rounds} rounds of {arguments.steps} steps"
    )
    results = {"x".join(map(str, shape)): compare(shape, arguments) for shape in SHAPES}
    if arguments.json:
        machine = {
            "processor": platform.processor(),
            "cores": cores,
            "torch_threads": torch.get_num_threads(),
            "jax": jax.__version__,
            "torch": torch.__version__,
        }
        with open(arguments.json, "w") as file:
            json.dump({"machine": machine, "milliseconds": results}, file, indent=1)


if __name__ == "__main__":
    main()
