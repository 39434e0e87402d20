"""A script: what runs of several models are known by, as JSON."""

import json

import jax
import numpy as np
import numpyro.distributions as dist

import lowerbound as lb
from lowerbound.assembly import build

RNG = np.random.default_rng(0)
BITS, REAL, COUNTS = RNG.integers(0, 2, (40, 5)), RNG.normal(size=(40, 5)), RNG.integers(0, 9, (40, 5))
SIZE = {"latent_dim": 2, "width": 4}


def bare() -> lb.VAE:
    """A prior that is a distribution, and a posterior that is a function of one's own."""
    z, x = lb.DiagonalGaussian(2), lb.Bernoulli(5)
    k1, k2 = jax.random.split(jax.random.key(0))
    posterior = lb.Conditional(lb.MLP(5, z.size, width=4, key=k1), z)
    likelihood = lb.Conditional(lb.MLP(2, x.size, width=4, key=k2), x)
    return lb.VAE(dist.Normal(np.ones(2), 2.0).to_event(1), posterior, likelihood)


MODELS = {
    "bits": (build(BITS, **SIZE).model, BITS),
    "real": (build(REAL, **SIZE).model, REAL),
    "counts": (build(COUNTS, **SIZE).model, COUNTS),
    "flow": (build(REAL, **SIZE, prior="learned-prior", posterior="full-gaussian").model, REAL),
    "bare": (bare(), BITS),
}
origins = {}
for name, (model, x) in MODELS.items():
    state = lb.fit(model, x, epochs=0.1, batch_size=20).state
    origins[name] = {key: np.asarray(value).tolist() for key, value in state.origin.items()}
print(json.dumps(origins))
