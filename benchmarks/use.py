"""Rows a second of a trained model in use: encoding, and generation."""

from __future__ import annotations

from functools import partial

import numpy as np
from library import AEVB, model_of, rows_of
from peers import networks, torch_here
from rounds import Program, Timed, timed

import lowerbound as lb

__all__ = ["encoding", "generation"]


def encoding(rounds: int) -> Timed:
    """Posterior means of binary rows, from NumPy to NumPy, the AEVB network; PyTorch: eager, under
    `inference_mode`, 1,000 rows at a time."""
    x = (rows_of(AEVB, 60_000) > 127).astype(np.float32)
    makers = {"lowerbound": partial(_encode, x), "torch": partial(_encode_torch, x)}
    return timed(makers, "row", len(x), rounds)


def generation(rounds: int) -> Timed:
    """Observations x ~ p(x∣z), z ~ p(z), as NumPy arrays."""
    return timed({"lowerbound": _generate, "torch": _generate_torch}, "row", 20_000, rounds)


def _encode(x: np.ndarray) -> Program:
    model = model_of(AEVB)
    return lambda number: lb.encode(model, x[:number])


def _generate() -> Program:
    model = model_of(AEVB)
    return lambda number: lb.sample(model, number, key=0)


def _encode_torch(x: np.ndarray) -> Program:
    torch, device = torch_here()
    encoder, _ = networks(AEVB)

    def program(number: int) -> np.ndarray:
        with torch.inference_mode():
            blocks = torch.from_numpy(x[:number]).split(1000)
            means = [encoder(block.to(device))[:, : AEVB.latent] for block in blocks]
            return torch.cat(means).cpu().numpy()

    return program


def _generate_torch() -> Program:
    torch, _ = torch_here()
    _, decoder = networks(AEVB)

    def program(number: int) -> np.ndarray:
        with torch.inference_mode():
            blocks = torch.randn(number, AEVB.latent).split(1000)
            return torch.cat([torch.bernoulli(decoder(z).sigmoid()) for z in blocks]).cpu().numpy()

    return program
