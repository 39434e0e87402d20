"""A step of the AEVB network written for a batch in JAX, without this library; and its products alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from library import AEVB
from rounds import Program

__all__ = ["by_hand", "products"]

D, HIDDEN, LATENT = AEVB.columns, AEVB.width, AEVB.latent
SIZES = [(D, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, D)]


def products(x: np.ndarray, batch: int) -> Program:
    """Forward: four products; backward: four for the weights, three for the activations (the first layer's
    input needs no gradient). Nothing else."""
    keys = jax.random.split(jax.random.key(0), 4)
    weights = [jax.random.normal(k, s) / 30 for k, s in zip(keys, SIZES, strict=True)]
    n = 6000
    rows = jnp.asarray(x[:n], jnp.float32) / 255

    @jax.jit
    def run(weights, gradients, number):
        def step(i, gradients):
            x = jax.lax.dynamic_slice_in_dim(rows, (i * batch) % n, batch)
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

        return jax.lax.fori_loop(0, number, step, gradients)

    zeros = [jnp.zeros(s) for s in SIZES]
    return lambda number: jax.block_until_ready(run(weights, zeros, jnp.asarray(number)))


def by_hand(x: np.ndarray, batch: int) -> Program:
    """The model, its bound and Adam, written for a batch."""
    keys = jax.random.split(jax.random.key(0), 4)
    parameters = [
        (jax.random.normal(k, s) / s[0] ** 0.5, jnp.zeros(s[1])) for k, s in zip(keys, SIZES, strict=True)
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
    def run(parameters, state, key, number):
        order = jax.random.permutation(key, len(rows))

        def step(i, carry):
            parameters, state, total = carry
            key_bits, key_noise = jax.random.split(jax.random.fold_in(key, i))
            pixels = rows[jax.lax.dynamic_slice_in_dim(order, (i * batch) % len(rows), batch)]
            words = jax.random.bits(key_bits, (batch, D // 2), jnp.uint32)
            bits = jnp.concatenate([words & 0xFFFF, words >> 16], axis=1).astype(jnp.uint16)
            on = (bits < pixels.astype(jnp.uint16) * jnp.uint16(257)) | (pixels == 255)
            noise = jax.random.normal(key_noise, (batch, LATENT))
            value, gradient = jax.value_and_grad(loss)(parameters, on.astype(jnp.float32), noise)
            update, state = optimizer.update(gradient, state)
            return optax.apply_updates(parameters, update), state, total + value

        return jax.lax.fori_loop(0, number, step, (parameters, state, 0.0))

    carry = parameters, optimizer.init(parameters)

    def steps(number: int) -> None:
        nonlocal carry
        *carry, _ = jax.block_until_ready(run(*carry, jax.random.key(1), jnp.asarray(number)))

    return steps
