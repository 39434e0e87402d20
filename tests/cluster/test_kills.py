"""A scoring that is killed ten times loses no row and writes none twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "scoring.py"
# Raised by hand: python benchmarks/scoring.py --rows 10000000 --kills 10
ROWS, PARTS, KILLS = 24_000, 48, 10


@pytest.mark.slow
def test_ten_kills_change_nothing(tmp_path):
    call = [SCRIPT, "--rows", ROWS, "--parts", PARTS, "--kills", KILLS, "--folder", tmp_path]
    environment = {**os.environ, "XDG_CACHE_HOME": f"{tmp_path}/cache"}
    done = subprocess.run([sys.executable, *map(str, call)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["kills"], found["parts"], found["rows_found"]) == (KILLS, PARTS, ROWS)
    assert found["in_order"]
    assert found["same_numbers"]
    assert found["same_list"]
    assert found["refused"] == found["refused_expected"] == 25
    assert found["left_over"] == []
