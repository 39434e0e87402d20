"""What an importance weight of log p(x) costs, beside the decoder's matrix products alone.

The network of Auto-Encoding Variational Bayes on binary MNIST: 784-500-20-500-784, tanh, K = 5,000 samples a
row. pythae's `VAE.get_nll` has the same network, at the best of its batch sizes of 100 (its default), 1,000
and 5,000, on fewer rows.
"""

from __future__ import annotations

import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from library import AEVB, model_of
from rounds import Program, Timed, timed

import lowerbound as lb

__all__ = ["evidence"]

D, HIDDEN, LATENT, K = AEVB.columns, AEVB.width, AEVB.latent, 5000
TOGETHER = 2048  # decoded rows of a product: the number that the products themselves like best


def evidence(rounds: int, rows: int = 128) -> Timed:
    """The products decode all weights of `rows` rows, 2,048 at a time."""
    makers = {
        "products": products,
        "lowerbound": by_library,
        **{f"pythae, batch {batch:,}": partial(by_pythae, batch) for batch in (100, 1000, 5000)},
    }
    few = max(4, rows // 16)
    weights = {name: K * (few if name.startswith("pythae") else rows) for name in makers}
    return timed(makers, "weight", weights, rounds)


def binary_rows(n: int) -> np.ndarray:
    """A fifth of the pixels ink. Their values do not change what a weight costs."""
    return (np.random.default_rng(0).random((n, D)) < 0.2).astype(np.uint8)


def products() -> Program:
    keys = jax.random.split(jax.random.key(0), 3)
    W1 = jax.random.normal(keys[0], (LATENT, HIDDEN)) / LATENT**0.5
    W2 = jax.random.normal(keys[1], (HIDDEN, D)) / HIDDEN**0.5
    z = jax.random.normal(keys[2], (4 * TOGETHER, LATENT))

    @jax.jit
    def run(number: jax.Array) -> jax.Array:
        def step(i: jax.Array, _: jax.Array) -> jax.Array:
            block = jax.lax.dynamic_slice_in_dim(z, (i * TOGETHER) % (3 * TOGETHER), TOGETHER)
            return (block @ W1) @ W2

        return jax.lax.fori_loop(0, number, step, jnp.zeros((TOGETHER, D)))

    return lambda weights: jax.block_until_ready(run(jnp.asarray(weights // TOGETHER)))


def by_library() -> Program:
    model = model_of(AEVB)
    return lambda weights: lb.log_evidence(model, binary_rows(weights // K), method="importance", samples=K)


def by_pythae(batch: int) -> Program:
    from peers import pythae_model, torch_here

    torch, device = torch_here()
    os.environ["TQDM_DISABLE"] = "1"
    model = pythae_model(AEVB).eval()

    def program(weights: int) -> None:
        x = torch.from_numpy(binary_rows(weights // K).astype(np.float32)).to(device)
        with torch.no_grad():
            model.get_nll(x, n_samples=K, batch_size=batch)

    return program
