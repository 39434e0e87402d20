"""A row far from all that a model was made for: its log p(x) falls without end, and is never NaN."""

import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.evidence.stream import Plan, Stream, Weights
from lowerbound.parts import names

from ..tables import cases

RNG = np.random.default_rng(0)
# Rows that likelihoods may have, and how far out a row may lie in them.
COUNTS, BITS, SHARES = RNG.poisson(12, (60, 3)), RNG.integers(0, 2, (60, 3)), RNG.uniform(0.1, 0.9, (60, 3))
OPEN, OF_BITS, OF_SHARES = (1e4, 1e6, 1e12, 1e30), ("bernoulli",), ("beta", "continuous-bernoulli")


@pytest.mark.parametrize(
    "likelihood", cases(names("likelihood"), fast=["diagonal-gaussian", "beta-binomial"])
)
def test_a_row_far_out_has_a_score_that_falls_without_end(likelihood):
    """For every likelihood by name, all columns and one of them far out, up and down; to the last, and not
    once NaN or above the rows that the model was made for."""
    x = BITS if likelihood in OF_BITS else SHARES if likelihood in OF_SHARES else COUNTS
    x = np.maximum(x, 1) if likelihood == "log-normal" else x
    model = build(x, likelihood=likelihood, latent_dim=2, width=16, depth=1).model
    near = lb.log_evidence(model, x.astype(np.float32), method="importance", samples=32).log_prob
    assert near.dtype == np.float64
    for sign in (1, -1):
        one, all_columns = np.repeat(x[:1].astype(float), len(OPEN), axis=0), np.tile(OPEN, (3, 1)).T
        one[:, 0] = OPEN
        try:
            scores = lb.log_evidence(
                model, sign * np.concatenate([one, all_columns]), method="importance", samples=32
            ).log_prob
        except lb.DataError as outside:
            assert "expected for the" in str(outside)  # noqa: PT017 (a family without such values)
            continue
        assert not np.isnan(scores).any()
        assert (scores < near.min()).all()
        for falling in np.split(scores, 2):
            assert (np.diff(falling[np.isfinite(falling)]) < 0).all()


def test_weights_that_are_no_numbers_count_as_none():
    """Two samples of weight 2 and two without one: p̂ = 1, in whatever order they come; of none p̂ = 0."""
    log_w = jnp.log(jnp.asarray([2.0, 2.0]))
    for bad in (jnp.nan, jnp.inf, -jnp.inf):
        none = jnp.asarray([bad, bad])
        for first, second in ((log_w, none), (none, log_w)):
            stream = added(added(Stream.empty(PLAN), first), second)
            assert float(stream.maximum + jnp.log(stream.sum[0] / 4)) == pytest.approx(0.0, abs=1e-6)
            assert float(stream.own_log_weight) == -np.inf
        assert float(added(added(Stream.empty(PLAN), none), none).maximum) == -np.inf


PLAN = Plan((1,), 0, 2, 2)


def added(stream, log_w):
    """A stream with these two weights more."""
    return stream.add(PLAN, Weights(*[log_w[None]] * 3), jnp.ones((1, 2), bool))
