"""What the devices of a step send each other, by the program that XLA makes of it: argument DEVICES."""

import json
import os
import re
import sys

if __name__ == "__main__":  # before JAX is imported
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={sys.argv[1]}"

import jax
import jax.numpy as jnp
import numpy as np

import lowerbound as lb
from lowerbound.data.rows import Rows
from lowerbound.training.devices import block_of, mesh_of, replicated
from lowerbound.training.feed import WholeFeed
from lowerbound.training.run import Run
from lowerbound.training.state import State
from lowerbound.training.step import advance

_BYTES = {"f32": 4, "s32": 4, "u32": 4, "pred": 1, "bf16": 2, "u8": 1, "s8": 1}


def sent(program: str) -> dict[str, int]:
    """The bytes of the results of each kind of collective."""
    found: dict[str, int] = {}
    kinds = "all-reduce|all-gather|reduce-scatter|collective-permute|all-to-all"
    for shapes, kind in re.findall(rf"= (\S+|\([^)]*\)) ({kinds})(?:-start)?\(", program):
        size = sum(
            _BYTES[dtype] * int(np.prod([int(n) for n in axes.split(",") if n], initial=1))
            for dtype, axes in re.findall(r"(\w+)\[([\d,]*)\]", shapes)
        )
        found[kind] = found.get(kind, 0) + size
    return found


def main(devices: int) -> None:
    k1, k2 = jax.random.split(jax.random.key(0))
    latent, pixels = lb.DiagonalGaussian(8), lb.Bernoulli(64)
    model = lb.VAE(
        lb.StandardNormal(8),
        lb.Conditional(lb.MLP(64, latent.size, width=128, key=k1), latent),
        lb.Conditional(lb.MLP(8, pixels.size, width=128, key=k2), pixels),
    )
    x = np.zeros((1024, 64), np.uint8)
    mesh = mesh_of(devices, 256)
    feed = replicated(mesh, WholeFeed(block_of(Rows(x), np.arange(len(x))), 256, mesh))
    found = {}
    for name, objective in (("ELBO", lb.ELBO(samples=2)), ("IWAE", lb.IWAE(5))):
        run = Run.of(model, population=len(x), total_steps=10, objective=objective)
        state = State.initial(run, lb.trainable(model), feed.shapes, jax.random.key(0))
        run, state = replicated(mesh, (run, state))
        program = advance.lower((run, feed, jnp.asarray(3)), state).compile().compiled.as_text()
        found[name] = sent(program)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(lb.trainable(model)))
    print(json.dumps({"parameters": 4 * parameters, **found}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
