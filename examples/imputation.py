"""Imputation: half of the entries of a table are missing at random, and the model draws them.

    python examples/imputation.py path/to/data

reads white wine, concrete and banknote from that folder, removes 50 % of the entries at random (seeds 0 to
2), trains on what is left, and prints the mean squared error of the removed entries, in units of each
column's standard deviation, beside the column's mean and scikit-learn's IterativeImputer. The posterior and
the likelihood are trained by the importance-weighted bound on the observed part (MIWAE, Mattei & Frellsen
2019), and the imputation is the conditional mean by self-normalised importance sampling.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

import lowerbound as lb

# Name → file, its separator, the columns that are inputs, and the MIWAE paper's error.
TABLES = {
    "white wine": ("winequality-white.csv", ",", slice(0, 11), 0.735),
    "concrete": ("concrete.txt", None, slice(0, 8), 0.501),
    "banknote": ("banknote_authentication.csv", ",", slice(0, 4), 0.446),
}


def table(path: Path, separator: str | None, columns: slice) -> np.ndarray:
    """The columns of a text file, standardised."""
    text = np.genfromtxt(path, delimiter=separator)[:, columns]
    return (text - text.mean(0)) / text.std(0)


def model(d: int, seed: int) -> lb.VAE:
    """10 latents, and a Student likelihood whose scale depends on z: tables have outliers."""
    encoder_key, decoder_key = jax.random.split(jax.random.key(seed))
    latent, columns = lb.DiagonalGaussian(10), lb.StudentT(d, degrees=5.0, missing=True)
    return lb.VAE(
        lb.StandardNormal(10),
        lb.Conditional(lb.MLP(d, latent.size, width=128, key=encoder_key), latent),
        lb.Conditional(lb.MLP(10, columns.size, width=128, key=decoder_key), columns),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="the folder of the three tables")
    parser.add_argument("--epochs", type=int, default=300, help="passes over a table [300]")
    parser.add_argument("--samples", type=int, default=1000, help="importance samples a row [1000]")
    parser.add_argument("--seeds", type=int, default=3, help="patterns of missing entries [3]")
    options = parser.parse_args()
    print(
        "| table | mean of the column | IterativeImputer | lowerbound | MIWAE paper |\n|---|---|---|---|---|"
    )
    for name, (file, separator, columns, published) in TABLES.items():
        x = table(options.data / file, separator, columns)
        errors = []
        for seed in range(options.seeds):
            holes = np.random.default_rng(seed).random(x.shape) < 0.5
            seen = np.where(holes, np.nan, x).astype(np.float32)
            result = lb.fit(
                model(x.shape[1], seed),
                seen,
                objective=lb.IWAE(20),
                epochs=options.epochs,
                learning_rate=1e-3,
                validation=0,
            )
            filled = (
                np.where(np.isnan(seen), np.nanmean(seen, 0), seen),
                IterativeImputer(max_iter=20, random_state=seed).fit_transform(seen),
                lb.impute(result.model, seen, samples=options.samples, mean=True),
            )
            errors.append([((y - x)[holes] ** 2).mean() for y in filled])
        mean, spread = np.mean(errors, 0), np.std(errors, 0, ddof=1)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)]
        print(f"| {name} | {' | '.join(cells)} | {published:.3f} |", flush=True)


if __name__ == "__main__":
    main()
