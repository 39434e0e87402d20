"""A script: trains small runs to their end while it kills the training process, again and again.

`killed.py FOLDER KILLS` prints how many runs ended, how many of them with other bits than one that nothing
stopped, what was found damaged, and the most seconds of training that a kill cost."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

import lowerbound as lb
from lowerbound.archive.generations import Generations
from lowerbound.assembly import build
from lowerbound.training.fit import fit

sys.path.insert(0, str(Path(__file__).parent))
from stops import digests  # type: ignore[import-not-found]

EVERY = 0.2  # seconds between two checkpoints
TRAINS = 2.0  # the most seconds that a process trains before it is killed


def train(folder: Path | None, notes: Path) -> None:
    """Train, or go on, to the end; notes are when the first chunk of this process was done, and what came
    of it."""
    x = (np.random.default_rng(0).random((2000, 64)) < 0.3).astype(np.uint8)
    model = build(x, latent_dim=4, width=32).model
    saved = None if folder is None else lb.Checkpoint(folder, every=EVERY)
    options = {"epochs": 60, "batch_size": 50, "patience": None, "validation": 0.01}
    began = notes / "began"
    tick = [lambda record: began.touch(exist_ok=True) if not began.exists() else None]
    result = fit(model, x, **options, callbacks=tick, checkpoint=saved, resume=saved is not None)
    (notes / "end").write_text(json.dumps(digests(result)))


def main(folder: Path, kills: int) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lowerbound.training.fit", "lowerbound.assembly", "sklearn", "pyarrow"])
    chance, run, notes = random.Random(0), folder / "run", folder / "notes"
    told = {"kills": 0, "in training": 0, "runs": 0, "other bits": 0, "damaged": 0, "lost": 0, "seconds": 0.0}
    notes.mkdir()
    process = context.Process(target=train, args=(None, notes))
    process.start()
    process.join()
    whole = (notes / "end").read_text()
    while told["kills"] < kills:
        for note in notes.iterdir():
            note.unlink()
        process = context.Process(target=train, args=(run, notes))
        process.start()
        if chance.random() < 0.75:  # else it may be before the first step
            while process.is_alive() and not (notes / "began").exists():
                process.join(0.01)
        process.join(chance.uniform(0.0, TRAINS))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            now = time.time()
            process.join()
            told["kills"] += 1
            found, damaged = Generations(run, 2).newest()
            told["damaged"] += len(damaged)
            told["lost"] += found is None and bool(damaged)
            if (notes / "began").exists():
                told["in training"] += 1
                since = (notes / "began").stat().st_mtime
                saved = 0.0 if found is None else found.path.stat().st_mtime
                told["seconds"] = max(told["seconds"], now - max(since, saved))
        else:
            told["runs"] += 1
            told["other bits"] += (notes / "end").read_text() != whole
            shutil.rmtree(run)
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
