"""Tables of several kinds, one a command: `python benchmarks/tables.py adult --data FOLDER`.

Synthetic rows (adult, shoppers, magic), by TabPC's protocol: a model is trained on the training rows, as many
rows are drawn as there are, and

- `?` in adult is a level of its own, as the others have it;
- C2ST: 2 − 2 max(½, AUC) of XGBoost that tells drawn rows from training rows, in three folds; 1 is best;
  and the same of scikit-learn's boosting, as `lb.synthetic_quality` has it;
- Trend, and the share of drawn rows nearer to training than to held-out rows: those of
  `lb.synthetic_quality`;
- trained on drawn rows, tested on held-out real ones: XGBoost's AUC of the target.

Missing values (white, red, concrete, banknote; the target is left out): half or 30 % of the cells are taken
away at random, the model is trained on what is left and gives the conditional means, and the figure is the
mean squared error over the cells taken away, of standardised columns; beside scikit-learn's imputers.
Besides, how many of those cells the 90 % intervals hold. `adult-missing` is the same for a table with
categories: the root of the squared error of numbers, and the share of categories that are right.

`--self-masking` takes away, as not-MIWAE does (Ipsen et al. 2021, section 4.1), the values above their
column's mean in the first half of the columns, and the figure is the root of the mean squared error.

HI-VAE's tables and masks (hivae-adult, hivae-breast, hivae-wine), by the measures of its paper (Nazabal et
al. 2020, section 6.2): of a number, the root of the mean squared error over its range; of a category, the
share that is wrong; of an ordered one, the mean displacement over the number of levels; the mean over
columns.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import lowerbound as lb

ADULT = "age workclass fnlwgt education education-num marital-status occupation relationship race sex "
ADULT += "capital-gain capital-loss hours-per-week native-country income"
TARGETS = {"adult": "income", "shoppers": "Revenue", "magic": "class"}
SYNTHETIC, MISSING = tuple(TARGETS), ("white", "red", "concrete", "banknote")
HI_VAE = {"hivae-adult": "Adult", "hivae-breast": "Breast", "hivae-wine": "Wine"}
# Of a mean over so many samples the error is lost in what is missing.
SAMPLES = 200
_SYNTHETIC = {"latent_dim": 20, "width": 384, "evidence_method": "importance", "evidence_samples": 100}
SYNTHETIC_SETTINGS = {
    "adult": {**_SYNTHETIC, "epochs": 60},
    "shoppers": {**_SYNTHETIC, "epochs": 60},
    "magic": {**_SYNTHETIC, "epochs": 100},
}


def _csv(path: Path, **options) -> pd.DataFrame:
    """As TabPC and TabSyn read it: `?` is a level, since a model draws no holes, which alone would give away
    7 % of the rows (C2ST .918 of real rows whose `?` are filled)."""
    return pd.read_csv(path, keep_default_na=False, skipinitialspace=True, **options)


def split(name: str, data: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training rows, and rows held out."""
    if name == "adult":
        test = _csv(data / "adult.test", names=ADULT.split(), skiprows=1)
        test["income"] = test["income"].str.rstrip(".")
        return _csv(data / "adult.data", names=ADULT.split()), test
    if name == "shoppers":
        table = _csv(data / "online_shoppers_intention.csv")
    else:
        table = _csv(data / "magic04.data", names=[*(f"x{j}" for j in range(10)), "class"])
    order = np.random.default_rng(seed).permutation(len(table))
    held = len(table) // 10
    return table.iloc[order[held:]].reset_index(drop=True), table.iloc[order[:held]].reset_index(drop=True)


def is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and column.dtype != bool


def features(*tables: pd.DataFrame) -> list[np.ndarray]:
    """Numbers as they are and one input a level, of several tables alike."""
    both = pd.concat(tables, ignore_index=True)
    numbers = both[[name for name in both if is_number(both[name])]].astype(float)
    others = [pd.get_dummies(both[name].astype(str), dtype=float) for name in both if name not in numbers]
    x = pd.concat([numbers, *others], axis=1).to_numpy(np.float32)
    return np.split(x, np.cumsum([len(table) for table in tables])[:-1])


def classifier():
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=2)


def c2st(real: pd.DataFrame, drawn: pd.DataFrame) -> float:
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    x, y = np.concatenate(features(real, drawn)), np.repeat([0, 1], [len(real), len(drawn)])
    areas = []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(x, y):
        score = classifier().fit(x[train], y[train]).predict_proba(x[test])[:, 1]
        areas.append(roc_auc_score(y[test], score))
    return 2 - 2 * max(0.5, float(np.mean(areas)))


def trained_on_drawn(drawn: pd.DataFrame, held_out: pd.DataFrame, target: str) -> float:
    from sklearn.metrics import roc_auc_score

    x, held = features(drawn.drop(columns=target), held_out.drop(columns=target))
    positive = sorted(held_out[target].unique())[-1]
    score = classifier().fit(x, drawn[target] == positive).predict_proba(held)[:, 1]
    return float(roc_auc_score(held_out[target] == positive, score))


def synthetic(name: str, data: Path, seeds: int) -> None:
    found = []
    for seed in range(seeds):
        train, held_out = split(name, data, seed)
        begun = time.perf_counter()
        vae = lb.VariationalAutoencoder(random_state=seed, **SYNTHETIC_SETTINGS[name]).fit(train)
        seconds = time.perf_counter() - begun
        drawn = vae.sample(len(train), random_state=seed)
        for column in train:
            if is_number(train[column]) and (drawn[column].min() < train[column].min() - 1e-9 < 0):
                print(f"{column}: drawn from {drawn[column].min()}, held from {train[column].min()}")
        quality = lb.synthetic_quality(drawn, train, held_out, rows=len(train), seed=seed)
        found.append(
            (
                c2st(train, drawn),
                quality.c2st.value,
                quality.trend.value,
                trained_on_drawn(drawn, held_out, TARGETS[name]),
                quality.nearer_to_training.value,
                seconds,
            )
        )
        print(f"{name} seed {seed}:", *(f"{value:.3f}" for value in found[-1]), flush=True)
    real = trained_on_drawn(train, held_out, TARGETS[name])
    auc = f"AUC on real rows (trained on them {real:.3f})"
    named = ("C2ST", "C2ST by scikit-learn's boosting", "Trend", auc, "nearer to training", "s")
    for words, values in zip(named, np.transpose(found), strict=True):
        print(f"{name} {words}: {values.mean():.3f} ± {values.std(ddof=min(1, seeds - 1)):.3f}")


def numbers(name: str, data: Path) -> np.ndarray:
    """A table without its target, which is the last column."""
    if name == "concrete":
        return np.loadtxt(data / "concrete.txt")[:, :-1]
    path = data / ("banknote_authentication.csv" if name == "banknote" else f"winequality-{name}.csv")
    with path.open() as stream:
        first = stream.readline()
    separator = ";" if ";" in first else ","
    header = int(any(letter.isalpha() for letter in first))
    return np.genfromtxt(path, delimiter=separator, skip_header=header)[:, :-1]


def missing(name: str, data: Path, seeds: int, share: float, peers: bool) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer

    x = numbers(name, data)
    z = (x - x.mean(0)) / x.std(0)
    errors: dict[str, list[float]] = {}
    held = []
    for seed in range(seeds):
        taken = np.random.default_rng(seed).random(z.shape) < share
        seen = np.where(taken, np.nan, x)
        vae = lb.VariationalAutoencoder(missing=True, random_state=seed).fit(seen)
        filled = {"lowerbound": vae.impute(seen, mean=True)}
        if peers:
            forest = RandomForestRegressor(100, max_features="sqrt", random_state=seed)
            for imputer in (
                IterativeImputer(max_iter=20, random_state=seed),
                KNNImputer(10),
                IterativeImputer(forest, max_iter=6, random_state=seed),
            ):
                kind = (
                    "MissForest" if getattr(imputer, "estimator", None) is forest else type(imputer).__name__
                )
                scaled = imputer.fit_transform(np.where(taken, np.nan, z))
                filled[kind] = scaled * x.std(0) + x.mean(0)
        for kind, full in filled.items():
            errors.setdefault(kind, []).append(((((full - x) / x.std(0))[taken]) ** 2).mean())
        drawn = vae.impute(seen, draws=100)
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        held.append(((low <= x) & (x <= high))[taken].mean())
    for kind, values in errors.items():
        spread = np.std(values, ddof=min(1, seeds - 1))
        print(f"{name} {share:.0%} missing, {kind}: {np.mean(values):.3f} ± {spread:.3f}", flush=True)
    print(f"{name} {share:.0%} missing, cells in 90 % intervals: {np.mean(held):.3f}", flush=True)


def adult_missing(data: Path, seeds: int, share: float) -> None:
    table = _csv(data / "adult.data", names=ADULT.split(), na_values="?")
    numbers_ = [name for name in table if is_number(table[name])]
    others = [name for name in table if name not in numbers_]
    z = (table[numbers_] - table[numbers_].mean()) / table[numbers_].std(ddof=0)
    found = []
    for seed in range(seeds):
        taken = np.random.default_rng(seed).random(table.shape) < share
        hidden = pd.DataFrame(taken, columns=table.columns) & table.notna()
        seen = table.mask(hidden)
        begun = time.perf_counter()
        vae = lb.VariationalAutoencoder(random_state=seed, evidence_samples=100).fit(seen)
        filled = vae.impute(seen, mean=True, samples=SAMPLES)
        seconds = time.perf_counter() - begun
        guess = (filled[numbers_] - table[numbers_].mean()) / table[numbers_].std(ddof=0)
        squares = ((guess - z) ** 2).to_numpy()[hidden[numbers_].to_numpy()]
        right = (filled[others] == table[others]).to_numpy()[hidden[others].to_numpy()]
        found.append((np.sqrt(squares.mean()), right.mean(), seconds))
        values = (f"{value:.3f}" for value in found[-1])
        print(f"adult {share:.0%} missing, seed {seed}:", *values, flush=True)
    for words, values in zip(("RMSE", "accuracy", "s"), np.transpose(found), strict=True):
        spread = values.std(ddof=min(1, seeds - 1))
        print(f"adult {share:.0%} missing, {words}: {values.mean():.3f} ± {spread:.3f}", flush=True)


def self_masking(name: str, data: Path, seeds: int) -> None:
    x = numbers(name, data)
    taken = (x > x.mean(0)) & (np.arange(x.shape[1]) < x.shape[1] // 2)
    seen, errors = np.where(taken, np.nan, x), []
    for seed in range(seeds):
        vae = lb.VariationalAutoencoder(
            missing=True, missing_mechanism="self-masking-high", random_state=seed
        ).fit(seen)
        off = (vae.impute(seen, mean=True) - x) / x.std(0)
        errors.append(np.sqrt((off[taken] ** 2).mean()))
    spread = np.std(errors, ddof=min(1, seeds - 1))
    print(f"{name} missing above the mean, RMSE: {np.mean(errors):.3f} ± {spread:.3f}", flush=True)


def hi_vae(name: str, data: Path) -> None:
    kind = HI_VAE[name]
    at = data / "hivae"
    of = data / "adult_data" if kind == "Adult" else at / f"{kind}-data"
    codes = np.genfromtxt(f"{of}.csv", delimiter=",")
    types = pd.read_csv(f"{of}_types.csv")["type"].to_list()
    names = [f"{t}{j}" for j, t in enumerate(types)]
    for share in (20, 50):
        errors = []
        for mask in (1, 2):
            hidden = np.zeros(codes.shape, bool)
            places = np.loadtxt(at / f"{kind}-Missing{share}_{mask}.csv", delimiter=",", dtype=int) - 1
            hidden[places[:, 0], places[:, 1]] = True
            seen = pd.DataFrame(np.where(hidden, np.nan, codes), columns=names)
            for label, t in zip(names, types, strict=True):
                if t == "cat":
                    seen[label] = [None if np.isnan(code) else f"level {code:.0f}" for code in seen[label]]
            settings = {"missing": True, "evidence_samples": 100, "random_state": mask}
            vae = lb.VariationalAutoencoder(**settings).fit(seen)
            filled = (
                vae.impute(seen, mean=True, samples=SAMPLES)
                .replace("level ", "", regex=True)
                .astype(float)
                .to_numpy()
            )
            columns = []
            for j, t in enumerate(types):
                off = (filled - codes)[hidden[:, j] & ~np.isnan(codes[:, j]), j]
                span = np.nanmax(codes[:, j]) - np.nanmin(codes[:, j])
                columns.append(
                    (off != 0).mean()
                    if t == "cat"
                    else np.abs(np.rint(off)).mean() / (span + 1)
                    if t == "ordinal"
                    else np.sqrt((off**2).mean()) / span
                )
            errors.append(np.mean(columns))
        print(f"{name} {share} % missing: {np.mean(errors):.4f} ± {np.std(errors, ddof=1):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=[*SYNTHETIC, *MISSING, "adult-missing", *HI_VAE])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--self-masking", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.name in SYNTHETIC:
        synthetic(options.name, options.data, options.seeds)
    elif options.self_masking:
        self_masking(options.name, options.data, options.seeds)
    elif options.name in HI_VAE:
        hi_vae(options.name, options.data)
    elif options.name == "adult-missing":
        for share in (0.5, 0.3):
            adult_missing(options.data, options.seeds, share)
    else:
        for share in (0.5, 0.3):
            missing(options.name, options.data, options.seeds, share, not options.no_peers)


if __name__ == "__main__":
    main()
