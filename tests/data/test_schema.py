"""Which likelihood data ask for."""

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.build import build
from lowerbound.data.schema import choose

RNG = np.random.default_rng(0)
BINARY = RNG.integers(0, 2, (50, 3))
COUNTS = RNG.integers(0, 17, (50, 3))
GREY = RNG.integers(0, 256, (50, 3)).astype(np.uint8)
REAL = RNG.normal(5, 2, (50, 3))


@pytest.mark.parametrize(
    ("x", "options", "family", "transform"),
    [
        (BINARY, {}, lb.Bernoulli, lb.Identity),
        (BINARY.astype(float), {}, lb.Bernoulli, lb.Identity),
        (COUNTS, {}, lb.BetaBinomial, lb.Identity),
        (GREY, {}, lb.DiagonalGaussian, lb.Dequantization),
        (REAL, {}, lb.DiagonalGaussian, lb.Standardization),
        (GREY, {"binarize": "dynamic"}, lb.Bernoulli, lb.DynamicBinarization),
        (GREY, {"binarize": "static"}, lb.Bernoulli, lb.StaticBinarization),
        (GREY, {"binarize": "threshold"}, lb.Bernoulli, lb.Threshold),
        (COUNTS, {"likelihood": "binomial"}, lb.Binomial, lb.Identity),
        (COUNTS, {"likelihood": "categorical"}, lb.Categorical, lb.Identity),
        (COUNTS, {"likelihood": "diagonal-gaussian"}, lb.DiagonalGaussian, lb.Standardization),
    ],
)
def test_the_choice_is_made_and_said(x, options, family, transform):
    choice = choose(x, **options)
    assert type(choice.family) is family
    assert type(choice.transform) is transform
    assert family.__name__.removeprefix("Diagonal").lower() in choice.words.lower().replace(" ", "")


def test_counts_know_their_range():
    assert choose(COUNTS).family.trials == 16
    assert choose(COUNTS, "categorical").family.levels == 17


def test_constant_columns_are_kept_and_said():
    x = np.concatenate([REAL, np.full((50, 1), 7.0)], axis=1)
    choice = choose(x)
    assert "1 constant column kept" in choice.words
    built = build(x.astype(np.float32), latent_dim=1, width=8)
    result = lb.fit(built.model, x, transform=built.transform, epochs=30)
    evidence = lb.log_evidence(result.model, x, samples=10, transform=built.transform)
    assert np.isfinite(evidence.log_prob).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "bernouli"}, "likelihood: unknown 'bernouli'; the nearest is 'bernoulli'"),
        ({"binarize": "dynamical"}, "binarize: unknown 'dynamical'; the nearest is 'dynamic'"),
        ({"binarize": "dynamic", "likelihood": "binomial"}, "goes with the likelihood bernoulli"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(options, message):
    with pytest.raises(ValueError, match=message):
        choose(GREY, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"posterior": "gaussian"}, "posterior: unknown 'gaussian'"),
        ({"prior": "standard"}, "prior: unknown 'standard'; the nearest is 'standard-normal'"),
        ({"latent_dim": 0}, "latent_dim: expected at least 1, found 0"),
        ({"width": 0}, "MLP.width"),
        ({"activation": "sigmoid"}, "MLP.activation: expected one of"),
    ],
)
def test_a_model_is_refused_where_a_part_is_unknown(options, message):
    with pytest.raises(ValueError, match=message):
        build(BINARY, **options)


def test_a_blank_pixel_is_not_blown_up():
    """The encoder's view has one scale for all columns."""
    x = np.zeros((1000, 4), np.uint8)
    x[0, 0], x[:500, 1] = 1, 1
    network = build(x, latent_dim=1).model.posterior.network
    assert np.asarray(network.scale.value).shape == ()
    seen = (x - np.asarray(network.mean.value)) / np.asarray(network.scale.value)
    assert np.abs(seen).max() < 5
    assert seen.std() == pytest.approx(1, rel=0.01)
