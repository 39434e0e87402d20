"""Bits-back coding: rows as bytes, whose number is the bound (Townsend, Bird & Barber 2019).

With z in buckets of equal prior mass, a row is coded in three moves: z is popped from the bits that lie on a
stack, by q(z∣x), which gives −log q(z∣x) back; x is pushed by p(x∣z); z is pushed by p(z). What a row takes
is log q(z∣x) − log p(x∣z) − log p(z): on average the negative bound, in bits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, get_args

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, UInt32

from lowerbound.archive.store import content_of, file_of, sha256_of
from lowerbound.archive.structure import Arrays, packed
from lowerbound.compression.buckets import BUCKETS, GaussianCode, centre
from lowerbound.compression.coordinates import gaussian, whitening
from lowerbound.compression.header import check_header
from lowerbound.compression.source import Source
from lowerbound.compression.stack import PRECISION, Stack
from lowerbound.compression.tables import Alphabet, alphabets, check_tables, tables
from lowerbound.data.chunks import CHUNK, in_chunks, transformed
from lowerbound.data.errors import DataError
from lowerbound.data.rows import Rows, checked, conditions_for, in_own_units
from lowerbound.limits import most_unpacked
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.transforms import Binarization
from lowerbound.randomness.keys import RowKeys, as_key

__all__ = ["compress", "decompress"]

_HOLDS = "compressed rows"
# Rows are coded in groups of at most 2⁶, of so many numbers in their tables, and of one in so many of the
# rows before them.
_LARGEST, _NUMBERS, _AHEAD = 6, 2**24, 16
# Rows whose Gaussians are computed together: few, since the first groups are filled up to them.
_FITTED = 8
# Bits that stay below those that a group draws.
_SPARE = 128


def compress(
    model: LatentModel,
    x: ArrayLike | Rows,
    *,
    posterior: Source = "encoder",
    given: ArrayLike | None = None,
) -> bytes:
    """Rows of whole numbers as bytes, without loss: as many as the bound says.

    A row takes −L/log 2 bits, L the bound of the Gaussian that its code is drawn from: the encoder's q(z∣x),
    for the bound that [`evaluate`][] prints; or with `posterior="refined"` the one of the highest bound for
    the row ([`fitted`][lowerbound.evidence.refined.fitted]), which the decoder, who has x before it is
    needed, finds again, at many times the time. To that come the first bits to draw from (22 a dimension of
    z) and what the file says of itself (some 600 bytes).

    The same model, and the same software on the same kind of processor, is needed to decode: both sides have
    to compute the same probabilities to the bit. A file that was written elsewhere is noticed, and refused.

    **Arguments:** `x`: (n, d), whole numbers in the likelihood's support (pixels, counts, levels), NaN where
    it takes missing values; behind a binarisation the binary rows are what is coded; `given`: the condition,
    a row each, which is not part of the file.

    **Raises:** `TypeError` for a likelihood of other than independent whole numbers, and for a prior whose
    dimensions are not independent; `ValueError` for rows that the model sees through a transform that draws,
    and for probabilities that do not sum to 1; `ImportError` without `lowerbound[compress]`.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> x = np.indices((2, 2, 2, 2)).reshape(4, 16).T
    >>> file = lb.compress(model, x)
    >>> bool((lb.decompress(model, file) == x).all())
    True
    """
    if posterior not in get_args(Source):
        raise ValueError(f"posterior: expected {' or '.join(get_args(Source))}, found {posterior!r}")
    rows = checked(model, x, given)
    if len(rows.impossible):
        expected = "rows that have a probability"
        raise DataError("x", expected, f"a value that its column never had in row {rows.impossible[0]}")
    y = transformed(model.transform, rows.x)
    event = model.event(None if rows.given is None else jnp.asarray(rows.given[0]))
    found = alphabets(event.support, y.shape[1], lambda _, columns: np.nanmax(y[:, columns], initial=0))
    # Behind a binarisation the binary rows are the data.
    data = y.astype(np.uint8) if isinstance(model.transform, Binarization) else rows.x
    if not np.array_equal(_back(model, y, data.dtype), data, equal_nan=True):
        raise DataError(
            "x",
            "rows that can be made again of what the model sees",
            f"others behind {type(model.transform).__name__}",
        )
    coder = _Coder(model, posterior, found)
    first = PRECISION * coder.latent(rows.given) + 2 * _SPARE
    while True:
        try:
            words, probe = coder.encoded(y, rows.given, first)
            break
        except _TooFewError:  # rows that take very few bits, or fewer than none
            first *= 2
    structure = {
        "rows": len(rows),
        "type": data.dtype.str,
        "posterior": posterior,
        "ends": tuple(alphabet.high for alphabet in coder.alphabets),
        "first": first,
        "tables": probe,
        "data": _digest(data),
        "model": _identity(model),
        "by": _software(),
    }
    missing = np.isnan(y)
    arrays: Arrays = {"words": words}
    if missing.any():
        arrays["missing"] = np.packbits(missing)
    return file_of(_HOLDS, structure, arrays)


def decompress(model: LatentModel, file: bytes, *, given: ArrayLike | None = None) -> np.ndarray:
    """The rows of which [`compress`][] made these bytes with this model: (n, d), in their type, equal to the
    bit.

    **Raises:** `ValueError` for a file that is cut off or changed, that another model wrote, or that was
    written where other probabilities are computed: by other software, or on another processor.
    """
    structure, arrays = content_of(file, _HOLDS, "file")
    check_header(structure, arrays)
    if structure["model"] != _identity(model):
        raise ValueError("decompress: expected a file that this model wrote, found one of another model")
    n = structure["rows"]
    given = conditions_for(model, given, n, "the file")
    event = model.event(None if given is None else jnp.asarray(given[0]))
    (d,) = event.shape
    if n * d > most_unpacked(len(file)):
        raise ValueError(
            f"decompress: {n:,} rows of {d} are more than {len(file):,} bytes can be trusted with"
        )
    found = alphabets(event.support, d, lambda block, _: structure["ends"][block])
    missing = np.zeros((n, d), bool)
    if "missing" in arrays:
        missing = np.unpackbits(arrays["missing"], count=n * d).reshape(n, d).astype(bool)
    coder = _Coder(model, structure["posterior"], found)
    y = coder.decoded(arrays["words"], missing, given, structure)
    x = _back(model, y, np.dtype(structure["type"]))
    if _digest(x) != structure["data"]:
        raise _elsewhere(structure)
    return in_own_units(model, x)


class _TooFewError(Exception):
    """There are not enough bits to draw a code from."""


class _Coder:
    """Groups of rows onto the stack, and from it: the same programs at the same shapes both ways."""

    def __init__(self, model: LatentModel, source: Source, alphabets: tuple[Alphabet, ...]):
        self.model, self.alphabets = model, alphabets
        self.constants = (model, source, alphabets)
        numbers = sum(alphabet.levels * len(alphabet.columns) for alphabet in alphabets)
        self.largest = min((_NUMBERS // numbers).bit_length() - 1, _LARGEST)

    def latent(self, given: np.ndarray | None) -> int:
        """How many dimensions z has."""
        return int(np.prod(self.model.p_z(None if given is None else jnp.asarray(given[0])).event_shape))

    def encoded(self, y: np.ndarray, given: np.ndarray | None, first: int) -> tuple[np.ndarray, str]:
        """The words of all rows, and what the tables of the last group, which is decoded first, are known
        by."""
        stack, probe, d = Stack(_first_words(first)), "", self.latent(given)
        for some in self._groups(len(y)):
            group = y[some], None if given is None else given[some]
            if stack.bits < PRECISION * d * len(group[0]) + _SPARE:
                raise _TooFewError
            bucket = self._code(*group).pop(stack)
            found = self._tables(bucket, group[1])
            check_tables(found, self.alphabets)
            self._push(group[0], found, stack)
            stack.push_uniform(bucket.ravel(), BUCKETS)
            probe = _digest(*found)
        return stack.words, probe

    def decoded(
        self,
        words: UInt32[np.ndarray, " words"],
        missing: np.ndarray,
        given: np.ndarray | None,
        structure: dict[str, Any],
    ) -> np.ndarray:
        """All rows of these words, the last group first."""
        stack, probe, d = Stack(words, sealed=True), structure["tables"], self.latent(given)
        y = np.where(missing, np.nan, 0.0).astype(np.float32)
        for some in self._groups(len(missing))[::-1]:
            conditions = None if given is None else given[some]
            bucket = stack.pop_uniform(BUCKETS, len(y[some]) * d).reshape(-1, d)
            found = self._tables(bucket, conditions)
            if some.stop == len(y) and _digest(*found) != probe:
                raise _elsewhere(structure)
            y[some] = self._pop(missing[some], found, stack)
            try:
                self._code(y[some], conditions).push(bucket, stack)
            except ValueError:
                raise _elsewhere(structure) from None
        if not np.array_equal(stack.words, Stack(_first_words(structure["first"])).words):
            raise _elsewhere(structure)
        return y

    def _groups(self, n: int) -> list[slice]:
        """Rows that are coded together: a power of two of them, and at the start few, since all codes of a
        group are drawn from what lies on the stack before it."""
        done, groups = 0, []
        while done < n:
            size = min(2**self.largest, max(done // _AHEAD, 1), n - done)
            size = 2 ** (size.bit_length() - 1)
            groups.append(slice(done, done + size))
            done += size
        return groups

    def _code(self, y: np.ndarray, given: np.ndarray | None) -> GaussianCode:
        chunk = min(2**self.largest, _FITTED)
        return GaussianCode.of(*in_chunks(_gaussian, self.constants, (y, given), chunk=chunk))

    def _tables(self, bucket: np.ndarray, given: np.ndarray | None) -> Sequence[np.ndarray]:
        rows = (centre(bucket).astype(np.float32), given)
        return in_chunks(_tabled, self.constants, rows, chunk=2**self.largest)

    def _push(self, y: np.ndarray, tables: Sequence[np.ndarray], stack: Stack) -> None:
        for table, alphabet in zip(tables, self.alphabets, strict=True):
            values = y[:, alphabet.columns]
            seen = ~np.isnan(values)
            stack.push((values[seen] - alphabet.low).astype(np.int32), table[seen])

    def _pop(self, missing: np.ndarray, tables: Sequence[np.ndarray], stack: Stack) -> np.ndarray:
        y = np.full(missing.shape, np.nan, np.float32)
        for table, alphabet in [*zip(tables, self.alphabets, strict=True)][::-1]:
            values, seen = np.full(table.shape[:2], np.nan, np.float32), ~missing[:, alphabet.columns]
            values[seen] = stack.pop(table[seen]) + alphabet.low
            y[:, alphabet.columns] = values
        return y


_Row = tuple[Array, Any]


def _gaussian(constants: Any, row: _Row) -> tuple[Array, Array]:
    (model, source, _), (y, given) = constants, row
    # A row's fit is a function of its content, as the decoder has it.
    key = RowKeys.by_content(as_key(0), y).draws
    return gaussian(Sampler(model, y, jnp.zeros(()), given), source, key)


def _tabled(constants: Any, row: _Row) -> tuple[Array, ...]:
    (model, _, alphabets), (v, given) = constants, row
    return tables(model.p_x(whitening(model.p_z(given))(v), given), alphabets)


def _first_words(bits: int) -> UInt32[np.ndarray, " n"]:
    """What lies on the stack before the first row: bits like any others, and the same for all files."""
    return np.random.default_rng(0).integers(2**32, size=-(-bits // 32), dtype=np.uint32)


def _back(model: LatentModel, y: np.ndarray, kind: np.dtype) -> np.ndarray:
    """The rows of which a model sees these, in their type."""
    x = in_chunks(_inverse, model, y, chunk=CHUNK)
    return x.astype(kind)


def _inverse(model: LatentModel, y: Array) -> Array:
    return model.transform.inverse(y)


def _digest(*arrays: np.ndarray) -> str:
    """64 bits of their content, type and shape."""
    return sha256_of({}, {str(i): np.ascontiguousarray(array) for i, array in enumerate(arrays)})[:16]


def _identity(model: LatentModel) -> str:
    """64 bits of what a model is: its parts and their arrays, without what it knows of a table."""
    arrays: Arrays = {}
    structure = packed((model.theta, model.posterior, model.transform), "model", arrays)
    return sha256_of({"structure": json.dumps(structure)}, arrays)[:16]


def _software() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("lowerbound", "jax", "numpyro", "constriction"))


def _elsewhere(structure: dict[str, Any]) -> ValueError:
    return ValueError(
        "decompress: here the model gives other probabilities than where the file was written, so that it "
        f"cannot be decoded: take the same kind of processor, and the software that wrote it "
        f"({structure['by']}; here {_software()})"
    )
