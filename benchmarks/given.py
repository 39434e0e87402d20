"""Conditional rows of adult beside rejection sampling: `python benchmarks/given.py --data FOLDER`.

A model of adult's training rows at the estimator's defaults, and five conditions. By each, 1,000 rows are
drawn by `sample(given=…)`, and, of many rows drawn without a condition, those that happen to meet it are
kept. The means of numbers and the shares of levels are compared in their errors. Printed are how often the
condition holds, how many rows rejection kept, how many margins were compared, the root of their mean square
in errors, which under one distribution is 1 to 1.4 (rows may share a z), the largest, and the seconds of the
1,000 rows, the second time that the call is made.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from tables import ADULT, is_number

import lowerbound as lb

CONDITIONS: tuple[dict[str, object], ...] = (
    {"income": ">50K"},
    {"sex": "Female", "income": ">50K"},
    {"age": 30},
    {"education": "Doctorate"},
    {"marital-status": "Widowed", "sex": "Male"},
)


def margins(given: pd.DataFrame, kept: pd.DataFrame) -> np.ndarray:
    """Differences of the means of columns and of the shares of levels, in their errors."""
    found = []
    for name in given:
        if is_number(given[name]):
            pairs = [(given[name].to_numpy(float), kept[name].to_numpy(float))]
        else:
            levels = kept[name].value_counts()
            pairs = [(given[name] == level, kept[name] == level) for level in levels.index[levels >= 10]]
        for one, other in pairs:
            # By the spread among the many: a rare level may be none among the few.
            error = np.sqrt(np.var(other) * (1 / len(one) + 1 / len(other)))
            if error > 0:
                found.append((np.mean(one) - np.mean(other)) / error)
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=60)
    parser.add_argument("--rejection", type=int, default=400_000, help="Rows drawn without a condition.")
    parser.add_argument("--latent-dim", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path = options.data / "adult.data"
    table = pd.read_csv(path, names=ADULT.split(), keep_default_na=False, skipinitialspace=True)
    vae = lb.VariationalAutoencoder(
        latent_dim=options.latent_dim, epochs=options.epochs, evidence_method="importance",
        evidence_samples=20, random_state=0,
    ).fit(table)  # fmt: skip
    all_rows = vae.sample(options.rejection, random_state=1)
    for condition in CONDITIONS:
        meets = np.logical_and.reduce([all_rows[name] == value for name, value in condition.items()])
        vae.sample(1000, given=condition, random_state=2)
        begun = time.perf_counter()
        given = vae.sample(1000, given=condition, random_state=3)
        seconds = time.perf_counter() - begun
        off = margins(given.drop(columns=[*condition]), all_rows[meets].drop(columns=[*condition]))
        said = ", ".join(f"{name}={value}" for name, value in condition.items())
        root, most = np.sqrt((off**2).mean()), np.abs(off).max()
        figures = f"{meets.mean():.2%} of rows, {meets.sum():,} kept, {len(off)} margins"
        print(f"{said}: {figures}, {root:.2f} (at most {most:.1f}) errors, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
