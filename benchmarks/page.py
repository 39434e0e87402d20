"""docs/performance.md's tables and picture, from the figures of docs/performance.json."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rounds import Timed

__all__ = ["write_page"]

# What a table's line says, its unit, and how many seconds that is.
TITLES = {
    "aevb-20": ("training step, AEVB network, batch 20", "ms", 1e-3),
    "aevb-100": ("training step, AEVB network, batch 100", "ms", 1e-3),
    "aevb-1000": ("training step, AEVB network, batch 1,000", "ms", 1e-3),
    "iwae-50": ("training step, IWAE-50, batch 100", "ms", 1e-3),
    "table": ("training step, 50 columns, 64-64, batch 256", "ms", 1e-3),
    "convolution-28x28x1": ("training step, convolutions, 28×28, batch 100", "ms", 1e-3),
    "convolution-32x32x3": ("training step, convolutions, 32×32×3, batch 100", "ms", 1e-3),
    "evidence": ("log p(x), K = 5,000: a weight", "µs", 1e-6),
    "encoding": ("encode a row, AEVB network", "µs", 1e-6),
    "generation": ("generate a row, AEVB network", "µs", 1e-6),
}
# What a program is called, and its colour in the picture.
PEERS = {
    "products": ("products alone", "#bbbbbb"),
    "by hand": ("JAX by hand", "#888888"),
    "numpyro": ("NumPyro", "#4477aa"),
    "torch": ("PyTorch", "#ee6677"),
    "pyro": ("Pyro", "#ccbb44"),
    "pythae": ("pythae", "#228833"),
    "lowerbound bfloat16": ("lowerbound, bfloat16", "#66ccee"),
    "torch bfloat16": ("PyTorch, bfloat16", "#f4a6b0"),
}
PROCESSES = ("startup", "digits")
NOT_MEASURED = "not measured"


def write_page(figures: dict[str, Any], page: Path) -> None:
    """Put the tables of `figures` between the page's marks, and the picture beside it."""
    cpu, gpu = figures.get("cpu", {}), figures.get("gpu", {})
    tables = {
        "machine": _machines(cpu, gpu),
        "ratios": _ratios(cpu),
        "gpu": _ratios(gpu),
        "spread": _spread(cpu),
        "processes": _processes(cpu),
        "growth": _growth(cpu),
        "quality": _quality(cpu),
    }
    text = page.read_text("utf-8")
    for name, table in tables.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not mark.search(text):
            raise ValueError(f"{page}: expected a mark <!-- {name} --> … <!-- end -->, found none")
        text = mark.sub(lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", text)
    page.write_text(text, "utf-8")
    if cpu:
        _draw(cpu, page.with_suffix(".svg"))


def _timed(entry: dict[str, Any]) -> Timed:
    return Timed(entry["item"], entry["seconds"], entry["absent"])


def _best(entry: dict[str, Any]) -> dict[str, float]:
    """How many times as long each peer takes in the fastest way in which it was used, in the order of
    `PEERS`."""
    timed = _timed(entry)
    ratios = [(name.split(",")[0], timed.ratio(name, "lowerbound")["least"]) for name in timed.seconds]
    present = {peer for peer, _ in ratios}
    return {peer: min(r for name, r in ratios if name == peer) for peer in PEERS if peer in present}


def _machines(cpu: dict[str, Any], gpu: dict[str, Any]) -> str:
    lines = []
    for of_device in (cpu, gpu):
        found = {}
        for name, entry in of_device.items():
            machine = entry["machine"]
            threads = ", ".join(f"{library} {n} threads" for library, n in machine["threads"].items())
            versions = ", ".join(f"{library} {v}" for library, v in machine["versions"].items())
            words = f"{machine['name']}, {machine['cores']} cores ({threads}); {versions}; {entry['date']}"
            found.setdefault(words, []).append(name)
        lines += [f"- {words}: {', '.join(f'`{name}`' for name in names)}." for words, names in found.items()]
    return "\n".join(lines)


def _ratios(of_device: dict[str, Any]) -> str:
    """A line a workload, and a column for each peer that was there in any."""
    bests = {name: _best(of_device[name]) for name in TITLES if name in of_device}
    if not bests:
        return NOT_MEASURED
    peers = [peer for peer in PEERS if any(peer in best for best in bests.values())]
    head = ["workload", "lowerbound", *(PEERS[peer][0] for peer in peers)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, best in bests.items():
        title, unit, seconds = TITLES[name]
        cells = [_least(of_device[name], unit, seconds)]
        cells += [f"{best[peer]:.2f} ×" if peer in best else "" for peer in peers]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _least(entry: dict[str, Any], unit: str, seconds: float) -> str:
    return f"{min(entry['seconds']['lowerbound']) / seconds:.3g} {unit}"


def _spread(cpu: dict[str, Any]) -> str:
    lines = [
        "| workload | program | least | × lowerbound: least | median | quartiles |",
        "|---|---|---|---|---|---|",
    ]
    for name, (title, unit, seconds) in TITLES.items():
        if name in cpu:
            timed = _timed(cpu[name])
            for program, found in timed.seconds.items():
                r = timed.ratio(program, "lowerbound")
                lines.append(
                    f"| {title} | {program} | {min(found) / seconds:.3g} {unit} | {r['least']:.2f} | "
                    f"{r['median']:.2f} | {r['low']:.2f} to {r['high']:.2f} |"
                )
    return "\n".join(lines)


def _processes(cpu: dict[str, Any]) -> str:
    lines = ["| process | least, s | median, s |", "|---|---|---|"]
    for name in PROCESSES:
        for program, found in cpu.get(name, {"seconds": {}})["seconds"].items():
            what = f"fit the digits, {program}" if name == "digits" else f"`{program}`"
            lines.append(f"| {what} | {min(found):.3f} | {sorted(found)[len(found) // 2]:.3f} |")
    return "\n".join(lines)


def _growth(cpu: dict[str, Any]) -> str:
    lines = [
        "| rows | columns | µs an example | data, GB | peak, GB | peak before `fit`, GB |",
        "|---|---|---|---|---|---|",
    ]
    for size in cpu.get("growth", {"found": []})["found"]:
        lines.append(
            f"| {size['rows']:,} | {size['columns']:,} | {1e6 * size['seconds_an_example']:.2f} | "
            f"{size['data_gb']:.3f} | {size['peak_gb']:.2f} | {size['peak_before_fit_gb']:.2f} |"
        )
    return "\n".join(lines)


def _quality(cpu: dict[str, Any]) -> str:
    found = cpu.get("quality", {"found": []})["found"]
    if not found:
        return NOT_MEASURED
    marks = list(found[0]["reached"])
    lines = [
        "| program | compiled and begun, s | "
        + " | ".join(f"{mark} nats" for mark in marks)
        + " | at the end, nats |",
        "|---" * (len(marks) + 3) + "|",
    ]
    for run in found:
        cells = [f"{run['reached'][m]:.0f} s" if run["reached"][m] is not None else "—" for m in marks]
        end = run["curve"][-1]
        last = f"{end[1]:.2f} ± {end[2]:.2f} after {end[0]:.0f} s"
        lines.append(f"| {run['program']} | {run['begun']:.1f} | " + " | ".join(cells) + f" | {last} |")
    return "\n".join(lines)


def _draw(cpu: dict[str, Any], path: Path) -> None:
    """A bar for each peer and workload: how many times as long as this library it takes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    plt.rcParams["svg.hashsalt"] = "lowerbound"  # the same figures draw the same file
    shown = [name for name in TITLES if name in cpu]
    bars = {name: _best(cpu[name]) for name in shown}
    height = sum(map(len, bars.values())) + len(shown)
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.16 * height), layout="constrained")
    y, middles = 0.0, []
    for ratios in bars.values():
        middles.append(y + (len(ratios) - 1) / 2)
        for peer, ratio in ratios.items():
            title, colour = PEERS[peer]
            axes.barh(y, ratio - 1, left=1, height=0.85, color=colour)
            side = {"ha": "left"} if ratio >= 1 else {"ha": "right"}
            place = ratio * (1.03 if ratio >= 1 else 0.97)
            axes.text(place, y, f"{title} {ratio:.2f}", va="center", fontsize=7, **side)
            y += 1
        y += 1
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(0.22, 10)
    axes.set_xticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
    axes.minorticks_off()
    axes.set_yticks(middles, [TITLES[name][0].replace(", batch", ",\nbatch") for name in shown])
    axes.invert_yaxis()
    axes.tick_params(labelsize=8)
    axes.set_xlabel("time, lowerbound = 1 (log scale); to the right: slower than lowerbound", fontsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
