"""Verdicts on numbers that are at hand: faults are named, and what is advised against them exists."""

import importlib
import inspect
from itertools import chain

import jax
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.cli.advice import as_option
from lowerbound.cli.fit import fit as verb
from lowerbound.diagnosis import judges
from lowerbound.diagnosis.activity import Activity
from lowerbound.diagnosis.advice import Call, worded
from lowerbound.diagnosis.diagnosis import DecoderScale
from lowerbound.diagnosis.gaps import Gaps
from lowerbound.diagnosis.information import Information
from lowerbound.diagnosis.looked import Looked
from lowerbound.parts import names

KEY = jax.random.key(0)
SURE = np.full(20, 5.0) + np.linspace(-0.1, 0.1, 20)
KNOWN = {place: names(place) for place in ("posterior", "prior", "objective", "likelihood")}


def with_posterior(family):
    """Of which judges ask the posterior's family alone."""
    linear = lambda size, family: lb.Conditional(lb.MLP(size, family.size, depth=0, key=KEY), family)  # noqa: E731
    return lb.VAE(lb.StandardNormal(3), linear(4, family), linear(3, lb.Bernoulli(4)))


def looked(bound):
    zeros = np.zeros((len(bound), 1))
    return Looked(zeros, zeros, bound[:, None], zeros, zeros, None, None, None, None)


def scale(smallest, residual):
    one = np.ones(2)
    return DecoderScale(one, smallest * one, residual * one, 0.01 * one)


GAPS = Gaps(SURE, 2 * SURE, SURE, SURE)


def judged(family, gaps=GAPS, used=3, dimensions=3):
    activity = Activity(np.ones(dimensions), (np.arange(dimensions) < used).astype(float))
    return list(judges.judged_gaps(with_posterior(family), gaps, activity, dimensions, []))


FAULTS = {
    "not finite": lambda: judges.judged_finite(looked(np.array([1.0, np.nan]))),
    "collapsed dimensions": lambda: judges.judged_activity(Activity(np.ones(3), np.array([1, 0, 0])), 99),
    "inference gap": lambda: judged(lb.DiagonalGaussian(3), Gaps(*GAPS[:2])),
    "diagonal posterior": lambda: judged(lb.DiagonalGaussian(3)),
    "full posterior": lambda: judged(lb.FullGaussian(3)),
    "flow": lambda: judged(lb.AutoregressiveFlow(3, key=KEY)),
    "prior mismatch": lambda: judges.judged_information(Information(SURE, SURE, SURE, SURE), []),
    "memorised rows": lambda: judges.judged_memory(looked(SURE + 1), looked(SURE), [], []),
    "too sure": lambda: judges.judged_scale(scale(0.001, 1.0)),
    "too wide": lambda: judges.judged_scale(scale(1.0, 0.1)),
    "warm-up": lambda: judges.judged_warm_up([{"step": 9}], lb.ELBO(beta=lb.WarmUp(100)), []),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_advised_exists(fault):
    """Each is an argument of the estimator and an option of `lowerbound fit`, or one of what it names; the
    values are names of parts, numbers, or calls that can be made."""
    verdicts = list(FAULTS[fault]())
    assert verdicts
    for verdict in verdicts:
        assert not verdict.healthy
        assert verdict.advice
        for advice in chain(verdict.advice, *(a.beside for a in verdict.advice)):
            callables = [getattr(lb, advice.of)] if advice.of else [lb.VariationalAutoencoder, verb]
            for function in callables:
                assert advice.argument in inspect.signature(function).parameters, (function, advice)
            if isinstance(advice.value, Call):
                module, _, name = advice.value.name.rpartition(".")
                function = getattr(importlib.import_module(module or "lowerbound"), name)
                inspect.signature(function).bind(*advice.value.arguments)
            elif advice.argument in KNOWN:
                assert advice.value in KNOWN[advice.argument]
            else:
                assert advice.value > 0


def test_the_gaps_are_weighed_by_the_dimensions_in_use():
    """5 nats are a fault of fewer than 20 dimensions, of which 0.25 nats each may be lost."""
    for used, healthy in ((19, False), (21, True)):
        assert {v.healthy for v in judged(lb.DiagonalGaussian(3), used=used, dimensions=40)} == {healthy}
    (unknown,) = judges.judged_gaps(with_posterior(lb.FullGaussian(3)), Gaps(*GAPS[:2]), None, 40, [])
    assert unknown.healthy  # 10 nats, of 40 dimensions: level, within its noise


def test_dimensions_without_use_are_a_fault_where_they_are_most():
    (verdict,) = judges.judged_activity(Activity(np.ones(3), np.array([1, 1, 0])), 99)
    assert verdict.healthy
    assert verdict.finding.startswith("1 of 3 dimensions of z (2, counted from 0) say nothing about x")


def test_a_model_that_rows_kept_back_have_chosen_has_memorised_as_much_as_is_best():
    kept = [{"step": 1.0, "validation_bound": -3.0}]
    (verdict,) = judges.judged_memory(looked(SURE + 1), looked(SURE), kept, [])
    assert verdict.healthy
    assert verdict.finding.endswith("of a model that rows kept back from training have chosen.")
    (verdict,) = judges.judged_memory(looked(SURE + 1), looked(SURE), [{"step": 1.0}], [])
    assert not verdict.healthy


def test_no_verdict_is_left_out():
    names = {verdict.name for build in FAULTS.values() for verdict in build()}
    assert names == {
        "not finite",
        "collapsed dimensions",
        "inference gap",
        "weak posterior",
        "amortisation gap",
        "prior mismatch",
        "memorised rows",
        "decoder scale",
        "unfinished warm-up",
    }


def test_a_face_has_its_own_words():
    """The same advice as an argument and as an option, and a pair stays together."""
    (verdict,) = FAULTS["memorised rows"]()
    assert worded(verdict.advice).startswith(
        "an earlier stop: validation=0.2 with patience=10; a smaller network: "
    )
    options = worded(verdict.advice, as_option)
    assert options.startswith("an earlier stop: --validation 0.2 with --patience 10; ")
    assert options.endswith("in Python lb.fit(weight_prior=1.0)")
