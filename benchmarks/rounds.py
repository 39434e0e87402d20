"""Programs measured in turn in one run, so that ratios hold on a machine whose speed wanders."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Program", "in_turn", "machine", "ratio"]

# So many steps, or rows, whatever a workload counts.
Program = Callable[[int], Any]


def in_turn(
    programs: Mapping[str, Program], numbers: Mapping[str, int], rounds: int
) -> dict[str, list[float]]:
    """Seconds for one step of each program, a number a round; each has run once before, to compile."""
    for name, program in programs.items():
        program(numbers[name])
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            begin = time.perf_counter()
            program(numbers[name])
            seconds[name].append((time.perf_counter() - begin) / numbers[name])
    return seconds


def ratio(seconds: Mapping[str, list[float]], name: str, reference: str) -> dict[str, float]:
    """How many times as long `name` takes as `reference`: of the least of all rounds, which on a noisy
    machine is what a program costs; and the median and quartiles of the rounds' own ratios."""
    of_rounds = np.array(seconds[name]) / np.array(seconds[reference])
    low, middle, high = np.quantile(of_rounds, [0.25, 0.5, 0.75])
    least = min(seconds[name]) / min(seconds[reference])
    return {"least": least, "median": float(middle), "low": float(low), "high": float(high)}


def machine() -> dict[str, Any]:
    """What figures were measured on, and with."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    versions = {}
    for name in ("lowerbound", "jax", "numpyro", "torch", "pyro-ppl", "pythae"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"processor": processor, "cores": os.cpu_count(), "versions": versions}
