"""Defaults stand in one place: `fit`, the estimator and the command line say the same."""

import inspect

import lowerbound as lb
from lowerbound.cli.fit import fit as verb
from lowerbound.training import defaults


def default_of(function, name):
    return inspect.signature(function).parameters[name].default


def test_fit_the_estimator_and_the_command_line_agree():
    for name in ("batch_size", "validation", "patience", "epochs", "precision"):
        (value,) = {default_of(function, name) for function in (lb.fit, lb.VariationalAutoencoder, verb)}
        assert value == getattr(defaults, name.upper(), None), name
    for function in (lb.VariationalAutoencoder, verb):
        assert default_of(function, "learning_rate") == lb.NAdam().learning_rate


def test_epochs_are_counted_on_the_rows_that_are_trained_on(model, rows):
    """Of 300 rows 270 are left: in batches of 270 that is 400 epochs at most, in batches of 15 it is 222."""
    seen = []
    lb.fit(model, rows, batch_size=15, callbacks=[lambda record: seen.append(record) or True])
    assert seen[0]["of_epochs"] == defaults.default_epochs(270, 15) == 222
    assert defaults.default_epochs(300, 15) == 200
