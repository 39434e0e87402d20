"""Whatever bytes a file has: what is read of it is a value or a typed error."""

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import runs
from .look import found
from .samples import path_asked, reader_of, samples

NAMES = (*(name for name in samples()),)
# A place in a file, as a share of it; what is put there; how many bytes it takes the place of.
EDIT = st.tuples(
    st.integers(0, 10**6),
    st.one_of(
        st.binary(min_size=1, max_size=8),
        st.sampled_from(
            [b"\xff" * 4, b"\0" * 8, b"\xff" * 8, b"\x7f\xff\xff\xff", b"-1", b"nan", b"[", b'"', b"\n"]
        ),
    ),
    st.sampled_from([0, 1, 2, 4, 8, 100]),
)
EDITS = st.lists(EDIT, min_size=1, max_size=4)
SETTINGS = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def broken(data, edits, kept):
    """The bytes with these edits, or only a share of them."""
    changed = bytearray(data[: len(data) * kept // 1000])
    for place, put, taken in edits:
        start = place % (len(changed) + 1)
        changed[start : start + taken] = put
    return bytes(changed)


def read(folder, name, data):
    """What comes of reading a file of these bytes."""
    (folder / name).parent.mkdir(exist_ok=True)
    if name.startswith("run/"):
        for other, sound in runs.sound().items():
            (folder / "run" / other).write_bytes(sound)
    (folder / name).write_bytes(data)
    with warnings.catch_warnings(action="ignore"):
        return found(reader_of(name), path_asked(folder, name), _sound_run(folder))


def _sound_run(folder):
    from lowerbound.runs import RunFolder

    if not (place := folder / "sound").exists():
        runs.a_run()(place)
    return RunFolder(place)


def check(name, folder, examples):
    @settings(SETTINGS, max_examples=examples)
    @given(EDITS, st.sampled_from([1000, 1000, 1000, 900, 500, 10]))
    def holds(edits, kept):
        answer = read(folder, name, broken(samples()[name], edits, kept))
        assert answer["typed"] or not answer["error"], answer

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_file_is_a_value_or_a_typed_error(name, tmp_path):
    check(name, tmp_path, 5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_broken_files_are_values_or_typed_errors(name, tmp_path):
    check(name, tmp_path, 2000)


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_file_is_read(name, tmp_path):
    """The control: what is broken was not broken before."""
    if name != "rows.lbz":  # of another model
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name.startswith("run/"):
            runs.a_run()(tmp_path / "x")
            (tmp_path / "run").rmdir()
            (tmp_path / "x").rename(tmp_path / "run")
        (tmp_path / name).write_bytes(samples()[name])
        answer = found(reader_of(name), path_asked(tmp_path, name), None)
        assert not answer["error"], answer
