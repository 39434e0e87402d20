"""A script: ends a process after each call of the path that saves a generation, and looks at what is left.

Counted are the calls of functions written in C, among which are all that ask something of the operating
system."""

import json
import os
import sys
import tempfile
from pathlib import Path

from lowerbound.archive.generations import Generations

FILES = [{"standing.bin": bytes([n]) * 5000} for n in range(4)]


def crashed_after(calls: int, generations: Generations) -> bool:
    """Whether a child that writes the third generation was ended after so many calls."""
    child = os.fork()
    if child == 0:
        made = [0]

        def count(frame: object, event: str, function: object) -> None:
            if event == "c_return":
                made[0] += 1
                if made[0] == calls:
                    os._exit(9)

        sys.setprofile(count)
        generations.write(FILES[2])
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9


def main(folder: Path) -> None:
    wrong, old, calls = [], 0, 0
    while True:
        calls += 1
        generations = Generations(Path(tempfile.mkdtemp(dir=folder)), keep=2)
        for files in FILES[:2]:
            generations.write(files)
        if not crashed_after(calls, generations):
            break
        after = Generations(generations.folder, keep=2)
        found, damaged = after.newest()
        if found is None or found.files not in (FILES[1], FILES[2]) or damaged:
            wrong.append((calls, str(found), str(damaged)))
            continue
        old += found.files == FILES[1]
        after.write(FILES[3])
        if after.newest()[0].files != FILES[3] or len(list(after.folder.iterdir())) != 2:
            wrong.append((calls, "the next one", sorted(path.name for path in after.folder.iterdir())))
    print(json.dumps({"crashes": calls - 1, "old": old, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
