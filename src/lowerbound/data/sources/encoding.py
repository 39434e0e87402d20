"""What bytes are as text: UTF-8, UTF-16, or, where they are neither, one byte a character."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO, TextIO

from lowerbound.limits import LINE

__all__ = ["decoded", "encodings_of", "head_of", "lines_of", "pieces_of"]

_BLOCK = 1 << 16
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What Windows calls Latin-1, and Latin-1 itself, in which every byte is a character.
_OF_BYTES = ("cp1252", "latin-1")


def head_of(stream: IO[bytes]) -> tuple[bytes, bool]:
    """The first bytes of a stream, a whole line at least, and whether they are all."""
    head = bytearray()
    while block := stream.read(_BLOCK):
        head += block
        if len(head) >= _BLOCK and (b"\n" in head or b"\r" in head):
            return bytes(head), not stream.read(1)
        if len(head) > LINE:
            raise ValueError(f"its first line has more than {LINE:,} bytes")
    return bytes(head), True


def pieces_of(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a stream in pieces that end where lines do.

    **Raises:** `ValueError` for a line of more than [`LINE`][lowerbound.limits.LINE] bytes.
    """
    rest = b""
    while block := stream.read(1 << 20):
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = b""
        rest += block[end:]
        if len(rest) > LINE:
            raise ValueError(f"a line of it has more than {LINE:,} bytes")
    yield rest


def lines_of(text: TextIO) -> Iterator[str]:
    """The lines of a text.

    **Raises:** `ValueError` for one of more than [`LINE`][lowerbound.limits.LINE] characters.
    """
    number = 0
    while line := text.readline(LINE + 1):
        number += 1
        if len(line) > LINE:
            raise ValueError(f"its line {number} has more than {LINE:,} characters")
        yield line


def encodings_of(head: bytes) -> tuple[str, ...]:
    """The encodings that a text which begins so may be in, the likeliest first.

    **Raises:** `ValueError` for bytes that are no text.

    >>> encodings_of("Straße".encode("latin-1")), encodings_of("Straße".encode("utf-16"))
    (('cp1252', 'latin-1'), ('utf-16',))
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return (encoding,)
    if b"\0" in head:
        # Of text in small letters of UTF-16 every other byte is 0.
        pairs = max(len(head) // 2, 1)
        for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
            if 2 * zeros.count(0) > pairs and 4 * head.count(0) < 3 * len(head):
                return (encoding,)
        raise ValueError("it holds bytes that are not text")
    every = ("utf-8", *_OF_BYTES)
    return tuple(encoding for encoding in every if _decodes(head, encoding))


def decoded(head: bytes, encoding: str, whole: bool) -> str:
    """The text that such bytes begin with, to the end of a line unless they are `whole`."""
    text = codecs.getincrementaldecoder(encoding)().decode(head, final=whole).removeprefix("\ufeff")
    if whole:
        return text
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:end] if end else text


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head, final=False)
    except UnicodeDecodeError:
        return False
    return True
