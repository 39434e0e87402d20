"""Anomalies by log p(x), on the sets of ADBench (Han et al. 2022) by the protocols of DTE (Livernoche et al.
2024), beside scikit-learn's detectors.

    python benchmarks/anomalies.py [--protocol novelty] [--seeds 5] [SET ...]
    python benchmarks/anomalies.py --flag 0.1 --seeds 1     # of the rows flagged, the share that are usual

`novelty`: half of the normal rows, drawn by the seed, train; the other half and all anomalies are scored (DTE
takes the first half in the file's order). `unsupervised`: all rows train and all are scored, the estimator
with `contaminated=True`. Columns are standardised by the rows that train. Sets of at least 1,000 rows, since
the smaller ones are up-sampled before they are split there; of a larger one than 50,000 so many are drawn.

The peers are as DTE has them: the distance to the fifth neighbour, LOF of 20 neighbours, an isolation forest
of 100 trees, and a mixture of 10 Gaussians of full covariance besides. `cpu` is the process's own seconds of
training and scoring, with what is compiled for the first set of a width.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

import lowerbound as lb

FEWEST, MOST = 1_000, 50_000
SAMPLES = 20  # of an importance estimate, which ranks rows as well as 256 do

# Of the validation rows' mean bound one row far out is the most, and it may end training too early.
NOVELTY = {"prior": "mixture-prior", "validation": 0}
UNSUPERVISED = {"contaminated": True}


class Split(NamedTuple):
    """Rows that train, rows that are scored, and which of these are anomalies."""

    train: np.ndarray
    test: np.ndarray
    odd: np.ndarray


Scores = np.ndarray  # the lower, the odder
Detector = Callable[[np.ndarray, np.ndarray, int], Scores]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = Path(os.environ.get("LOWERBOUND_DATA") or Path(__file__).parents[2] / "shared" / "data")
    files = {path.stem.split("_", 2)[2]: path for path in sorted(folder.glob("adbench_*.npz"))}
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(files)}")
    parser.add_argument("--protocol", choices=["novelty", "unsupervised"], default="novelty")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--flag", type=float, help="a false discovery rate")
    parser.add_argument("--detectors", nargs="*", default=list(DETECTORS), choices=list(DETECTORS))
    arguments = parser.parse_args()
    novelty = arguments.protocol == "novelty"
    sets = {name: files[name] for name in arguments.sets or files}
    if arguments.flag is not None:
        flagged(arguments.flag, sets, arguments.seeds)
        return
    means: dict[str, list[np.ndarray]] = {name: [] for name in arguments.detectors}
    print(f"{arguments.protocol}: ROC-AUC, average precision, CPU-seconds; {arguments.seeds} seed(s)")
    for name, X, y in loaded(sets):
        print(f"{name} ({len(X):,} × {X.shape[1]}, {y.mean():.1%} anomalies)", flush=True)
        for detector in arguments.detectors:
            found = []
            for seed in range(arguments.seeds):
                split = split_of(X, y, novelty, seed)
                begin = time.process_time()
                scores = DETECTORS[detector](novelty)(split.train, split.test, seed)
                seconds = time.process_time() - begin
                # A density of 0 is the lowest score there is.
                scores = np.nan_to_num(scores, neginf=-1e300)
                found.append(
                    [
                        roc_auc_score(split.odd, -scores),
                        average_precision_score(split.odd, -scores),
                        seconds,
                    ]
                )
            means[detector].append(np.mean(found, 0))
            roc, precision, seconds = means[detector][-1]
            print(f"  {detector:20} {roc:.3f}  {precision:.3f}  {seconds:5.1f} s", flush=True)
    print(f"mean of {len(means[arguments.detectors[0]])} sets")
    for detector, of_sets in means.items():
        roc, precision, seconds = np.mean(of_sets, 0)
        print(f"  {detector:20} {roc:.3f}  {precision:.3f}  {seconds:5.1f} s")


def loaded(sets: dict[str, Path]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The sets that are large enough: name, rows, and which of these are anomalies."""
    for name, file in sets.items():
        with np.load(file) as arrays:
            X, y = arrays["X"].astype(float), arrays["y"].astype(bool)
        if len(X) >= FEWEST:
            yield name, X, y


def flagged(rate: float, sets: dict[str, Path], seeds: int) -> None:
    """The mean over sets of the share of usual rows among those that are flagged, by novelty's split."""
    shares = []
    for name, X, y in loaded(sets):
        for seed in range(seeds):
            split = split_of(X, y, True, seed)
            vae = estimator(NOVELTY, seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                flags = vae.fit(split.train).flag(split.test, false_discovery_rate=rate)
            wrong, power = (flags & ~split.odd).sum() / max(flags.sum(), 1), flags[split.odd].mean()
            shares.append(wrong)
            words = f"{flags.sum()} flagged, {wrong:.3f} of them usual, {power:.3f} of all anomalies"
            print(f"{name}: {words}", flush=True)
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    print(f"mean share of usual rows among those flagged: {np.mean(shares):.3f} ± {error:.3f}, at {rate:g}")


def split_of(X: np.ndarray, y: np.ndarray, novelty: bool, seed: int) -> Split:
    order = np.random.default_rng(seed).permutation(len(X))[:MOST]
    X, y = X[order], y[order]
    normal = np.flatnonzero(~y)
    train = normal[: len(normal) // 2] if novelty else np.arange(len(X))
    test = np.concatenate([normal[len(normal) // 2 :], np.flatnonzero(y)]) if novelty else train
    scale = StandardScaler().fit(X[train])
    return Split(scale.transform(X[train]), scale.transform(X[test]), y[test])


def estimator(settings: dict[str, Any], seed: int) -> lb.VariationalAutoencoder:
    return lb.VariationalAutoencoder(
        evidence_method="importance", evidence_samples=SAMPLES, **settings, random_state=seed
    )


def by_library(novelty: bool) -> Detector:
    settings = {**(NOVELTY if novelty else UNSUPERVISED), "calibration": 0}  # ranks need none

    def scores(train: np.ndarray, test: np.ndarray, seed: int) -> Scores:
        vae = estimator(settings, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return vae.fit(train).decision_function(test)

    return scores


def by_neighbours(novelty: bool) -> Detector:
    def scores(train: np.ndarray, test: np.ndarray, seed: int) -> Scores:
        # Where a row is its own nearest neighbour it does not count.
        neighbours = NearestNeighbors(n_neighbors=5 if novelty else 6).fit(train)
        return -neighbours.kneighbors(test)[0][:, -1]

    return scores


def by_lof(novelty: bool) -> Detector:
    def scores(train: np.ndarray, test: np.ndarray, seed: int) -> Scores:
        lof = LocalOutlierFactor(20, novelty=novelty).fit(train)
        return lof.score_samples(test) if novelty else lof.negative_outlier_factor_

    return scores


def by_forest(novelty: bool) -> Detector:
    return lambda train, test, seed: IsolationForest(random_state=seed).fit(train).score_samples(test)


def by_mixture(novelty: bool) -> Detector:
    def scores(train: np.ndarray, test: np.ndarray, seed: int) -> Scores:
        return GaussianMixture(10, reg_covar=1e-3, random_state=seed).fit(train).score_samples(test)

    return scores


DETECTORS: dict[str, Callable[[bool], Detector]] = {
    "lowerbound": by_library,
    "neighbours": by_neighbours,
    "LOF": by_lof,
    "isolation forest": by_forest,
    "mixture of Gaussians": by_mixture,
}


if __name__ == "__main__":
    main()
