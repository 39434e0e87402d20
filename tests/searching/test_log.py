"""The log: what it refuses, what it drops, and that a search goes on with it to the bit."""

import json

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.searching.log import Call, Log

from .models import MIRROR, X, closeness

HEADER = {"method": "random", "random_state": 0}
CALLS = [Call("a", 1.5, (0.1, 1 / 3)), Call("b", float("nan"), (0.0, 1e-30))]


def test_calls_come_back_to_the_bit(tmp_path):
    Log(HEADER, tmp_path / "log").add(CALLS)
    again = Log(HEADER, tmp_path / "log").calls
    assert again[0] == CALLS[0]
    assert again[1].z == CALLS[1].z
    assert np.isnan(again[1].score)


def test_a_torn_last_line_is_dropped(tmp_path):
    path = tmp_path / "log"
    Log(HEADER, path).add(CALLS)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"score": 1.0, "ro')
    assert len(Log(HEADER, path).calls) == 2
    assert path.read_bytes() == whole


def test_the_log_of_another_search_says_what_differs(tmp_path):
    Log(HEADER, tmp_path / "log")
    with pytest.raises(ValueError, match="another search: random_state was 0, found 1"):
        Log({**HEADER, "random_state": 1}, tmp_path / "log")


@pytest.mark.parametrize("content", ["what\n", "[]\n", json.dumps(HEADER) + '\n{"score": "x"}\n'])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "log").write_text(content)
    with pytest.raises(ValueError, match=r"line \d: expected the log of a search"):
        Log(HEADER, tmp_path / "log")
    assert (tmp_path / "log").read_text() == content


class StoppedError(Exception):
    pass


class Counted:
    """A score that counts its rows, and stops a search after so many."""

    def __init__(self, stop_after=10**9):
        self.rows, self.stop_after = 0, stop_after

    def __call__(self, rows):
        if self.rows + len(rows) > self.stop_after:
            raise StoppedError
        self.rows += len(rows)
        return closeness(rows)


METHODS = [
    "random",
    "screening",
    pytest.param("gradient", marks=pytest.mark.thorough),
    "bayesian",
    "evolution",
]


def searched(score, method, calls=75, model=MIRROR, **options):
    return lb.search(model, score, calls=calls, method=method, data=X, batch=10, start=20, **options)


def assert_same(a, b):
    np.testing.assert_array_equal(a.z, b.z)
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.call, b.call)


@pytest.mark.parametrize("method", METHODS)
def test_a_search_that_was_stopped_goes_on_to_the_bit(tmp_path, method):
    whole = searched(closeness, method)
    with pytest.raises(StoppedError):
        searched(Counted(stop_after=45), method, log=tmp_path / "log")
    # Of the last batch that was written a few lines are lost, one of them in the middle.
    lines = (tmp_path / "log").read_text().splitlines(keepends=True)
    (tmp_path / "log").write_text("".join(lines[:-3]) + lines[-3][:20])
    kept = len(lines) - 1 - 3
    rest = Counted()
    assert_same(searched(rest, method, log=tmp_path / "log"), whole)
    assert rest.rows == 75 - kept
    nothing = Counted(stop_after=0)
    assert_same(searched(nothing, method, log=tmp_path / "log"), whole)


def test_with_more_calls_a_search_that_ended_goes_on(tmp_path):
    searched(Counted(), "bayesian", calls=45, log=tmp_path / "log")
    more = Counted()
    assert_same(searched(more, "bayesian", log=tmp_path / "log"), searched(closeness, "bayesian"))
    assert more.rows == 30


def test_another_model_is_another_search(tmp_path):
    searched(closeness, "random", calls=20, log=tmp_path / "log")
    other = lb.VAE(MIRROR.prior, MIRROR.posterior, lambda z: MIRROR.p_x(2 * z))
    with pytest.raises(ValueError, match="model was"):
        searched(closeness, "random", calls=20, model=other, log=tmp_path / "log")


def test_rows_that_come_out_otherwise_are_not_taken_for_those_of_the_log(tmp_path):
    searched(closeness, "random", calls=20, log=tmp_path / "log")
    lines = (tmp_path / "log").read_text().splitlines()
    changed = {**json.loads(lines[3]), "row": "0" * 16}
    (tmp_path / "log").write_text("\n".join([*lines[:3], json.dumps(changed), *lines[4:], ""]))
    with pytest.raises(ValueError, match="line 4: the row of this call is not the one"):
        searched(closeness, "random", calls=20, log=tmp_path / "log")


def test_another_score_is_another_search(tmp_path):
    searched(closeness, "random", calls=20, log=tmp_path / "log")
    with pytest.raises(ValueError, match="score was"):
        searched("x0", "random", calls=20, log=tmp_path / "log")
