"""How noisy each gradient estimator is: the variance of φ's gradient of IWAE, over the pathwise one's.

Probabilistic PCA (five columns, two latent dimensions) under a posterior that is a little off the exact
one, in mean and width, as a trained one is; the gradient with respect to the 30 parameters of the posterior,
for one row. A figure is Σ Var over parameters, divided by that of the pathwise estimator at the same K: 1 is
as noisy, 100 asks for a hundred times as many draws. At K = 1 the bound is the ELBO, and what is doubly
reparameterised sticks the landing.

    python benchmarks/gradient_variance.py [--draws 20000] [--shift 0.05] [--widen 1.1]

Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import lowerbound as lb
from lowerbound.objectives.objective import Progress

ESTIMATORS = {
    "pathwise (`reparameterized`)": "reparameterized",
    "`sticking_the_landing`, `doubly_reparameterized`": "doubly_reparameterized",
    "score function, no baseline": lb.ScoreFunction(None),
    "`score_function`, running mean": "score_function",
    "`vimco`, the others' mean": "vimco",
}


def principal_components(shift: float, widen: float) -> tuple[lb.VAE, jax.Array]:
    """p(z) = N(0, I), p(x∣z) = N(Wz, σ²I), q(z∣x) = N(M⁻¹Wᵀx + shift, widen² σ²M⁻¹) with M = WᵀW + σ²I; and
    a row x."""
    d, k, sigma = 5, 2, 0.5
    rng = np.random.default_rng(0)
    W = rng.normal(size=(d, k))
    covariance = sigma**2 * np.linalg.inv(W.T @ W + sigma**2 * np.eye(k))
    L, latent = widen * np.linalg.cholesky(covariance), lb.FullGaussian(k)
    to_parameters = np.zeros((d, latent.size))
    to_parameters[:, :k] = W @ covariance / sigma**2
    bias = latent.vector(np.full(k, shift), L)
    model = lb.VAE(
        lb.StandardNormal(k),
        lb.Conditional(_affine(to_parameters, bias), latent),
        lb.Conditional(_affine(W.T, np.zeros(d)), lb.DiagonalGaussian(d, scale=lb.FixedScale(sigma))),
    )
    return model, jnp.asarray(W @ rng.normal(size=k) + sigma * rng.normal(size=d), jnp.float32)


def _affine(weight: np.ndarray, bias: np.ndarray | jax.Array) -> lb.MLP:
    network = lb.MLP(*weight.shape, depth=0, key=jax.random.key(0))
    values = jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32)
    return eqx.tree_at(lambda network: (network.weights[0], network.biases[0]), network, values)


def variance(
    objective: lb.IWAE, model: lb.VAE, x: jax.Array, draws: int, running: dict[str, float] | None = None
) -> float:
    """Σ over φ of the variance of the estimator's gradient, over keys."""

    def value(posterior: lb.Conditional, key: jax.Array) -> jax.Array:
        return objective(replace(model, posterior=posterior), x, key, progress=Progress(running=running))

    gradients = eqx.filter_jit(eqx.filter_vmap(eqx.filter_grad(value), in_axes=(None, 0)))
    leaves = jax.tree.leaves(gradients(model.posterior, jax.random.split(jax.random.key(1), draws)))
    return sum(np.asarray(leaf, np.float64).var(axis=0, ddof=1).sum() for leaf in leaves)


def table(samples: Sequence[int], draws: int, shift: float, widen: float) -> dict[str, list[float]]:
    """By estimator, its variance at each K over the pathwise estimator's."""
    model, x = principal_components(shift, widen)
    # What a running mean comes to in training: the terms' means at this row.
    _, terms = lb.ELBO(10_000, kl="monte_carlo").with_terms(model, x, jax.random.key(2))
    running = {name: float(term) for name, term in terms.items()}
    found = {
        name: [
            variance(lb.IWAE(k, gradient=gradient), model, x, draws, running)
            for k in samples
            if _has(gradient, k)
        ]
        for name, gradient in ESTIMATORS.items()
    }
    pathwise = found["pathwise (`reparameterized`)"]
    # A leave-one-out baseline has no K = 1.
    return {
        name: [np.nan] * (len(samples) - len(values))
        + [value / plain for value, plain in zip(values, pathwise[len(samples) - len(values) :], strict=True)]
        for name, values in found.items()
    }


def _has(gradient: str | lb.ScoreFunction, samples: int) -> bool:
    return samples > 1 or gradient != "vimco"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20_000, help="gradients that a variance is taken over")
    parser.add_argument("--shift", type=float, default=0.05, help="what the posterior's means are off by")
    parser.add_argument(
        "--widen", type=float, default=1.1, help="its standard deviations over the exact ones"
    )
    arguments = parser.parse_args()
    samples = (1, 2, 5, 10, 50)
    print("| estimator | " + " | ".join(f"K = {k}" for k in samples) + " |")
    print("|---|" + "---:|" * len(samples))
    for name, ratios in table(samples, arguments.draws, arguments.shift, arguments.widen).items():
        cells = ["–" if np.isnan(ratio) else f"{ratio:.3g}" for ratio in ratios]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
