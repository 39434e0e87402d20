"""What it costs to begin: `import lowerbound` and `lowerbound --help`, over a bare interpreter.

    python benchmarks/startup.py [--rounds 9]

The three commands run in turn; the median of each, and the differences to the bare interpreter, in seconds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "import lowerbound": [sys.executable, "-c", "import lowerbound"],
    "lowerbound --help": [sys.executable, "-m", "lowerbound", "--help"],
    "lowerbound fit --help": [sys.executable, "-m", "lowerbound", "fit", "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each command, in turn")
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):  # the first fills the file cache and is not counted
        for name, command in COMMANDS.items():
            begin = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            seconds[name].append(time.perf_counter() - begin)
    bare = statistics.median(seconds["bare interpreter"][1:])
    for name, times in seconds.items():
        median = statistics.median(times[1:])
        print(f"{name:22} {median:.3f} s, {median - bare:+.3f} s over the bare interpreter")


if __name__ == "__main__":
    main()
