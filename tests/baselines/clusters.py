"""Rows from two clusters, and the kinds of baselines that are fitted to them."""

from itertools import product

import numpy as np

import lowerbound as lb
from lowerbound.baselines.products import BetaBinomialMixture, BinomialMixture, CategoricalMixture

from ..tables import cases

TRIALS = {"bernoulli": 1, "binomial": 4, "beta-binomial": 4, "categorical": 3}

FAMILIES = {
    "bernoulli": BinomialMixture,
    "binomial": BinomialMixture,
    "beta-binomial": BetaBinomialMixture,
    "categorical": CategoricalMixture,
}

EVERY = cases([*TRIALS, "gaussian"], fast=["binomial", "gaussian"])
COUNTED = cases(TRIALS.keys(), fast=["binomial"])


def family_of(kind, columns=2):
    """The family of a kind's columns."""
    made = {
        "bernoulli": lambda: lb.Bernoulli(columns),
        "binomial": lambda: lb.Binomial(columns, 4),
        "beta-binomial": lambda: lb.BetaBinomial(columns, 4),
        "categorical": lambda: lb.Categorical(columns, 4),
        "gaussian": lambda: None,
    }
    return made[kind]()


def clusters(kind, rows=300, columns=2, seed=0):
    """Rows from two clusters of Binomial columns, one of them never 0 in the first column."""
    rng = np.random.default_rng(seed)
    rate = np.where(rng.random((rows, 1)) < 0.5, 0.15, 0.8)
    return rng.binomial(TRIALS[kind], np.broadcast_to(rate, (rows, columns))).astype(float)


def grid(trials, columns=2):
    return np.array(list(product(range(trials + 1), repeat=columns)), float)
