"""Programs measured in turn in one run, so that ratios hold on a machine whose speed wanders."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Program", "Timed", "cores", "installed", "machine", "timed"]

# So many steps, or rows, whatever a workload counts.
Program = Callable[[int], Any]


@dataclass(frozen=True)
class Timed:
    """Seconds for one `item` (a step, a row) of each program, a number a round."""

    item: str
    seconds: dict[str, list[float]]
    absent: list[str] = field(default_factory=list)  # peers that are not installed here

    def ratio(self, name: str, reference: str) -> dict[str, float]:
        """How many times as long `name` takes as `reference`: of the least of all rounds, which on a noisy
        machine is what a program costs; and the median and quartiles of the rounds' own ratios."""
        of_rounds = np.array(self.seconds[name]) / np.array(self.seconds[reference])
        low, middle, high = np.quantile(of_rounds, [0.25, 0.5, 0.75])
        least = min(self.seconds[name]) / min(self.seconds[reference])
        return {"least": least, "median": float(middle), "low": float(low), "high": float(high)}

    def lines(self, reference: str) -> list[str]:
        """The table as text."""
        found = []
        for name, seconds in self.seconds.items():
            r = self.ratio(name, reference)
            time = f"{1e3 * min(seconds):10.4f} ms a {self.item}"
            spread = f"median {r['median']:.2f}, quartiles {r['low']:.2f} to {r['high']:.2f}"
            found.append(f"  {name:22} {time}   {r['least']:5.2f} times {reference} ({spread})")
        return found + [f"  {name}: not installed" for name in self.absent]


def timed(
    makers: Mapping[str, Callable[[], Program]], item: str, numbers: int | Mapping[str, int], rounds: int
) -> Timed:
    """Each program that can be made here, run once to compile and then in turn, `rounds` times: so many items
    of each. A peer's name is its module's, and what follows a comma says how it is used."""
    here = {name: make for name, make in makers.items() if installed(name)}
    programs = {name: make() for name, make in here.items()}
    counts = dict.fromkeys(programs, numbers) if isinstance(numbers, int) else numbers
    for name, program in programs.items():
        program(counts[name])
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            begin = time.perf_counter()
            program(counts[name])
            seconds[name].append((time.perf_counter() - begin) / counts[name])
    return Timed(item, seconds, [name for name in makers if name not in here])


def installed(name: str) -> bool:
    """Whether the peer of this name is here; what is no peer always is."""
    module = name.split(",")[0]
    return module not in ("numpyro", "torch", "pyro", "pythae") or find_spec(module) is not None


def machine() -> dict[str, Any]:
    """What figures were measured on, and with."""
    import jax

    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    versions = {"python": platform.python_version()}
    for name in ("lowerbound", "jax", "jaxlib", "optax", "numpyro", "torch", "pyro-ppl", "pythae"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    threads = {"XLA": cores()}
    if "torch" in versions:
        import torch

        torch.set_num_threads(cores())
        threads["PyTorch"] = torch.get_num_threads()
    device = jax.devices()[0]
    name = device.device_kind if device.platform != "cpu" else processor
    return {
        "device": device.platform,
        "name": name,
        "cores": cores(),
        "threads": threads,
        "versions": versions,
    }


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
