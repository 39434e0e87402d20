"""What a training step costs over its own matrix products.

The network of Auto-Encoding Variational Bayes on MNIST: 784-500-20-500-784, tanh, batch 100, Adam, dynamic
binarisation. Three programs, run in turn, an epoch of 600 steps a round:

- products: the ten matrix products of a step's forward and backward pass and nothing else, in XLA;
- by hand: the same model and optimiser written out for a batch, without this library;
- lowerbound: `advance`, the compiled loop that `fit` calls.

    python benchmarks/training_step.py [--rounds 7] [--json FILE]

The least of the rounds on each side is compared: on a noisy machine it is what the program costs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from compiled_steps import compiled_steps, grey_rows

import lowerbound as lb

N, D, HIDDEN, LATENT, BATCH = 60_000, 784, 500, 20, 100
STEPS = N // BATCH


def products(x: np.ndarray):
    """Forward: four products; backward: four for the weights, three for the activations, and as many again
    for none of the rest: the first layer's input needs no gradient."""
    keys = jax.random.split(jax.random.key(0), 4)
    sizes = [(D, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, D)]
    weights = [jax.random.normal(k, s) / 30 for k, s in zip(keys, sizes, strict=True)]
    rows = jnp.asarray(x[:6000], jnp.float32) / 255

    @jax.jit
    def epoch(weights, gradients):
        def step(i, gradients):
            x = jax.lax.dynamic_slice_in_dim(rows, (i * BATCH) % 6000, BATCH)
            W1, W2, W3, W4 = weights
            h1 = x @ W1
            q = h1 @ W2
            h2 = q[:, :LATENT] @ W3
            y = h2 @ W4
            g4, d2 = h2.T @ y, y @ W4.T
            g3, dz = q[:, :LATENT].T @ d2, d2 @ W3.T
            dq = jnp.concatenate([dz, dz], axis=1)
            g2, d1 = h1.T @ dq, dq @ W2.T
            return [x.T @ d1, g2, g3, g4]

        return jax.lax.fori_loop(0, STEPS, step, gradients)

    zeros = [jnp.zeros(s) for s in sizes]
    return lambda: jax.block_until_ready(epoch(weights, zeros))


def by_hand(x: np.ndarray):
    """The model, its bound and Adam, written for a batch."""
    keys = jax.random.split(jax.random.key(0), 4)
    sizes = [(D, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, D)]
    parameters = [
        (jax.random.normal(k, s) / s[0] ** 0.5, jnp.zeros(s[1])) for k, s in zip(keys, sizes, strict=True)
    ]
    optimizer = optax.adam(1e-3)
    rows = jnp.asarray(x)

    def loss(parameters, x, noise):
        (W1, b1), (W2, b2), (W3, b3), (W4, b4) = parameters
        mean, log_variance = jnp.split(jnp.tanh(x @ W1 + b1) @ W2 + b2, 2, axis=1)
        z = mean + jnp.exp(0.5 * log_variance) * noise
        logits = jnp.tanh(z @ W3 + b3) @ W4 + b4
        log_likelihood = (x * logits - jax.nn.softplus(logits)).sum(1)
        kl = 0.5 * (mean**2 + jnp.exp(log_variance) - log_variance - 1).sum(1)
        return (kl - log_likelihood).mean()

    @jax.jit
    def epoch(parameters, state, key):
        order = jax.random.permutation(key, N)

        def step(i, carry):
            parameters, state, total = carry
            key_bits, key_noise = jax.random.split(jax.random.fold_in(key, i))
            pixels = rows[jax.lax.dynamic_slice_in_dim(order, i * BATCH, BATCH)]
            words = jax.random.bits(key_bits, (BATCH, D // 2), jnp.uint32)
            bits = jnp.concatenate([words & 0xFFFF, words >> 16], axis=1).astype(jnp.uint16)
            on = (bits < pixels.astype(jnp.uint16) * jnp.uint16(257)) | (pixels == 255)
            batch = on.astype(jnp.float32)
            noise = jax.random.normal(key_noise, (BATCH, LATENT))
            value, gradient = jax.value_and_grad(loss)(parameters, batch, noise)
            update, state = optimizer.update(gradient, state)
            return optax.apply_updates(parameters, update), state, total + value

        return jax.lax.fori_loop(0, STEPS, step, (parameters, state, 0.0))

    state = optimizer.init(parameters)
    return lambda: jax.block_until_ready(epoch(parameters, state, jax.random.key(1)))


def library(x: np.ndarray):
    k1, k2 = jax.random.split(jax.random.key(0))
    latent, pixels = lb.DiagonalGaussian(LATENT), lb.Bernoulli(D)
    network = {"width": HIDDEN, "depth": 1, "activation": "tanh"}
    model = lb.VAE(
        lb.StandardNormal(LATENT),
        lb.Conditional(lb.MLP(D, latent.size, **network, key=k1), latent),
        lb.Conditional(lb.MLP(LATENT, pixels.size, **network, key=k2), pixels),
    )
    steps = compiled_steps(model, x, BATCH)
    return lambda: steps(STEPS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each program, in turn")
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    x = grey_rows(N, D)
    programs = {"products": products(x), "by hand": by_hand(x), "lowerbound": library(x)}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        program()  # compile
    for _ in range(arguments.rounds):
        for name, program in programs.items():
            begin = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - begin)
    least = {name: min(times) for name, times in seconds.items()}
    print(f"an epoch of {STEPS} steps, seconds, least and median of {arguments.rounds} rounds")
    for name, times in seconds.items():
        ratio = least[name] / least["products"]
        print(f"  {name:12} {least[name]:.3f}  {np.median(times):.3f}   {ratio:.2f} times the products")
    print(f"  lowerbound / by hand: {least['lowerbound'] / least['by hand']:.3f}")
    if arguments.json:
        machine = {"processor": platform.processor(), "cores": os.cpu_count(), "jax": jax.__version__}
        with open(arguments.json, "w") as file:
            json.dump({"machine": machine, "seconds": seconds}, file, indent=1)


if __name__ == "__main__":
    main()
