"""Tokens a second of autoregressive decoders, in training and in sampling, beside PyTorch's GRU.

    python benchmarks/sequences.py [--rounds 5] [--length 24] [--vocabulary 30] [--width 256]

A VAE of sequences: one-hot tokens through an MLP to 2·32 numbers, a decoder that is given z at each place.
All sequences fill all places: no program gains by padding. PyTorch has `torch.nn.GRU` over embeddings
and z, teacher-forced, with a fused Adam; it samples a place at a time.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import jax
import numpy as np
from library import compiled_steps
from peers import torch_here, wait
from rounds import Program, timed

import lowerbound as lb

LATENT, BATCH, ROWS, HIDDEN = 32, 250, 20_000, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--length", type=int, default=24)
    parser.add_argument("--vocabulary", type=int, default=30)
    parser.add_argument("--width", type=int, default=256)
    said = parser.parse_args()
    shape = said.length, said.vocabulary, said.width
    x = np.random.default_rng(0).integers(1, said.vocabulary, (ROWS, said.length)).astype(np.uint8)
    training = {
        "lowerbound": partial(trained, x, shape, lb.GRU),
        "lowerbound, window of 6": partial(trained, x, shape, lb.CausalWindow),
        "torch": partial(trained_by_torch, x, shape),
    }
    sampling = {
        "lowerbound": partial(sampled, shape, lb.GRU),
        "lowerbound, window of 6": partial(sampled, shape, lb.CausalWindow),
        "torch": partial(sampled_by_torch, shape),
    }
    tokens = BATCH * said.length
    for name, makers, number in (("training", training, 10), ("sampling", sampling, 8)):
        found = timed(makers, "batch", number, said.rounds)
        print(f"{name}, {BATCH} sequences of {said.length} tokens a batch")
        print(*found.lines("lowerbound"), sep="\n")
        rates = {program: tokens / min(seconds) for program, seconds in found.seconds.items()}
        print(*(f"  {program}: {rate:,.0f} tokens/s" for program, rate in rates.items()), sep="\n")


def model_of(shape: tuple[int, int, int], kind: Any) -> lb.VAE:
    length, vocabulary, width = shape
    k1, k2 = jax.random.split(jax.random.key(0))
    latent = lb.DiagonalGaussian(LATENT)
    encoder = lb.OneHot(vocabulary, lb.MLP(length * vocabulary, latent.size, width=HIDDEN, depth=1, key=k1))
    family = lb.Autoregressive(kind(vocabulary, LATENT, width=width, key=k2), length)
    return lb.VAE(lb.StandardNormal(LATENT), lb.Conditional(encoder, latent), lb.Conditional(same, family))


def same(z: jax.Array) -> jax.Array:
    return z


def trained(x: np.ndarray, shape: tuple[int, int, int], kind: Any) -> Program:
    return compiled_steps(model_of(shape, kind), x, BATCH, lb.ELBO())


def sampled(shape: tuple[int, int, int], kind: Any) -> Program:
    model = model_of(shape, kind)
    return lambda number: lb.sample(model, number * BATCH, key=0)


def by_torch(shape: tuple[int, int, int]) -> tuple[Any, str, Any]:
    torch, device = torch_here()
    length, vocabulary, width = shape
    nn = torch.nn

    class Sequences(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers = nn.Linear(length * vocabulary, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 2 * LATENT)
            self.encoder = nn.Sequential(*layers)
            self.embedding = nn.Embedding(vocabulary, width)
            self.first = nn.Linear(LATENT, width)
            self.gru = nn.GRU(width + LATENT, width, batch_first=True)
            self.out = nn.Linear(width, vocabulary)

        def loss(self, y: Any) -> Any:
            n = len(y)
            code = nn.functional.one_hot(y, vocabulary).float().view(n, -1)
            mean, log_variance = self.encoder(code).chunk(2, 1)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            before = torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], 1)
            given = z[:, None].expand(-1, length, -1)
            states, _ = self.gru(torch.cat([self.embedding(before), given], 2), self.first(z).tanh()[None])
            logits = self.out(states)
            distortion = nn.functional.cross_entropy(
                logits.reshape(-1, vocabulary), y.reshape(-1), reduction="sum"
            )
            kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum()
            return (distortion + kl) / n

        def sample(self, n: int) -> Any:
            z, place = torch.randn(n, LATENT), torch.zeros(n, dtype=torch.long)
            state, drawn = self.first(z).tanh()[None], []
            for _ in range(length):
                _, state = self.gru(torch.cat([self.embedding(place), z], 1)[:, None], state)
                place = torch.distributions.Categorical(logits=self.out(state[0])).sample()
                drawn.append(place)
            return torch.stack(drawn, 1)

    return torch, device, Sequences()


def trained_by_torch(x: np.ndarray, shape: tuple[int, int, int]) -> Program:
    torch, device, model = by_torch(shape)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    rows = torch.from_numpy(x.astype(np.int64)).to(device)

    def steps(number: int) -> None:
        for _ in range(number):
            loss = model.loss(rows[torch.randperm(ROWS)[:BATCH]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        wait(device)

    return steps


def sampled_by_torch(shape: tuple[int, int, int]) -> Program:
    torch, _, model = by_torch(shape)

    def program(number: int) -> None:
        with torch.inference_mode():
            torch.cat([model.sample(BATCH) for _ in range(number)]).cpu().numpy()

    return program


if __name__ == "__main__":
    main()
