"""A fuzzing target over every reader: whatever bytes a file has, a value or a typed error comes of it.

`python fuzz/readers.py SAMPLE [FOLDER] [options of libFuzzer]`: of the sample of this name
(`tests/hostile/samples.py`), or `all` of them, one after another, for as many seconds each as the environment
variable SECONDS says (60). `make fuzz` installs atheris and runs all; what it finds is written into
`fuzz/found/`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["lowerbound.data.sources", "lowerbound.archive"]):
    from tests.hostile.samples import samples
    from tests.hostile.test_mutated import read

SECONDS = os.environ.get("SECONDS", "60")
FOUND = ROOT / "fuzz" / "found"


def main(name: str, options: list[str]) -> None:
    """Fuzz the reader of one sample, beginning with the sample itself."""
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(prefix="lowerbound-fuzz-"))
    (corpus := folder / "corpus").mkdir()
    (corpus / "sample").write_bytes(samples()[name])
    FOUND.mkdir(exist_ok=True)
    prefix = f"-artifact_prefix={FOUND}/{name.replace('/', '-')}-"
    limits = [f"-max_total_time={SECONDS}", "-rss_limit_mb=3000", "-timeout=10", "-max_len=20000"]
    call = [sys.argv[0], str(corpus), prefix, *limits, "-print_final_stats=1", *options]
    atheris.Setup(call, lambda data: read(folder, name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["all"]:  # a process each: libFuzzer ends its own
        ended = {name: subprocess.run([sys.executable, __file__, name]).returncode for name in samples()}
        failed = [name for name, status in ended.items() if status]
        print(f"{len(ended) - len(failed)} of {len(ended)} readers hold; found in: {failed}")
        sys.exit(bool(failed))
    main(sys.argv[1], sys.argv[2:])
