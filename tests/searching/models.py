"""Models whose search has a known end: z is the row."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

import lowerbound as lb

D, SPREAD = 3, 0.3
X = np.random.default_rng(0).normal(size=(400, D)).astype(np.float32)
# The best row there is, of score 0.
TARGET = np.array([1.0, -0.5, 0.5])


# p(x∣z) = N(z, σ²I), q(z∣x) = N(x, σ²I): a row is decoded from itself.
MIRROR = lb.VAE(
    dist.Normal(jnp.zeros(D), 1.0).to_event(1),
    lambda x: dist.Normal(x, SPREAD).to_event(1),
    lambda z: dist.Normal(z, SPREAD).to_event(1),
)


def closeness(rows):
    return -((np.asarray(rows) - TARGET) ** 2).sum(1)
