"""A script: runs of every kind, stopped everywhere, and resumed in another process.

`matrix.py stopped FOLDER` trains each kind of run to its end, stops it in each way, and prints the digests of
the former; `matrix.py resumed FOLDER` lets all that was stopped go on, and prints its digests."""

import json
import sys
from itertools import product
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from pyarrow import parquet

import lowerbound as lb
from lowerbound.archive import generations
from lowerbound.data import pieces
from lowerbound.data.sources import open_source
from lowerbound.training import supply

sys.path.insert(0, str(Path(__file__).parent))
from stops import Crash, calls, crash, digests  # type: ignore[import-not-found]

ROWS, COLUMNS = 300, 5


def written(folder: Path) -> None:
    """The rows as files."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(ROWS, 1)) + 0.5 * rng.normal(size=(ROWS, COLUMNS))).astype(np.float32)
    np.save(folder / "x.npy", x)
    parquet.write_table(pa.table({f"c{i}": x[:, i] for i in range(COLUMNS)}), folder / "x.parquet")


SOURCES = {
    "memory": lambda folder: np.load(folder / "x.npy"),
    "mapped": lambda folder: np.load(folder / "x.npy", mmap_mode="r"),
    "parquet": lambda folder: open_source(str(folder / "x.parquet")).rows,
    "beyond memory": lambda folder: np.load(folder / "x.npy", mmap_mode="r"),
}
# Read in runs of 10 rows, 4 of them a block, and in windows of 27 steps of 30 rows, a row of 20 bytes.
BEYOND = {"PIECE": 200, "_WINDOW": 27 * 30 * 20}
MEMORY = {"beyond memory": 8 * 4 * 200}
KINDS = {
    "elbo, warm-up": {"objective": lb.ELBO(beta=lambda step: jnp.minimum(1.0, (step + 1) / 40))},
    "iwae, averaging": {"objective": lb.IWAE(5), "optimizer": lb.NAdam(averaging=0.9)},
    "early stopping": {"epochs": 200, "learning_rate": 0.1, "patience": 4},
}
PRECISIONS = (None, "bfloat16")
# An epoch is 9 steps, a chunk 27, in calls of 13, 13 and 1.
STOPS = ("end of an epoch", "amid an epoch", "last step", "while writing", "while reading")


def model() -> lb.VAE:
    k1, k2 = jax.random.split(jax.random.key(0))
    z, x = lb.DiagonalGaussian(2), lb.DiagonalGaussian(COLUMNS)
    return lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(COLUMNS, z.size, width=8, depth=1, key=k1), z),
        lb.Conditional(lb.MLP(2, x.size, width=8, depth=1, key=k2), x),
    )


def fit(folder: Path, source: str, kind: str, precision: str | None, **options: object) -> lb.Result:
    arguments = {"epochs": 6, "batch_size": 30, "precision": precision, **KINDS[kind], **options}
    arguments["memory"] = MEMORY.get(source, "1 GB")
    with calls(13), mock.patch.multiple(supply, **BEYOND):
        return lb.fit(model(), SOURCES[source](folder), **arguments)


def stopped(stop: str, source: str, calls_in_all: int, begin: object) -> None:
    """Stop a run that `begin` begins, or lets go on."""
    if stop == "end of an epoch":
        with crash(saved=3, after=3):
            begin()
    elif stop == "amid an epoch":
        with crash(saved=1, after=2):
            begin()
    elif stop == "last step":
        with crash(saved=calls_in_all - 1, after=calls_in_all - 1):
            begin()
    elif stop == "while writing":  # of the second checkpoint, whose files then stay where they are
        force, made = generations._force, []

        def killed(folder: Path) -> None:
            made.append(folder)
            if len(made) == 3:
                raise Crash
            force(folder)

        nothing = mock.patch.object(generations.shutil, "rmtree")
        with nothing, mock.patch.object(generations, "_force", killed), crash(saved=(1, 2), after=3):
            begin()
    else:
        with crash(saved=1, after=2):
            begin()
        try:
            with broken_reading(source):
                begin()
        except Crash:
            pass


def broken_reading(source: str) -> object:
    """What reads rows breaks: before training, or, of rows beyond memory, the block behind the first."""
    if source != "beyond memory":
        return mock.patch("lowerbound.training.fit.block_of", side_effect=Crash)
    reads = [pieces.rows_of] * 3

    def read(*arguments: object) -> np.ndarray:
        if not reads:
            raise Crash
        return reads.pop()(*arguments)

    return mock.patch.object(supply, "rows_of", read)


def main(phase: str, folder: Path) -> None:
    found = {}
    if phase == "stopped":
        written(folder)
    for kind, precision in product(KINDS, PRECISIONS):
        for source in SOURCES:
            if phase == "stopped":
                whole = fit(folder, source, kind, precision)
                calls_in_all = 3 * len(whole.history)
                found[f"{kind}, {precision}, {source}"] = digests(whole)
            for stop in STOPS:
                name = f"{kind}, {precision}, {source}, {stop}"
                saved = lb.Checkpoint(folder / name.replace(", ", "-").replace(" ", "-"), every="1 h")
                run = {"source": source, "kind": kind, "precision": precision}

                def begin(run: dict = run, saved: lb.Checkpoint = saved) -> lb.Result:
                    return fit(folder, **run, checkpoint=saved, resume=True)

                if phase == "stopped":
                    stopped(stop, source, calls_in_all, begin)
                else:
                    found[name] = digests(begin())
        if phase == "stopped":
            bit = jax.random.wrap_key_data(np.asarray([0, 1], np.uint32))  # of the key 0
            found[f"{kind}, {precision}, another bit"] = digests(
                fit(folder, "memory", kind, precision, key=bit)
            )
    print(json.dumps({"devices": len(jax.devices()), "found": found}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
