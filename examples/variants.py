"""Variants of the variational auto-encoder on MNIST: each is a change of one part.

    python examples/variants.py path/to/mnist.npz --epochs 4

trains every variant on dynamically binarised digits with the same network, rows, batches and number of
epochs, and prints one table: the bound, log p(x) of the same 1,000 test rows by importance sampling, the
paired difference to the plain VAE, and the seconds of training.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import jax
import numpy as np

import lowerbound as lb

D = 40  # latent dimensions
PIXELS = lb.Bernoulli(784)
KEYS = jax.random.split(jax.random.key(1), 4)

Variant = tuple[lb.VAE, lb.Objective]
VARIANTS: dict[str, Callable[[np.ndarray], Variant]] = {}


def variant(name: str) -> Callable:
    """Enter a definition, a function of the training images, into the table under `name`."""
    return lambda definition: VARIANTS.setdefault(name, definition)


def mlp(in_size: int, out_size: int, key: int) -> lb.MLP:
    return lb.MLP(in_size, out_size, width=200, depth=2, key=KEYS[key])


def posterior(family: lb.Family) -> lb.Conditional:
    return lb.Conditional(mlp(784, family.size, 0), family)


def likelihood(codes: int = D) -> lb.Conditional:
    return lb.Conditional(mlp(codes, 784, 1), PIXELS)


def gaussian() -> lb.Conditional:
    return posterior(lb.DiagonalGaussian(D))


@variant("VAE")
def plain(x: np.ndarray) -> Variant:
    return lb.VAE(lb.StandardNormal(D), gaussian(), likelihood()), lb.ELBO()


@variant("β-VAE, β = 2")
def beta(x: np.ndarray) -> Variant:
    return lb.VAE(lb.StandardNormal(D), gaussian(), likelihood()), lb.ELBO(beta=2.0)


@variant("IWAE, K = 50")
def iwae(x: np.ndarray) -> Variant:
    return lb.VAE(lb.StandardNormal(D), gaussian(), likelihood()), lb.IWAE(samples=50)


@variant("DReG, K = 50")
def dreg(x: np.ndarray) -> Variant:
    objective = lb.IWAE(samples=50, gradient="doubly_reparameterized")
    return lb.VAE(lb.StandardNormal(D), gaussian(), likelihood()), objective


@variant("VampPrior, 500 pseudo-inputs")
def vamp(x: np.ndarray) -> Variant:
    return lb.VAE(lb.VampPrior(x[:500] / 255), gaussian(), likelihood()), lb.ELBO()


@variant("mixture prior, 100 Gaussians")
def mixture(x: np.ndarray) -> Variant:
    prior = lb.MixturePrior(lb.DiagonalGaussian(D), 100, key=KEYS[2])
    return lb.VAE(prior, gaussian(), likelihood()), lb.ELBO()


@variant("flow prior (masked autoregressive)")
def flow_prior(x: np.ndarray) -> Variant:
    flow = lb.MaskedAutoregressiveFlow(D, context_size=0, key=KEYS[2])
    return lb.VAE(lb.LearnedPrior(flow), gaussian(), likelihood()), lb.ELBO()


@variant("IAF posterior")
def iaf(x: np.ndarray) -> Variant:
    flow = lb.AutoregressiveFlow(D, key=KEYS[2])
    return lb.VAE(lb.StandardNormal(D), posterior(flow), likelihood()), lb.ELBO()


@variant("full-covariance posterior")
def full(x: np.ndarray) -> Variant:
    return lb.VAE(lb.StandardNormal(D), posterior(lb.FullGaussian(D)), likelihood()), lb.ELBO()


@variant("logistic posterior and prior, by inverse CDF")
def logistic(x: np.ndarray) -> Variant:
    family = lb.Logistic(D)
    return lb.VAE(lb.StandardPrior(family), posterior(family), likelihood()), lb.ELBO()


@variant("Concrete codes, 20 of 10 levels")
def concrete(x: np.ndarray) -> Variant:
    codes = lb.Concrete(20, 10)
    return lb.VAE(lb.UniformCodes(20, 10), posterior(codes), likelihood(200)), lb.ELBO()


@variant("two layers of latents, 40 and 20")
def chain(x: np.ndarray) -> Variant:
    lower, upper = lb.DiagonalGaussian(D), lb.DiagonalGaussian(20)
    prior = lb.ChainPrior(lb.StandardNormal(20), lb.Conditional(mlp(20, lower.size, 2), lower))
    q = lb.ChainPosterior(posterior(lower), lb.Conditional(mlp(D, upper.size, 3), upper))
    return lb.VAE(prior, q, lb.Conditional(lb.Leading(D, mlp(D, 784, 1)), PIXELS)), lb.ELBO()


@variant("conditional on the label, p(x∣y)")
def conditional(x: np.ndarray) -> Variant:
    family = lb.DiagonalGaussian(D)
    q = lb.Conditional(mlp(784 + 10, family.size, 0), family, given=True)
    p = lb.Conditional(mlp(D + 10, 784, 1), PIXELS, given=True)
    return lb.VAE(lb.StandardNormal(D), q, p), lb.ELBO()


@variant("exact bits, VIMCO, K = 8")
def bits(x: np.ndarray) -> Variant:
    codes = lb.Bernoulli(D)
    return lb.VAE(lb.UniformCodes(D), posterior(codes), likelihood()), lb.IWAE(8, gradient="vimco")


@variant("wake-sleep")
def wake_sleep(x: np.ndarray) -> Variant:
    return lb.VAE(lb.StandardNormal(D), gaussian(), likelihood()), lb.WakeSleep()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="mnist.npz with x_train, y_train, x_test, y_test")
    parser.add_argument("--epochs", type=int, default=4, help="passes over the 60,000 rows [4]")
    parser.add_argument("--samples", type=int, default=500, help="importance samples a test row [500]")
    parser.add_argument("--only", help="variants whose name holds this, beside the plain VAE")
    options = parser.parse_args()
    with np.load(options.data) as data:
        x, y = data["x_train"].reshape(-1, 784), np.eye(10)[data["y_train"]]
        x_test, y_test = data["x_test"].reshape(-1, 784)[:1000], np.eye(10)[data["y_test"][:1000]]
    print(f"nats a row ± standard error; {options.samples} importance samples; {options.epochs} epochs\n")
    print("| variant | ELBO | log p(x) | difference to the VAE | k-hat > 0.7 | seconds |")
    print("|---|---|---|---|---|---|")
    reference = None
    for name, definition in VARIANTS.items():
        if options.only and options.only not in name and name != "VAE":
            continue
        model, objective = definition(x)
        model = replace(model, transform=lb.DynamicBinarization())
        label = dict(given=y) if model.takes_given else {}
        begin = time.perf_counter()
        result = lb.fit(model, x, objective=objective, epochs=options.epochs, validation=0, **label)
        seconds = time.perf_counter() - begin
        label = dict(given=y_test) if model.takes_given else {}
        evidence = lb.log_evidence(
            result.model, x_test, method="importance", samples=options.samples, **label
        )
        reference = reference or evidence
        difference = evidence.log_prob - reference.log_prob
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        log_p = f"{evidence.mean:.2f} ± {evidence.mean_standard_error:.2f}"
        paired = f"{difference.mean():+.2f} ± {error:.2f}"
        unreliable = f"{(evidence.k_hat > 0.7).mean():.0%}"
        row = (name, f"{evidence.elbo.mean():.2f}", log_p, paired, unreliable, f"{seconds:.0f}")
        print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
