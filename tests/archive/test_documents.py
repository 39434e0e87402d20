"""JSON is parsed after its depth was looked at: what is text is no structure, whatever it holds."""

import pytest

from lowerbound.archive.documents import check_depth, parsed
from lowerbound.limits import DEPTH, RECORD

MOST, MORE = b"[" * DEPTH, b"[" * (DEPTH + 1)


@pytest.mark.parametrize(
    "pieces",
    [
        [MOST],
        [b'"' + MORE + b'"'],
        [b'"\\"' + MORE + b'"'],  # an escaped quotation mark ends no text
        [b"[]" * 1000],
        [b'{"a": [1]}\n'] * 1000,
        [b'{"a": "' + MORE + b'"}\n'],
    ],
)
def test_what_is_not_deep_is_let_through(pieces):
    check_depth(pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        [MORE],
        [MOST, b"["],
        [b'"\\\\"' + MORE],  # behind an escaped backslash it does
        [b'["]",' * (DEPTH + 1)],  # ends that are text
        [b"]" * 500 + MORE],  # what closes nothing opens nothing
        [b"]" * 500, MORE],
        [b'"\n' + MORE],  # a text does not go beyond its line
        [b'{"a":\n'] * (DEPTH + 1),
    ],
)
def test_what_is_deep_is_refused(pieces):
    with pytest.raises(ValueError, match="more than 100 deep"):
        check_depth(pieces)


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}', "[1, Infinity]"])
def test_nan_is_no_json(text):
    with pytest.raises(ValueError, match="no number of JSON"):
        parsed(text)


def test_a_document_has_a_size():
    assert parsed(" " * (RECORD - 1) + "1") == 1
    with pytest.raises(ValueError, match="16,777,216"):
        parsed(" " * RECORD + "1")
