"""What a run of molecules is worth: reconstruction, density, properties, what it draws, ways between codes.

    python benchmarks/molecules.py RUN TRAIN TEST [--targets logP,qed] [--draws 10000] [--ngram] [--intervals]

RUN is a folder of `lowerbound fit`, TRAIN the table that trained it, TEST one that did not, of which the
first 2,000 rows count. Columns in `--targets` are taken away before anything is asked, and told from the
others. With `--ngram` the density is held against n-grams of the same tokens and rows, and with `--intervals`
the targets are imputed from samples of z, with intervals of the model and of calibration. What is drawn is
written to RUN/drawn.json, for the Fréchet ChemNet distance of another package (`fcd`).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from ngram import by_ngram

import lowerbound as lb
from lowerbound.chemistry.compared import Molecules
from lowerbound.chemistry.interpolation import interpolation
from lowerbound.chemistry.measures import Share, novel, unique, valid
from lowerbound.data.schema import Schema

ROWS, DENSITY_ROWS, ORDERS, STEPS = 2000, 600, (4, 6, 8, 10, 12), (0, 10, 30)
# Of z, for what is imputed.
SAMPLES = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--targets", default="")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--ngram", action="store_true")
    parser.add_argument("--intervals", action="store_true")
    said = parser.parse_args()
    began = time.perf_counter()
    loaded = lb.load(said.run)
    schema, model = loaded.schema.taking_missing(), replace(loaded, schema=None).taking_missing()
    test = lb.read(said.test).slice(0, ROWS)
    known = schema.encode(test)[DENSITY_ROWS : 2 * DENSITY_ROWS]
    targets = {name: test[name].to_numpy() for name in said.targets.split(",") if name}
    for name in targets:
        test = test.set_column(
            test.column_names.index(name), name, pyarrow.nulls(len(test), pyarrow.float64())
        )
    x, trained = schema.encode(test), schema.encode(lb.read(said.train))
    tokens = [place for place, column in enumerate(schema.placed) if column.tokens is not None]

    for steps in STEPS:
        rows = np.asarray(lb.reconstruct(model, x, steps=steps))
        exact = (rows[:, tokens] == x[:, tokens]).all(axis=1)
        print(f"reconstructed exactly, codes of {steps} steps: {Share(int(exact.sum()), len(x))}")
        for name, values in targets.items():
            print(f"  {name} from the code: {off(values, of_column(schema, name, rows))}", flush=True)

    some = x[:DENSITY_ROWS]
    evidence = lb.log_evidence(model, some, samples=300)
    print(
        f"log p(x) {evidence.mean:.3f} ± {evidence.mean_standard_error:.3f} nats, {len(some)} rows",
        flush=True,
    )
    for order in ORDERS if said.ngram else ():
        vocabulary = schema.placed[tokens[0]].choices
        nats = by_ngram(trained[:, tokens].astype(int), some[:, tokens].astype(int), order, vocabulary)
        print(f"  {order}-gram {nats.mean():.3f} ± {nats.std() / len(nats) ** 0.5:.3f}", flush=True)

    for how, rows in (("the model", None), ("calibration", known)) if said.intervals else ():
        found = lb.imputed(model, some, calibration=rows, samples=SAMPLES)
        for name, values in targets.items():
            low, high, mean = (
                of_column(schema, name, each) for each in (found.lower, found.upper, found.mean)
            )
            inside = (low <= values[: len(some)]) & (values[: len(some)] <= high)
            print(f"{name} imputed: {off(values[: len(some)], mean)}", end="; ")
            print(
                f"intervals of {found.interval:.0%} by {how}, {np.mean(high - low):.2f} wide, "
                f"hold {Share(int(inside.sum()), len(some))}",
                flush=True,
            )

    compared = Molecules.of(model, schema, x, trained, draws=said.draws)
    drawn = compared.drawn
    print(f"drawn: valid {valid(drawn)}, unique {unique(drawn)}, novel {novel(drawn, compared.trained)}")
    (said.run / "drawn.json").write_text(json.dumps({"drawn": drawn, "data": compared.data}), "utf-8")
    print(f"between 200 pairs: {interpolation(model, schema, x)}")
    print(f"{time.perf_counter() - began:.0f} s")


def of_column(schema: Schema, name: str, rows: Any) -> np.ndarray:
    """The numbers of a column of encoded rows, in its own units."""
    names = [column.name for column in schema.placed]
    kept = np.asarray(rows)[:, names.index(name)]
    column = next(column for column in schema.encoded if column.name == name)
    return np.asarray(column.restored(kept), float)


def off(values: Sequence[float], told: np.ndarray) -> str:
    """The mean absolute error with its standard error."""
    errors = np.abs(np.asarray(values, float) - told)
    return f"mean absolute error {errors.mean():.3f} ± {errors.std() / len(errors) ** 0.5:.3f}"


if __name__ == "__main__":
    main()
