"""Seconds of training until the test rows of MNIST, binarised at random, have a mean log p(x) of so many
nats: from the first step, with compilation. Not counted is what lies before (reading the data) and between
(this benchmark's own looks at the test rows). The first look is after an epoch here and of pythae, after a
step of another peer.

lowerbound runs `build` and `fit` at their defaults, and at what a search on validation rows found to be the
fastest on MNIST (`TUNED`), for several numbers of epochs, over which the learning rate falls. The peers train
the network of the defaults in batches of 128: with Adam at 1e-3, as their examples do, until their time is
over; PyTorch and NumPyro, which are the fastest of them, also with the optimiser, the schedule and the limit
on gradients of `fit`'s defaults over as many steps as `fit` takes.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from library import Network
from peers import by_numpyro, by_pyro, by_pythae, by_torch
from rounds import installed

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.training.defaults import default_epochs

__all__ = ["quality"]

MARKS = (-90.0, -88.0, -86.76, -84.78, -82.90)
LATENT = 32
TUNED_NETWORK = {"width": 640, "prior": "masked-autoregressive-flow"}
TUNED = {
    "objective": lb.ELBO(gradient="sticking_the_landing"),
    "batch_size": 400,
    "learning_rate": 5e-3,
    "precision": "bfloat16",
}
TUNED_EPOCHS = (14, 50, 250)
PEERS_SECONDS = 150.0  # about four times what ours takes to −88 nats
PEERS_BATCH = 128
LOOK = 15.0  # seconds of training between two looks
ROWS, SAMPLES = 1000, 500  # of a look
SAMPLES_AT_END = 1000  # of all rows, after a run's last step

Look = tuple[float, Any]  # seconds of training so far, and the model


def quality() -> list[dict[str, Any]]:
    folder = Path(os.environ.get("LOWERBOUND_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "mnist.npz").exists():
        print(f"  left out: {folder / 'mnist.npz'} is absent (LOWERBOUND_DATA names its folder)")
        return []
    with np.load(folder / "mnist.npz") as arrays:
        train, test = (arrays[name].reshape(-1, 784) for name in ("x_train", "x_test"))
    test = test[np.random.default_rng(0).permutation(len(test))]
    runs: dict[str, Callable[[], Iterator[Look]]] = {
        "lowerbound, defaults": partial(_library, train, {}, {}),
        **{
            f"lowerbound, tuned, {epochs} epochs": partial(
                _library, train, TUNED_NETWORK, TUNED | {"epochs": epochs}
            )
            for epochs in TUNED_EPOCHS
        },
    }
    epoch = len(train) // PEERS_BATCH
    total_steps = epoch * default_epochs(len(train), PEERS_BATCH)
    peers: dict[str, tuple[Callable[..., Any], int]] = {
        "torch": (by_torch, 1),
        "numpyro": (by_numpyro, 1),
        "pyro": (partial(by_pyro, jit=True), 1),
        "pythae": (partial(by_pythae, number=epoch), epoch),
    }
    for name, (maker, unit) in peers.items():
        if installed(name):
            runs[f"{name}, its example's optimiser"] = partial(_peer, train, maker, unit)
            if name in ("torch", "numpyro"):
                maker = partial(maker, total_steps=total_steps)
                runs[f"{name}, our optimiser"] = partial(_peer, train, maker, unit, total_steps)
    return [_measured(name, run, test) for name, run in runs.items()]


def _measured(name: str, run: Callable[[], Iterator[Look]], test: np.ndarray) -> dict[str, Any]:
    looks = list(run())
    curve = []
    for i, (seconds, model) in enumerate(looks):
        rows, samples = (test, SAMPLES_AT_END) if i == len(looks) - 1 else (test[:ROWS], SAMPLES)
        found = lb.log_evidence(model, rows, method="importance", samples=samples)
        curve.append((seconds, float(found.log_prob.mean()), found.total_error))
    reached = {
        f"{mark:g}": next((seconds for seconds, log_prob, _ in curve if log_prob >= mark), None)
        for mark in MARKS
    }
    print(f"  {name}: {curve[-1]}", flush=True)
    return {"program": name, "curve": curve, "reached": reached, "begun": looks[0][0]}


def _untrained(x: np.ndarray, **network: Any) -> Any:
    return build(x, binarize="dynamic", latent_dim=LATENT, key=0, **network)


def _library(x: np.ndarray, network: dict[str, Any], options: dict[str, Any]) -> Iterator[Look]:
    built = _untrained(x, **network)
    seconds, state = 0.0, None
    limit = 0.0
    while True:
        begin = time.perf_counter()
        until = begin + limit
        result = lb.fit(
            built.model,
            x,
            **options,
            resume=state,
            callbacks=[lambda record, until=until: time.perf_counter() > until],
        )
        seconds += time.perf_counter() - begin
        yield seconds, result.model
        state, limit = result.state, LOOK
        if result.stopped != "callback":
            return


def _peer(
    x: np.ndarray, maker: Callable[..., Any], unit: int = 1, total_steps: float = math.inf
) -> Iterator[Look]:
    """Looks until the steps, which are asked for by multiples of `unit`, are done, or the time is over."""
    model = _untrained(x).model
    mlp = model.posterior.network.network
    network = Network(784, LATENT, mlp.biases[0].size, len(mlp.biases) - 1, True, mlp.activation)
    begin = time.perf_counter()
    steps = maker(x, network, PEERS_BATCH)
    steps(unit)
    seconds = time.perf_counter() - begin
    done = pace = unit
    while True:
        yield seconds, _with_weights(model, *steps.weights())
        if seconds > PEERS_SECONDS or done >= total_steps:
            return
        begin = time.perf_counter()
        while time.perf_counter() - begin < LOOK and done < total_steps:
            before = time.perf_counter()
            number = min(pace, total_steps - done)
            steps(number)
            done += number
            pace = unit * math.ceil(number / unit / (time.perf_counter() - before))
        seconds += time.perf_counter() - begin


def _with_weights(model: lb.VAE, encoder: list[np.ndarray], decoder: list[np.ndarray]) -> lb.VAE:
    """The model with a peer's weights and biases, layer by layer; a peer's encoder sees rows as they are."""
    places = (model.posterior.network.network, model.likelihood.network)
    mlps = [
        eqx.tree_at(
            lambda mlp: (mlp.weights, mlp.biases),
            place,
            tuple(tuple(jax.numpy.asarray(a) for a in arrays[kind::2]) for kind in (0, 1)),
        )
        for place, arrays in zip(places, (encoder, decoder), strict=True)
    ]
    latent, pixels = model.posterior.family, model.likelihood.family
    return replace(
        model, posterior=lb.Conditional(mlps[0], latent), likelihood=lb.Conditional(mlps[1], pixels)
    )
