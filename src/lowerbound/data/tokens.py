"""Text as a sequence of tokens, of a vocabulary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from lowerbound.archive.checked import Checked
from lowerbound.data.molecules import selfies_of, smiles_of
from lowerbound.data.settled import holes_in
from lowerbound.distributions.marks import END

__all__ = ["TOKENIZERS", "Tokenizer", "Tokens", "unsplit"]


class Tokenizer(NamedTuple):
    """How text is split, `None` where it cannot be, and put together again."""

    split: Callable[[str], Sequence[str] | None]
    join: Callable[[Sequence[str]], str]
    words: str


def _by_expression(pattern: str, words: str) -> Tokenizer:
    """Tokens that a regular expression matches one after the other, of which nothing of the text is left."""
    token = re.compile(pattern, re.DOTALL)

    def split(text: str) -> Sequence[str] | None:
        found = [match[0] for match in token.finditer(text)]
        return found if "".join(found) == text else None

    return Tokenizer(split, "".join, words)


# What may be named. Of SMILES an atom in brackets, one of two letters, and a number of a ring are one token;
# of a molecule, which is read and written as SMILES too, the tokens are those of SELFIES.
TOKENIZERS = {
    "tokens": Tokenizer(list, "".join, "characters"),
    "words": Tokenizer(str.split, " ".join, "words"),
    "smiles": _by_expression(
        r"\[[^\]]+\]|Br|Cl|%\d\d|[BCNOPSFIbcnops]|[-=#$:/\\.()@*~+]|\d", "tokens of SMILES"
    ),
    "molecule": Tokenizer(selfies_of, smiles_of, "tokens of SELFIES"),
}


def unsplit(values: np.ndarray, tokenizer: str) -> np.ndarray:
    """Which values are text that cannot be split.

    >>> unsplit(np.array(["CC", "C C", None], object), "smiles").tolist()
    [False, True, False]
    """
    split, pairs = TOKENIZERS[tokenizer].split, zip(values.tolist(), holes_in(values).tolist(), strict=True)
    return np.asarray([not hole and split(str(text)) is None for text, hole in pairs], bool)


@dataclass(frozen=True)
class Tokens(Checked):
    """How the text of a column is a sequence of tokens: split by the `tokenizer`, one of [`TOKENIZERS`][],
    each token the number from 1 on of its place in the `vocabulary`, at most `length` of them. Places behind
    the last hold 0, the end.

    >>> tokens = Tokens.of(["abba", "cab"], "tokens")
    >>> tokens.vocabulary, tokens.length
    (('a', 'b', 'c'), 4)
    >>> kept = tokens.stored(np.array(["abba", "cab", None], object))
    >>> kept.tolist()
    [[1.0, 2.0, 2.0, 1.0], [3.0, 1.0, 2.0, 0.0], [nan, nan, nan, nan]]
    >>> tokens.restored(kept).tolist()
    ['abba', 'cab', None]
    >>> tokens.outside(np.array(["cabal", "dab", "", None], object)).tolist()
    [True, True, False, False]
    """

    tokenizer: str
    vocabulary: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, texts: Iterable[str], tokenizer: str) -> Self:
        """Those of some texts, the vocabulary in the order of the alphabet; a text that cannot be split adds
        none."""
        split = TOKENIZERS[tokenizer].split
        found, longest = set[str](), 0
        for text in texts:
            tokens = split(text) or ()
            found.update(tokens)
            longest = max(longest, len(tokens))
        return cls(tokenizer, tuple(sorted(found)), longest)

    @property
    def levels(self) -> int:
        """How many values a place may have, with the end."""
        return len(self.vocabulary) + 1

    @property
    def of_molecules(self) -> bool:
        """Whether the text is SMILES, however it is split."""
        return self.tokenizer in ("smiles", "molecule")

    @cached_property
    def _number(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.vocabulary, 1)}

    @property
    def words(self) -> str:
        """What they are, in words."""
        kind = TOKENIZERS[self.tokenizer].words
        return f"text of at most {self.length} {kind}, {len(self.vocabulary)} different"

    def fault(self, text: str) -> str | None:
        """What is expected where a text is no such sequence; None where it is one."""
        tokens = TOKENIZERS[self.tokenizer].split(text)
        if tokens is None:
            return f"text of {TOKENIZERS[self.tokenizer].words}"
        unknown = next((token for token in tokens if token not in self._number), None)
        if unknown is not None:
            return f"tokens that the column had, of which {unknown!r} is none"
        if len(tokens) > self.length:
            return f"at most {self.length} tokens, as the longest that the column had; it has {len(tokens)}"
        return None

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Which values are no such sequence."""
        holes = holes_in(values)
        pairs = zip(values.tolist(), holes.tolist(), strict=True)
        return np.asarray([not hole and self.fault(str(text)) is not None for text, hole in pairs], bool)

    def stored(self, values: np.ndarray) -> np.ndarray:
        """The numbers of the tokens, (n, length); NaN in each place of text that was not observed. Of what is
        no such sequence, the empty one."""
        split = TOKENIZERS[self.tokenizer].split
        kept = np.full((len(values), self.length), float(END))
        kept[holes := holes_in(values)] = np.nan
        for row in np.flatnonzero(~holes):
            tokens = split(str(values[row])) or ()
            numbers = [self._number.get(token) for token in tokens]
            if None not in numbers and len(numbers) <= self.length:
                kept[row, : len(numbers)] = numbers
        return kept

    def restored(self, kept: np.ndarray) -> np.ndarray:
        """The text of numbers of tokens; None where one is NaN."""
        join, own = TOKENIZERS[self.tokenizer].join, np.empty(len(kept), object)
        holes = np.isnan(kept).any(1)
        for row, numbers in enumerate(np.rint(np.nan_to_num(kept)).astype(int)):
            ends = np.flatnonzero(numbers == END)
            read = numbers[: ends[0]] if len(ends) else numbers
            own[row] = None if holes[row] else join([self.vocabulary[number - 1] for number in read])
        return own

    @classmethod
    def from_json(cls, record: Any, place: str) -> Self:
        """The tokens that a file says of the column at a `place`.

        **Raises:** `ValueError` for anything else.
        """
        fields = ("tokenizer", "vocabulary", "length")
        if not isinstance(record, Mapping) or set(record) != set(fields):
            raise ValueError(f"{place}: expected the fields {', '.join(fields)}, found {record!r:.60}")
        tokenizer, vocabulary, length = (record[field] for field in fields)
        texts = isinstance(vocabulary, list | tuple) and all(isinstance(token, str) for token in vocabulary)
        if not texts or not vocabulary or len(set(vocabulary)) < len(vocabulary):
            raise ValueError(f"{place}.vocabulary: expected texts that differ, found {vocabulary!r:.60}")
        if not isinstance(length, int) or isinstance(length, bool) or not 0 < length < 2**20:
            raise ValueError(f"{place}.length: expected a whole number from 1, found {length!r:.60}")
        if tokenizer not in tuple(TOKENIZERS):
            expected = f"one of {', '.join(TOKENIZERS)}"
            raise ValueError(f"{place}.tokenizer: expected {expected}, found {tokenizer!r:.60}")
        return cls(tokenizer, tuple(vocabulary), length)

    def checked(self) -> Self:
        return self.from_json(asdict(self), "tokens")
