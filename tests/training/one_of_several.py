"""One of several processes that train together: arguments PORT PROCESSES PROCESS FOLDER EPOCHS STOP."""

import hashlib
import sys

import jax
import numpy as np
from conftest import small_model  # beside this script

import lowerbound as lb
from lowerbound.training.processes import ProcessDiedError, join


def main(port: str, processes: int, process: int, folder: str, epochs: float, stop: float) -> None:
    if processes > 1:
        join(f"127.0.0.1:{port}", processes, process)
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, (300, 1)).repeat(3, axis=1)
    x = (np.concatenate([half, 1 - half], axis=1) ^ (rng.random((300, 6)) < 0.1)).astype(np.uint8)

    def told(record: dict[str, float]) -> bool:
        print("step", record["step"], flush=True)
        return record["step"] >= stop

    checkpoint = lb.Checkpoint(f"{folder}/checkpoints", every=0.5)
    try:
        result = lb.fit(
            small_model(),
            x,
            epochs=epochs,
            batch_size=32,
            callbacks=[told],
            checkpoint=checkpoint,
            resume=True,
        )
    except ProcessDiedError as error:
        print(error, flush=True)
        sys.exit(1)
    if process == 0:
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(result.state)]
        digest = hashlib.sha256(b"".join(leaf.tobytes() for leaf in leaves)).hexdigest()
        np.savez(f"{folder}/state.npz", *leaves)
        print("digest", digest, "step", int(result.state.step), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5]), float(sys.argv[6]))
