"""What a training step costs here and in other libraries, measured in turn in one run.

- AEVB: 784-500-20-500-784, tanh, Bernoulli, grey rows binarised anew at each step; batch 20, 100 and 1,000.
- table: 50 columns, 64-64, 10 latents, Gaussian with a scale from the network, batch 256.
- IWAE-50: the AEVB network, batch 100, 50 samples.

    python benchmarks/steps.py [--rounds 5] [--json FILE] [WORKLOAD ...]

Peers that are not installed are left out, and named. `peers.py` says how each is used.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.util import find_spec

import jax
import numpy as np
from compiled_steps import compiled_steps, grey_rows
from peers import Network, by_numpyro, by_pyro, by_pythae, by_torch
from rounds import Program, in_turn, machine, ratio

import lowerbound as lb

AEVB = Network(columns=784, latent=20, width=500, depth=1, bits=True)
TABLE = Network(columns=50, latent=10, width=64, depth=2, bits=False)


def library(x: np.ndarray, network: Network, batch: int, objective: lb.Objective | None = None) -> Program:
    k1, k2 = jax.random.split(jax.random.key(0))
    latent = lb.DiagonalGaussian(network.latent)
    event = (lb.Bernoulli if network.bits else lb.DiagonalGaussian)(network.columns)
    layers = {"width": network.width, "depth": network.depth, "activation": "tanh"}
    model = lb.VAE(
        lb.StandardNormal(network.latent),
        lb.Conditional(lb.MLP(network.columns, latent.size, **layers, key=k1), latent),
        lb.Conditional(lb.MLP(network.latent, event.size, **layers, key=k2), event),
    )
    transform = lb.DynamicBinarization() if network.bits else lb.Identity()
    return compiled_steps(model, x, batch, objective or lb.ELBO(), transform)


def rows_of(network: Network, n: int) -> np.ndarray:
    if network.bits:
        return grey_rows(n, network.columns)
    return np.random.default_rng(0).normal(size=(n, network.columns)).astype(np.float32)


def aevb(batch: int, steps: int) -> tuple[dict[str, Callable[[], Program]], int]:
    x = rows_of(AEVB, 60_000)
    return {
        "lowerbound": lambda: library(x, AEVB, batch),
        "numpyro": lambda: by_numpyro(x, AEVB, batch),
        "torch": lambda: by_torch(x, AEVB, batch),
        "pyro": lambda: by_pyro(x, AEVB, batch, jit=False),
        "pyro, jit": lambda: by_pyro(x, AEVB, batch, jit=True),
        "pythae": lambda: by_pythae(x, AEVB, batch, steps),
    }, steps


def table() -> tuple[dict[str, Callable[[], Program]], int]:
    x = rows_of(TABLE, 100_000)
    return {
        "lowerbound": lambda: library(x, TABLE, 256),
        "numpyro": lambda: by_numpyro(x, TABLE, 256),
        "torch": lambda: by_torch(x, TABLE, 256),
        "pyro": lambda: by_pyro(x, TABLE, 256, jit=False),
        "pyro, jit": lambda: by_pyro(x, TABLE, 256, jit=True),
    }, 400


def iwae() -> tuple[dict[str, Callable[[], Program]], int]:
    x = rows_of(AEVB, 10_000)
    return {
        "lowerbound": lambda: library(x, AEVB, 100, lb.IWAE(samples=50)),
        "torch": lambda: by_torch(x, AEVB, 100, samples=50),
    }, 8


WORKLOADS: dict[str, Callable[[], tuple[dict[str, Callable[[], Program]], int]]] = {
    "AEVB, batch 20": lambda: aevb(20, 500),
    "AEVB, batch 100": lambda: aevb(100, 200),
    "AEVB, batch 1,000": lambda: aevb(1000, 30),
    "table, batch 256": table,
    "IWAE-50, batch 100": iwae,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; by default all")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each program, in turn")
    parser.add_argument("--json", help="write the figures to this file")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.workloads or WORKLOADS:
        makers, steps = WORKLOADS[name]()
        modules = {peer: peer.split(",")[0] for peer in makers}
        absent = [peer for peer, module in modules.items() if find_spec(module) is None]
        programs = {peer: make() for peer, make in makers.items() if peer not in absent}
        seconds = in_turn(programs, dict.fromkeys(programs, steps), arguments.rounds)
        print(f"{name}: milliseconds a step, least of {arguments.rounds} rounds of {steps} steps")
        for peer, times in seconds.items():
            r = ratio(seconds, peer, "lowerbound")
            spread = f"median {r['median']:.2f}, quartiles {r['low']:.2f} to {r['high']:.2f}"
            print(f"  {peer:12} {1e3 * min(times):8.3f}   {r['least']:5.2f} times lowerbound ({spread})")
        if absent:
            print(f"  not installed: {', '.join(absent)}")
        found[name] = {"steps": steps, "seconds_a_step": seconds}
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"machine": machine(), "workloads": found}, file, indent=1)


if __name__ == "__main__":
    main()
