"""A script: what runs of several models are known by, as JSON."""

import json

import jax
import numpy as np
import numpyro.distributions as dist

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.training.division import Division
from lowerbound.training.resume import origin_of
from lowerbound.training.run import Run

RNG = np.random.default_rng(0)
BITS, REAL, COUNTS = RNG.integers(0, 2, (40, 5)), RNG.normal(size=(40, 5)), RNG.integers(0, 9, (40, 5))
SIZE = {"latent_dim": 2, "width": 4}
KEY, NADAM = jax.random.key(0), lb.NAdam()


def bare() -> lb.VAE:
    """A prior that is a distribution, and a posterior that is a function of one's own."""
    x = lb.Bernoulli(5)
    likelihood = lb.Conditional(lb.MLP(2, x.size, width=4, key=KEY), x)
    prior = dist.Normal(np.ones(2), 2.0).to_event(1)
    return lb.VAE(prior, lambda x: dist.Normal(x[:2], 1.0).to_event(1), likelihood)


def main() -> None:
    models = {
        "bits": (build(BITS, **SIZE).model, BITS),
        "real": (build(REAL, **SIZE).model, REAL),
        "counts": (build(COUNTS, **SIZE).model, COUNTS),
        "flow": (build(REAL, **SIZE, prior="learned-prior", posterior="full-gaussian").model, REAL),
        "bare": (bare(), BITS),
    }
    origins = {}
    for name, (model, x) in models.items():
        run = Run.of(model, population=36, total_steps=10)
        origin = origin_of(run, Division.of(model, x, None, 0.1, KEY), 20, NADAM, KEY, None)
        origins[name] = {of: value.tolist() for of, value in origin.items()}
    print(json.dumps(origins))


if __name__ == "__main__":
    main()
