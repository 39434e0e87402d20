"""Search in the latent space of molecules: each method beside random codes and beside screening.

    python benchmarks/search.py runs/zinc zinc.csv

`runs/zinc` is a run of `lowerbound fit`, whose first column is SMILES, of the table `zinc.csv`. 1,000 calls
in all, the rows that a method begins with among them, five seeds: the mean over seeds of the best score with
its standard error, the best three of all that are not in the table, and which part of the proposals of a
method was a molecule. `--json` writes the numbers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

import lowerbound as lb
from lowerbound.chemistry.properties import PROPERTIES
from lowerbound.data.molecules import canonical
from lowerbound.figures import molecules

METHODS = ("screening", "random", "evolution", "gradient", "bayesian")


def five_qed_less_sa(smiles: str) -> float:
    return 5 * PROPERTIES["qed"](smiles) - PROPERTIES["sa"](smiles)


SCORES: dict[str, Callable[[str], float]] = {
    "5·QED − SA": five_qed_less_sa,
    "penalised logP": PROPERTIES["penalised-logp"],
}


def on_tables(score: Callable[[str], float]) -> Callable[[Any], np.ndarray]:
    return lambda table: np.array([score(smiles) for smiles in smiles_of(table)])


def smiles_of(table: Any) -> list[str]:
    """The first column: of rows of a run of a file, which are an array, or of a frame."""
    return list(table[:, 0]) if isinstance(table, np.ndarray) else table.column(0).to_pylist()


def searched(
    run: Path, table: Any, known: Set[str], score: str, method: str, seed: int, calls: int
) -> dict[str, Any]:
    began = time.perf_counter()
    found = lb.search(
        run,
        on_tables(SCORES[score]),
        calls=calls,
        method=method,
        data=table,
        columns=table.column_names[0],  # a molecule with another property is no other molecule
        random_state=seed,
    )
    smiles = smiles_of(found.rows)
    return {
        "score": score,
        "method": method,
        "seed": seed,
        "best": found.best,
        "after": {n: found.best_after(n) for n in (100, 200, 400, 700, calls)},
        "first": [(s, float(v)) for s, v in zip(smiles[:10], found.score[:10], strict=True)],
        "new": [(s, float(v)) for s, v in zip(smiles, found.score, strict=True) if s not in known][:10],
        "valid": float(np.mean(~np.isnan(found.score))),
        "nats": float(np.median(found.nats[:10])),
        "limit": found.limit,
        "calls": found.calls,
        "seconds": time.perf_counter() - began,
    }


def told(results: Sequence[dict[str, Any]]) -> None:
    for score in SCORES:
        print(f"\n{score}")
        print(f"  {'method':<11} {'best, mean ± s.e.':>18} {'three new':>20} {'valid':>6} {'seconds':>8}")
        for method in METHODS:
            some = [r for r in results if (r["score"], r["method"]) == (score, method)]
            if not some:
                continue
            best = np.array([r["best"] for r in some])
            error = best.std(ddof=1) / np.sqrt(len(best)) if len(best) > 1 else np.nan
            new = dict(pair for r in some for pair in r["new"])
            three = ", ".join(f"{value:.2f}" for value in sorted(new.values(), reverse=True)[:3])
            valid, seconds = (np.mean([r[name] for r in some]) for name in ("valid", "seconds"))
            print(
                f"  {method:<11} {best.mean():>9.3f} ± {error:.3f} {three:>20} {valid:>6.1%} {seconds:>8.0f}"
            )


def pictured(results: Sequence[dict[str, Any]], path: Path) -> None:
    """The ten best of all methods, each with its score."""
    new = dict(pair for r in results for pair in r["new"])
    best = sorted(new.items(), key=lambda each: -each[1])[:10]
    figure = molecules([smiles for smiles, _ in best], [f"{value:.2f}" for _, value in best])
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000, help="of the data, drawn at random")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--scores", default=",".join(SCORES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, help="of the ten best that are not in the data")
    options = parser.parse_args()
    table = lb.read(options.data)
    known = {*table.column(0).to_pylist()}
    some = np.random.default_rng(0).permutation(len(table))[: options.rows]
    table = table.take(pyarrow.array(some))
    smiles = [canonical(each) for each in table.column(0).to_pylist()]
    known.update(filter(None, smiles))
    table = table.set_column(0, lb.load(options.run).schema.names[0], pyarrow.array(smiles))
    table = table.filter(pyarrow.array([each is not None for each in smiles]))
    results = []
    for seed in range(options.seeds):
        for score in options.scores.split(","):
            for method in options.methods.split(","):
                results.append(searched(options.run, table, known, score, method, seed, options.calls))
                last = results[-1]
                print(
                    f"seed {seed}  {score}  {method}  {last['best']:.3f}  {last['seconds']:.0f} s", flush=True
                )
    told(results)
    if options.picture is not None:
        pictured(results, options.picture)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
