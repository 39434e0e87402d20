"""How many importance weights a second log p(x) takes, beside the decoder's matrix products alone.

The network of Auto-Encoding Variational Bayes on binary MNIST: 784-500-20-500-784, tanh, K = 5,000 samples a
row. Programs, run in turn:

- products: the two matrix products of the decoder, of 2,048 z at a time, and nothing else, in XLA;
- lowerbound: `log_evidence`, with every number that it gives;
- pythae: `VAE.get_nll` of the same network, where pythae is installed, on fewer rows, at the best of its
  batch sizes of 100 (its default), 1,000 and 5,000.

    python benchmarks/evidence.py [--rounds 5] [--rows 256] [--samples 5000] [--json FILE]

The greatest rate of the rounds on each side is compared: on a noisy machine it is what a program can do. The
peak of memory is that of the whole process before pythae is begun.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import lowerbound as lb

D, HIDDEN, LATENT, BATCH = 784, 500, 20, 2048

Program = Callable[[], int]  # the importance weights that it has made


def binary_rows(n: int) -> np.ndarray:
    """A fifth of the pixels ink. Their values do not change what a weight costs."""
    return (np.random.default_rng(0).random((n, D)) < 0.2).astype(np.uint8)


def products(rows: int, samples: int) -> Program:
    keys = jax.random.split(jax.random.key(0), 3)
    W1 = jax.random.normal(keys[0], (LATENT, HIDDEN)) / LATENT**0.5
    W2 = jax.random.normal(keys[1], (HIDDEN, D)) / HIDDEN**0.5
    z = jax.random.normal(keys[2], (4 * BATCH, LATENT))
    steps = rows * samples // BATCH

    @jax.jit
    def run(W1: jax.Array, W2: jax.Array, z: jax.Array) -> jax.Array:
        def step(i: jax.Array, _: jax.Array) -> jax.Array:
            return (jax.lax.dynamic_slice_in_dim(z, (i * BATCH) % (3 * BATCH), BATCH) @ W1) @ W2

        return jax.lax.fori_loop(0, steps, step, jnp.zeros((BATCH, D)))

    def program() -> int:
        jax.block_until_ready(run(W1, W2, z))
        return steps * BATCH

    return program


def library(rows: int, samples: int) -> Program:
    k1, k2 = jax.random.split(jax.random.key(0))
    latent, pixels = lb.DiagonalGaussian(LATENT), lb.Bernoulli(D)
    network = {"width": HIDDEN, "depth": 1, "activation": "tanh"}
    model = lb.VAE(
        lb.StandardNormal(LATENT),
        lb.Conditional(lb.MLP(D, latent.size, **network, key=k1), latent),
        lb.Conditional(lb.MLP(LATENT, pixels.size, **network, key=k2), pixels),
    )
    x = binary_rows(rows)

    def program() -> int:
        lb.log_evidence(model, x, samples=samples)
        return rows * samples

    return program


def pythae(rows: int, samples: int, batch: int) -> Program:
    import torch
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import nn

    torch.set_num_threads(os.cpu_count() or 1)

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(D, HIDDEN), nn.Tanh())
            self.mean, self.log_variance = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)

        def forward(self, x: torch.Tensor) -> ModelOutput:
            h = self.hidden(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            layers = (nn.Linear(LATENT, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, D), nn.Sigmoid())
            self.network = nn.Sequential(*layers)

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.network(z).reshape(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(), decoder=Decoder()).eval()
    x = torch.from_numpy(binary_rows(rows).astype(np.float32)).reshape(-1, 1, 28, 28)

    def program() -> int:
        with torch.no_grad():
            model.get_nll(x, n_samples=samples, batch_size=batch)
        return rows * samples

    return program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each program, in turn")
    parser.add_argument("--rows", type=int, default=256, help="rows of a round")
    parser.add_argument("--samples", type=int, default=5000, help="samples a row")
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    rows, samples = arguments.rows, arguments.samples
    programs = {"products": products(rows, samples), "lowerbound": library(rows, samples)}
    for program in programs.values():
        program()  # compile
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    try:
        peers = {f"pythae, batch {b}": pythae(max(4, rows // 16), samples, b) for b in (100, 1000, 5000)}
    except ImportError:
        peers = {}
        print("pythae is not installed: pip install torch==2.13.0 pythae==0.1.2 adds its column")
    programs |= peers
    rates: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(arguments.rounds):
        for name, program in programs.items():
            begin = time.perf_counter()
            weights = program()
            rates[name].append(weights / (time.perf_counter() - begin))
    best = {name: max(found) for name, found in rates.items()}
    print(f"importance weights a second, K = {samples}, greatest and median of {arguments.rounds} rounds")
    for name, found in rates.items():
        share = best[name] / best["products"]
        print(f"  {name:20} {best[name]:9,.0f} {np.median(found):9,.0f}   {share:.2f} of the products alone")
    if peers:
        least = best["lowerbound"] / max(best[name] for name in peers)
        print(f"  lowerbound / pythae's best: {least:.1f}")
    print(f"  peak of memory: {memory:.2f} GB")
    if arguments.json:
        machine = {"processor": platform.processor(), "cores": os.cpu_count(), "jax": jax.__version__}
        with open(arguments.json, "w") as file:
            json.dump({"machine": machine, "weights_per_second": rates, "memory_gb": memory}, file, indent=1)


if __name__ == "__main__":
    main()
