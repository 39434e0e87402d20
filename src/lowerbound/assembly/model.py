"""From rows and names to a model: what the command line asks for in words, as parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import Distribution, constraints

from lowerbound.data.chunks import transformed
from lowerbound.data.defaults import WINDOW
from lowerbound.data.likelihood import Choice, by_columns, choose, choose_by_columns
from lowerbound.data.pixels import kind_of_image
from lowerbound.data.rows import Rows
from lowerbound.data.schema import Schema
from lowerbound.distributions.margins import Margins
from lowerbound.distributions.support import masses
from lowerbound.families.family import Family
from lowerbound.families.flows import Flow
from lowerbound.families.masking import masked
from lowerbound.models.autoregressive_prior import AutoregressivePrior
from lowerbound.models.conditional import Conditional
from lowerbound.models.priors import (
    LearnedPrior,
    MixturePrior,
    StandardNormal,
    StandardPrior,
    UniformCodes,
    VampPrior,
)
from lowerbound.models.transforms import Stored, Transform
from lowerbound.models.vae import VAE
from lowerbound.networks.activations import Activation
from lowerbound.networks.convolution import ConvDecoder, ConvEncoder
from lowerbound.networks.mlp import MLP
from lowerbound.networks.network import SequenceReader
from lowerbound.networks.wrappers import Features, Log1p, Standardized
from lowerbound.parts import MISSED, Mechanism, Missed, default, kebab, part
from lowerbound.randomness.keys import as_key

__all__ = ["Built", "automatic_prior", "build"]

Network = Callable[[Array], Array]


# Rows by whose mean and scale an encoder sees others.
_SEEN = 4096
# Of the map through which an encoder sees a number.
_KNOTS = 16
# Of the prior of a table.
_COMPONENTS = 100


def automatic_prior(latent: Family, by_columns: bool) -> type[StandardNormal | StandardPrior | MixturePrior]:
    """The prior where none is named: over real numbers N(0, I), or, of a table that is modelled by its
    columns, a mixture, since rows with categories come in groups; over other sets the family's standard
    member. On each of three tables held-out rows had a higher log p(x) under the mixture (docs/tables.md)."""
    if latent.support != constraints.real_vector:
        return StandardPrior
    return MixturePrior if by_columns else StandardNormal


@dataclass(frozen=True)
class Built:
    """An untrained model, and what was found in the data, in words."""

    model: VAE
    words: str


def build(
    x: Rows | np.ndarray,
    *,
    likelihood: str = default("likelihood"),
    binarize: str | None = None,
    posterior: str = default("posterior"),
    prior: str = default("prior"),
    network: str = default("network"),
    image_shape: tuple[int, ...] | None = None,
    latent_dim: int = 10,
    width: int = 256,
    depth: int = 2,
    activation: Activation = "swish",
    missing: bool = False,
    missing_mechanism: Mechanism = "at-random",
    window: int = WINDOW,
    key: PRNGKeyArray | int = 0,
) -> Built:
    """A VAE for the rows of `x` from the names of its parts. Rows that know their schema are images where it
    says so, and a density is in the table's own units. Of rows beyond memory all is found in their sketch:
    the ends of columns, means and standard deviations are those of all rows, all else that of a sample.

    `network` is `mlp`, of `depth` hidden layers of `width` units, or `conv`, for rows that are images of
    `image_shape`, (height, width) or (height, width, channels); or the name of what reads the text of a table
    into `width` numbers, such as `sequence-gru`, which an MLP then has beside the other columns. The encoder
    sees rows, log(1 + x) of counts without an end, with their mean taken off and on a scale of about 1; the
    last biases of an MLP decoder begin where the likelihood is near the columns' own margins.
    `posterior` is a family over `latent_dim` dimensions (of codes, over that many); `prior` a prior over the
    same set: what [`automatic_prior`][] says (`auto`), N(0, I), the family's standard member
    (`standard-prior`), a member with learned parameters (`learned-prior`), a mixture of 100, the posteriors
    of 500 rows (`vamp-prior`), or a flow. With `missing`, NaN stands for a value that was not observed; with
    the `missing_mechanism` `self-masking` a number may be missing because of what it is, and the mask is part
    of the model ([`SelfMasking`][]): log p is that of what was observed and of what was not.
    `self-masking-high` and `self-masking-low` say which values are missing more often. A category is missing
    at random. Of text, the decoder sees the last `window` tokens before each: the fewer, the more has to come
    through z. Columns that the schema calls [targets][lowerbound.data.schema.Schema.telling] the encoder does
    not see, so that their likelihood is a head that tells them from the code of the others.

    **Raises:** `ValueError` for a wrong argument or rows that are not as said; with `self-masking` where
    nothing is missing, for one family of all columns that has no quantiles, and for a `vamp-prior` of text.

    >>> built = build(np.array([[0, 1, 1], [1, 1, 0]]), latent_dim=2)
    >>> type(built.model.likelihood.family).__name__, built.model.posterior.family.event_size
    ('Bernoulli', 2)
    """
    rows = (x if isinstance(x, Rows) else Rows(x)).sketched()
    schema, sketch = rows.schema, rows.sketch
    x = rows.x if sketch is None else sketch.rows
    of_all = None if sketch is None else (sketch.moments.mean, sketch.moments.deviation)
    if schema is not None:
        image_shape, missing = image_shape or schema.image_shape, missing or schema.missing
    family, of_prior = part(posterior, "posterior"), part(prior, "prior")
    of_network = part(network, "network")
    if latent_dim < 1:
        raise ValueError(f"latent_dim: expected at least 1, found {latent_dim}")
    asked = likelihood != default("likelihood") or binarize is not None
    features = None
    alike = asked or of_network is ConvEncoder
    if missing_mechanism not in get_args(Mechanism):
        expected = " or ".join(get_args(Mechanism))
        raise ValueError(f"missing_mechanism: expected {expected}, found {missing_mechanism!r}")
    missed = MISSED[missing_mechanism]
    if missed is not None and (x.dtype.kind != "f" or not np.isnan(x).any()):
        raise ValueError(
            f"missing_mechanism: {missing_mechanism} learns from missing values, found none; take at-random"
        )
    hidden = _places_of_targets(schema, alike)
    apart = (missed is not None or bool(hidden)) and schema is not None and not schema.wide
    if schema is not None and not alike and (apart or by_columns(x, schema, missing=missing)):
        tokens_key = jax.random.fold_in(as_key(key), 2)
        choice = choose_by_columns(
            x, schema.placed, missing=missing, missed=missed, window=window, key=tokens_key
        )
        reader = of_network if issubclass(of_network, SequenceReader) else None
        features = _seen(x, schema, reader, width, hidden, jax.random.fold_in(as_key(key), 3))
    else:
        image = kind_of_image(image_shape)
        choice = choose(x, likelihood, binarize, missing=missing, image=image, of_all=of_all)
        if missed is not None:
            choice = _with_mask(choice, x, missed)
    has_text = schema is not None and any(column.tokens is not None for column in schema.encoded)
    if issubclass(of_network, SequenceReader) and not (features and has_text):
        way_out = f"say which column it is (kinds), or take {default('network')}"
        raise ValueError(f"network: {network} reads text, found no column of tokens; {way_out}")
    if of_prior is VampPrior and has_text:
        way_out = f"take {kebab(MixturePrior.__name__)}"
        raise ValueError(f"prior: {prior} moves rows by their gradient, and text has none; {way_out}")
    encoder_key, decoder_key = jax.random.split(as_key(key))
    latent_key, prior_key = jax.random.split(jax.random.fold_in(as_key(key), 1))
    d = x.shape[1]
    latent = family.latent(latent_dim, latent_key)
    if of_prior is automatic_prior:
        of_prior = automatic_prior(latent, by_columns=features is not None)
    if of_network is ConvEncoder:
        shape = _image(image_shape, d)
        blocks, odd = divmod(choice.family.size, choice.family.event_size)
        if odd:
            raise ValueError(
                "network: conv needs a likelihood with the same count of numbers for each pixel; "
                f"{type(choice.family).__name__} is not one"
            )
        inner: Network = ConvEncoder(shape, latent.size, width=width, activation=activation, key=encoder_key)
        decoder: Network = ConvDecoder(
            latent.event_size, shape, blocks, width=width, activation=activation, key=decoder_key
        )
    else:
        mlp = partial(MLP, width=width, depth=depth, activation=activation)
        inputs = d if features is None else Features.inputs(**features)
        inner = mlp(inputs, latent.size, key=encoder_key)
        decoder = _from_margins(mlp(latent.event_size, choice.family.size, key=decoder_key), choice)
    seen = transformed(choice.transform, x[:_SEEN] if sketch is None else x[:: -(-len(x) // _SEEN)])
    if features is not None:
        encoder: Network = Features(inner, **features)
    else:
        encoder = _encoder(inner, np.log1p(seen) if choice.unbounded_counts else seen, missing)
        encoder = Log1p(encoder) if choice.unbounded_counts else encoder
    model = VAE(
        prior=_prior(of_prior, latent, seen, prior_key),
        posterior=Conditional(encoder, latent),
        likelihood=Conditional(decoder, choice.family),
        transform=_in_own_units(choice, schema),
    )
    return Built(model, choice.words)


def _with_mask(choice: Choice, x: np.ndarray, missed: Missed) -> Choice:
    """The choice for columns of one kind, with the mask in its family."""
    try:
        family = masked(choice.family, transformed(choice.transform, x), missed)
    except TypeError as error:
        raise ValueError(
            f"missing_mechanism: a mask is of independent numbers with quantiles, found "
            f"{choice.words}; take at-random ({error})"
        ) from None
    return replace(choice, family=family)


def _in_own_units(choice: Choice, schema: Schema | None) -> Transform:
    """The choice's transform; of a density, with what the units add in which the rows are kept."""
    if schema is None:
        return choice.transform
    log_units = np.where(masses(choice.family.support, len(schema.log_units)), 0.0, schema.log_units)
    return Stored(choice.transform, log_units) if log_units.any() else choice.transform


def _from_margins(decoder: MLP, choice: Choice) -> MLP:
    """A decoder whose last biases are what comes near the columns without a latent variable. Of counts
    without an end its last weights are small besides, since what it puts out are logarithms: 0.3 of one costs
    a count of 10,000 some 500 nats."""
    if choice.start is None:
        return decoder
    decoder = eqx.tree_at(lambda mlp: mlp.biases[-1], decoder, jnp.asarray(choice.start, float))
    if choice.unbounded_counts:
        decoder = eqx.tree_at(lambda mlp: mlp.weights[-1], decoder, 0.01 * decoder.weights[-1])
    return decoder


def _encoder(network: Network, seen: np.ndarray, missing: bool) -> Network:
    """A network behind what brings the rows that it sees to a mean of 0 and a scale of about 1."""
    seen = np.where(np.isnan(seen).all(0), 0.0, seen) if missing else seen
    return Standardized(
        network,
        # A missing value reaches the encoder as 0, which then is the mean.
        mean=jnp.zeros(seen.shape[1]) if missing else jnp.asarray(seen.mean(0)),
        # One scale for all columns: a pixel that is almost always blank must not be blown up.
        scale=jnp.asarray(float(np.sqrt(np.nanvar(seen, 0).mean())) or 1.0),
    )


def _seen(
    x: np.ndarray,
    schema: Schema,
    reader: type[SequenceReader] | None,
    width: int,
    hidden: tuple[int, ...],
    key: PRNGKeyArray,
) -> dict[str, Any]:
    """How [`Features`][] sees the rows of a table of several kinds: the levels of each place, the margins of
    those that have none, the periods of dates and times, what reads a text, of a vector `width` long, and
    what is hidden from it."""
    levels = tuple(2 if column.kind == "bit" else column.choices for column in schema.placed)
    numbers = x[:, [not each for each in levels]]
    margins = Margins.of(numbers, bins=_KNOTS) if numbers.shape[1] else None
    periods = tuple((place, *each) for place, c in enumerate(schema.placed) for each in c.periods)
    texts = [(f, c) for f, c in zip(schema.firsts, schema.encoded, strict=True) if c.tokens is not None]
    readers = tuple(
        (first, reader(column.choices, column.places, width, key=jax.random.fold_in(key, first)))
        for first, column in texts
        if reader is not None
    )
    return {
        "levels": levels,
        "margins": margins,
        "periods": periods,
        "readers": readers,
        "hidden": hidden,
    }


def _places_of_targets(schema: Schema | None, alike: bool) -> tuple[int, ...]:
    """The places of an encoded row that hold what the encoder does not see."""
    if schema is None or not schema.targets:
        return ()
    if schema.wide or alike:
        raise ValueError(
            "targets: are columns of a table, each modelled by its own kind; found rows that one family "
            "describes"
        )
    return tuple(place for place, column in enumerate(schema.placed) if column.name in schema.targets)


def _prior(kind: Any, latent: Family, seen: np.ndarray, key: PRNGKeyArray) -> Callable[..., Distribution]:
    """A prior of a kind, over the set of the posterior's family."""
    if issubclass(kind, Flow):
        return LearnedPrior(kind(latent.event_size, context_size=0, key=key))
    if kind is AutoregressivePrior:
        return AutoregressivePrior(latent.event_size, key=key)
    if kind is MixturePrior:
        return MixturePrior(latent, _COMPONENTS, key=key)
    if kind is VampPrior:
        return VampPrior(np.nan_to_num(seen[:500]))
    if kind is UniformCodes:
        return UniformCodes(*(latent.codes or (latent.event_size, 2)))
    prior: Callable[..., Distribution]
    prior = kind(latent if kind in (StandardPrior, LearnedPrior) else latent.event_size)
    return prior


def _image(shape: tuple[int, ...] | None, columns: int) -> tuple[int, int, int]:
    """(height, width, channels) of a row that is an image."""
    if shape is None or len(shape) not in (2, 3) or int(np.prod(shape)) != columns:
        found = "none" if shape is None else "×".join(map(str, shape))
        raise ValueError(
            f"network: conv needs rows that are images, of an image_shape of {columns} values in all; found "
            f"{found}"
        )
    height, width, channels = (*shape, 1)[:3]
    return int(height), int(width), int(channels)
