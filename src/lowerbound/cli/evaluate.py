"""`lowerbound evaluate`."""

from __future__ import annotations

from json import dumps

from lowerbound.cli.options import Data, Folder, Json, Samples, Seed

__all__ = ["evaluate"]


def evaluate(folder: Folder, data: Data, samples: Samples = 5000, seed: Seed = 0, json: Json = False) -> int:
    """The bound and log p(x) of a saved model with their errors, beside its baselines on the same rows.

    Example: lowerbound evaluate runs/digits digits
    """
    from lowerbound.baselines import load_baselines
    from lowerbound.cli.console import compilation_cache, print_metrics, say
    from lowerbound.cli.files import without_nan
    from lowerbound.data.sources import open_source
    from lowerbound.evaluation import evaluate
    from lowerbound.store import read

    saved = read(folder)
    source = open_source("digits:test" if data == "digits" else data)
    beside = folder / "baselines.safetensors"
    baselines = load_baselines(beside) if beside.exists() else {}
    compilation_cache()
    say(f"log p(x) of {len(source.x)} rows of {source.name}, {samples} samples a row")
    metrics = evaluate(saved, source.x, baselines, samples=samples, seed=seed)
    print(dumps(without_nan(metrics), indent=1)) if json else print_metrics(metrics)
    return 0
