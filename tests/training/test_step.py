"""A compiled step is the plain form: what one would write for a batch, with JAX's own keys."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lowerbound as lb

N, D, LATENT, WIDTH = 32, 12, 3, 8


def plain_bound(parameters, x, noise):
    (W1, W2), (b1, b2), (W3, W4), (b3, b4) = parameters
    mean, log_variance = jnp.split(jnp.tanh(x @ W1 + b1) @ W2 + b2, 2, axis=1)
    z = mean + jnp.exp(0.5 * log_variance) * noise
    logits = jnp.tanh(z @ W3 + b3) @ W4 + b4
    log_likelihood = (x * logits - jax.nn.softplus(logits)).sum(1)
    kl = 0.5 * (mean**2 + jnp.exp(log_variance) - log_variance - 1).sum(1)
    return (log_likelihood - kl).mean()


def plain_noise(key, grey):
    """The bits and ε of each row in the first step of the run with this key."""
    _, run_key = jax.random.split(jax.random.key(key))
    noise_key, _ = jax.random.split(run_key)
    step_key = jax.random.fold_in(noise_key, 0)
    bits, noise = [], []
    for i, row in enumerate(grey):
        key_transform, key_draw = jax.random.split(jax.random.fold_in(step_key, i))
        words = jax.random.bits(key_transform, (D,), jnp.uint32)
        bits.append(np.asarray(words, float) / 2**32 < row / 255)
        noise.append(jax.random.normal(jax.random.fold_in(key_draw, 0), (LATENT,)))
    return jnp.asarray(bits, float), jnp.asarray(noise)


@pytest.mark.parametrize(
    ("precision", "of_bound", "of_gradient"),
    [
        (None, 1e-6, {"rtol": 1e-4, "atol": 1e-6}),
        pytest.param("bfloat16", 2e-3, {"rtol": 0.05, "atol": 1e-3}, marks=pytest.mark.thorough),
    ],
)
def test_its_bound_and_gradient_are_the_plain_forms(precision, of_bound, of_gradient):
    """A batch of all rows, and gradient ascent of rate 1: the weights move by the gradient. In bfloat16 each
    factor of a product is off by 2⁻⁹ of itself at most."""
    grey = np.random.default_rng(0).integers(0, 256, (N, D)).astype(np.uint8)
    grey[:, 0], grey[:, 1] = 0, 255
    k1, k2 = jax.random.split(jax.random.key(1))
    latent, pixels = lb.DiagonalGaussian(LATENT), lb.Bernoulli(D)
    layers = {"width": WIDTH, "depth": 1, "activation": "tanh"}
    model = lb.VAE(
        lb.StandardNormal(LATENT),
        lb.Conditional(lb.MLP(D, latent.size, **layers, key=k1), latent),
        lb.Conditional(lb.MLP(LATENT, pixels.size, **layers, key=k2), pixels),
        transform=lb.DynamicBinarization(),
    )
    result = lb.fit(
        model,
        grey,
        batch_size=N,
        epochs=1,
        validation=0,
        optimizer=optax.sgd(1.0),
        precision=precision,
        key=5,
    )

    def arrays(model):
        networks = (model.posterior.network, model.likelihood.network)
        return [group for network in networks for group in (network.weights, network.biases)]

    bits, noise = plain_noise(5, grey)
    assert (bits[:, 0] == 0).all()
    assert (bits[:, 1] == 1).all()
    bound, gradient = jax.value_and_grad(plain_bound)(arrays(model), bits, noise)
    np.testing.assert_allclose(result.history[0]["bound"], bound, rtol=of_bound)
    assert precision is None or abs(result.history[0]["bound"] / bound - 1) > 1e-6, "nothing was rounded"
    moved = jax.tree.map(lambda new, old: new - old, arrays(result.model), arrays(model))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **of_gradient), moved, gradient)
